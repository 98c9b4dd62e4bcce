"""Tests of FID and KID against closed forms and plain computations."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from omniedit.evaluation.metrics.distributions import frechet_distance, kernel_distance


def draw(seed: int, count: int, size: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, size)) @ rng.normal(size=(size, size)) + rng.normal(size=size)


def test_frechet_distance_matches_the_formula_with_covariance_matrices():
    a, b = draw(0, 50), draw(1, 80)
    (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(axis=0), np.cov(x, rowvar=False)) for x in (a, b))
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * np.real(sqrtm(cov_a @ cov_b)))
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_frechet_distance_in_one_dimension():
    a, b = np.array([[0.0], [2.0]]), np.array([[10.0], [14.0]])
    assert frechet_distance(a, b) == pytest.approx((1 - 12) ** 2 + (np.sqrt(2) - np.sqrt(8)) ** 2)


def test_frechet_distance_of_equal_sets_is_zero_even_for_few_images():
    few = draw(2, 4, 20)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(few, few + 3) == pytest.approx(20 * 9)


def test_kernel_distance_matches_a_loop():
    a, b = draw(3, 5), draw(4, 7)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (x @ y / 6 + 1) ** 3

    within_a = np.mean([kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within_b = np.mean([kernel(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    across = np.mean([kernel(x, y) for x in a for y in b])
    assert kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * across)


def test_kernel_distance_of_many_images_averages_subsets_drawn_with_a_fixed_seed():
    a, b = draw(5, 60, 3), draw(6, 45, 3)
    assert kernel_distance(a, b, subset=40) == kernel_distance(a, b, subset=40)
    assert kernel_distance(a, b, subset=40) == pytest.approx(kernel_distance(a, b), rel=0.2)


def test_a_single_image_has_no_distribution_distance():
    one = draw(7, 1)
    assert np.isnan(frechet_distance(one, draw(8, 9)))
    assert np.isnan(kernel_distance(one, draw(8, 9)))
