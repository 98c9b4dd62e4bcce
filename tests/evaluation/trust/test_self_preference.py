"""Self-preference: exact differences within tasks, and intervals that cover the truth."""

import numpy as np
import pytest

from omniedit.evaluation.trust.self_preference import SelfPreference, measure_self_preference


def test_self_preference_is_the_difference_within_tasks() -> None:
    """Check two tasks, one easier and with more own edits: over all, the difference would be 3."""
    scores = np.array([9.0, 9, 9, 8, 2, 1, 1, 1])
    is_own = np.array([True, True, True, False, True, False, False, False])
    task = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    found = measure_self_preference(scores, is_own, task)
    assert (found.own, found.others, found.difference) == (4, 4, pytest.approx(1.0))
    assert (found.own_mean, found.others_mean) == (7.25, 2.75)
    assert found.interval == (pytest.approx(1.0), pytest.approx(1.0)), "no scatter within the groups"


def test_without_a_task_with_both_families_there_is_no_difference() -> None:
    scores, task = np.array([9.0, 8, 7, np.nan]), np.array([0, 0, 1, 1])
    found = measure_self_preference(scores, np.array([True, True, False, True]), task)
    assert found == SelfPreference(2, 1, None, None)
    one = measure_self_preference(scores[:2], np.array([True, False]), task[:2])
    assert one.difference == 1 and one.interval is None, "one edit of each has no scatter"


def test_intervals_cover_the_preference_in_about_19_of_20_draws() -> None:
    rng = np.random.default_rng(0)
    covered, own = 0, np.arange(90) % 3 == 0
    task = np.arange(90) % 2
    for _ in range(400):
        scores = rng.normal(5 + task + 0.5 * own, 1 + task)
        interval = measure_self_preference(scores, own, task).interval
        assert interval is not None
        covered += interval[0] <= 0.5 <= interval[1]
    assert 0.91 <= covered / 400 <= 0.98
