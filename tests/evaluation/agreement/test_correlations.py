"""Tests of rank correlations under weightings: those of repeated images, and intervals that cover."""

from math import atanh, tanh

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.evaluation.agreement.correlations import (
    DRAWS,
    MAX_IMAGES,
    draw_weights,
    interval,
    mean_tanh,
    mean_z,
    rank_correlations,
)
from omniedit.scoring.student.agreement import spearman

SCORES = st.lists(st.integers(0, 4), min_size=3, max_size=12)


@given(SCORES, SCORES, st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_a_weight_counts_like_repeated_images(a: list[int], b: list[int], weights: list[int]) -> None:
    size = min(len(a), len(b))
    a_N, b_N, weight_N = np.array(a[:size], float), np.array(b[:size], float), np.array(weights[:size])
    ones, drawn = rank_correlations(a_N, b_N, np.array([np.ones(size), weight_N], float))
    for found, repeats in ((ones, np.ones(size, int)), (drawn, weight_N)):
        expected = spearman(np.repeat(a_N, repeats), np.repeat(b_N, repeats))
        assert np.isnan(found) if expected is None else found == pytest.approx(expected, abs=6e-5)


def test_images_without_both_values_are_omitted_and_few_images_have_no_correlation() -> None:
    nan, weights = np.nan, np.ones((1, 5))
    a, b = np.array([1, 2, nan, 4, 9.0]), np.array([2, 1, 5, 3, nan])
    assert rank_correlations(a, b, weights)[0] == pytest.approx(0.5)
    assert np.isnan(rank_correlations(np.array([1, 2, nan, nan, nan]), b, weights)).all()
    assert np.isnan(rank_correlations(np.ones(5), np.arange(5.0), weights)).all()


def test_averages_match_fishers_z_and_the_notebook() -> None:
    values = [np.array([0.2, np.nan]), np.array([0.8, 0.5])]
    assert mean_z(values) == pytest.approx([tanh((atanh(0.2) + atanh(0.8)) / 2), 0.5])
    assert mean_tanh(values) == pytest.approx([tanh(0.5), tanh(0.5)])
    assert np.isnan(mean_z([np.array([np.nan])])).all()


def test_the_first_weights_count_each_image_once_and_every_draw_has_as_many_images() -> None:
    rng = np.random.default_rng
    weights = draw_weights(7, rng(0))
    assert weights.shape == (DRAWS + 1, 7) and (weights[0] == 1).all() and (weights.sum(axis=1) == 7).all()
    assert (draw_weights(7, rng(0)) == weights).all()
    assert draw_weights(1, rng(0)).shape == (1, 1) and draw_weights(MAX_IMAGES + 1, rng(0)).shape[0] == 1


def test_an_interval_covers_its_estimate_and_is_none_if_undefined() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=200)
    draws = rank_correlations(truth, truth + rng.normal(size=200), draw_weights(200, rng))
    low, high = interval(draws) or (9, 9)
    assert low < draws[0] < high and 0.1 < high - low < 0.3
    assert interval(np.full(DRAWS + 1, 0.5)) is None and interval(np.array([0.5])) is None
    assert interval(np.append(np.linspace(0, 1, DRAWS // 2), np.full(DRAWS, np.nan))) is None
