"""Length bias: exact correlations, groups kept apart, and intervals that cover the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.evaluation.trust.length_bias import MIN_PAIRS, LengthBias, measure_length_bias


def test_a_score_that_grows_with_length_is_a_bias_of_1() -> None:
    lengths = np.arange(20.0)
    found = measure_length_bias(lengths**2, lengths, np.zeros(20))
    assert found.correlation == pytest.approx(0.9999, abs=1e-3) and found.pairs == 20
    assert found.interval is not None and found.interval[0] > 0.99
    assert measure_length_bias(-lengths, lengths, np.zeros(20)).correlation == pytest.approx(-0.9999, abs=1e-3)


def test_differences_between_tasks_cause_no_bias() -> None:
    rng = np.random.default_rng(0)
    task = np.repeat([0, 1], 200)
    lengths, scores = 10 * task + rng.integers(0, 5, 400), 5 * task + rng.random(400)
    found = measure_length_bias(scores, lengths.astype(float), task)
    assert found.interval is not None and found.interval[0] < 0 < found.interval[1]
    together = measure_length_bias(scores, lengths.astype(float), np.zeros(400))
    assert together.correlation is not None and together.correlation > 0.7


def test_pairs_without_a_score_and_small_or_constant_groups_are_omitted() -> None:
    lengths, scores = np.arange(12.0), np.arange(12.0)[::-1].copy()
    scores[7:] = np.nan
    found = measure_length_bias(scores, lengths, np.zeros(12))
    assert found.pairs == 7 and found.correlation is not None and found.correlation < 0
    few = MIN_PAIRS - 1
    assert measure_length_bias(scores[:few], lengths[:few], np.zeros(few)) == LengthBias(None, None, 0)
    assert measure_length_bias(np.ones(12), lengths, np.zeros(12)) == LengthBias(None, None, 0)


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_interval_contains_the_estimate_and_negated_scores_negate_it(seed: int, tasks: int) -> None:
    rng = np.random.default_rng(seed)
    scores, lengths, task = rng.random(60), rng.integers(1, 30, 60).astype(float), rng.integers(0, tasks, 60)
    found, mirrored = measure_length_bias(scores, lengths, task), measure_length_bias(-scores, lengths, task)
    assert found.correlation is not None and found.interval is not None and mirrored.correlation is not None
    assert -1 <= found.interval[0] <= found.correlation <= found.interval[1] <= 1
    assert found.correlation == pytest.approx(-mirrored.correlation, abs=1e-9)


def test_intervals_cover_zero_in_about_19_of_20_draws_without_bias() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        found = measure_length_bias(rng.random(40), rng.random(40), np.repeat([0, 1], 20))
        assert found.interval is not None
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert 0.92 <= covered / 400 <= 0.98
