import numpy as np
import pytest

from omniedit.scoring.reference.fields import blockiness, distribution_distance, mean_inside, sorted_quantiles

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count", [1, 2, 33, 1000])
def test_quantiles_of_sorted_values_match_numpy(count: int) -> None:
    values = np.sort(RNG.normal(size=(4, count)), axis=1)
    levels = np.array([0, 0.02, 0.5, 0.98, 1])
    assert np.allclose(sorted_quantiles(values, levels), np.quantile(values, levels, axis=1).T)


def test_a_shift_of_all_values_equals_the_distance() -> None:
    values = RNG.normal(size=(500, 2)).astype(np.float32)
    assert distribution_distance(values, RNG.permutation(values + (3, 4))) == pytest.approx(5, rel=1e-5)


def test_a_mean_counts_only_the_region() -> None:
    field = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert mean_inside(field, field > 8) == 10
    assert mean_inside(field[:, 1:], field[:, 1:] > 20) == 0


@pytest.mark.parametrize("transposed", [False, True])
def test_blocks_are_steps_at_every_eighth_pixel(transposed: bool) -> None:
    flat = np.repeat(np.arange(8, dtype=np.float32), 8)[None] * np.ones((64, 1), np.float32)
    blocks = np.ascontiguousarray(flat.T) if transposed else flat
    everywhere = np.ones(blocks.shape, bool)
    assert blockiness(blocks, everywhere) == pytest.approx((1 + 0.05) / 0.05)
    assert blockiness(RNG.normal(size=(64, 64)).astype(np.float32), everywhere) < 2
    outside = everywhere.copy()
    (outside if not transposed else outside.T)[:, 7::8] = False
    assert blockiness(blocks, outside) == 1


def test_an_image_of_one_step_is_not_blocky_outside_the_region() -> None:
    luma = np.zeros((32, 32), np.float32)
    luma[:, 16:] = 50
    region = np.zeros((32, 32), bool)
    region[:, :16] = True
    assert blockiness(luma, region) == 1
