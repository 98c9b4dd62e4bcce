"""Tests of means with intervals and of paired differences."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.evaluation.bench.statistics import cluster_mean, compare_editors, correct_holm, flip_signs


def test_mean_is_over_items_and_interval_over_clusters() -> None:
    rng = np.random.default_rng(0)
    images = np.repeat(rng.normal(5, 1, 30), 10)
    names = [str(number) for number in np.repeat(np.arange(30), 10)]
    clustered = cluster_mean(images.tolist(), names, 0)
    alone = cluster_mean(images.tolist(), [str(number) for number in range(300)], 0)
    assert clustered.mean == pytest.approx(images.mean()) == alone.mean
    width, narrow = clustered.high - clustered.low, alone.high - alone.low
    assert 2.5 < width / narrow < 4  # sqrt(10), because the ten items of an image are equal


def test_interval_has_its_nominal_coverage() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        values = np.repeat(rng.normal(0, 1, 40), 2) + rng.normal(0, 1, 80)
        found = cluster_mean(values.tolist(), [str(number) for number in np.repeat(np.arange(40), 2)], trial)
        hits += found.low <= 0 <= found.high
    assert 0.89 <= hits / 200 <= 0.985


def test_an_empty_list_and_a_single_cluster_have_no_interval() -> None:
    assert isnan(cluster_mean([], [], 0).mean)
    one = cluster_mean([1.0, 3.0], ["a", "a"], 0)
    assert one.mean == 2 and isnan(one.low)


@pytest.mark.parametrize("sums, p", [([1.0], 1.0), ([1.0, 1.0, 1.0], 0.25), ([1.0, -1.0], 1.0), ([0.0] * 20, 1.0)])
def test_the_sign_test_of_few_clusters_is_exact(sums: list[float], p: float) -> None:
    assert flip_signs(np.array(sums), np.random.default_rng(0)) == p


def test_sign_test_has_its_nominal_false_positive_rate() -> None:
    rng = np.random.default_rng(2)
    p = [flip_signs(rng.normal(0, 1, 25), rng) for _ in range(200)]
    assert np.mean(np.array(p) < 0.05) < 0.1


def test_holm_correction_matches_a_known_example() -> None:
    assert correct_holm([0.01, 0.04, 0.03, nan, 0.005]) == pytest.approx([0.03, 0.06, 0.06, nan, 0.02], nan_ok=True)


@given(st.lists(st.floats(0, 1), max_size=20))
def test_corrected_p_values_are_not_smaller_and_keep_their_order(p_values: list[float]) -> None:
    corrected = correct_holm(p_values)
    assert all(1 >= after >= before for before, after in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


def test_editors_are_compared_only_on_common_items() -> None:
    items = [f"i{number}" for number in range(20)]
    clusters = dict.fromkeys(items, "") | {item: item for item in items}
    better = dict.fromkeys(items, 6.0)
    worse = dict.fromkeys(items[:15], 5.0)
    (found,) = compare_editors({"a": better, "b": worse}, clusters, 0)
    assert (found.items, found.mean.mean) == (15, 1.0)
    assert found.p < 0.001 and found.corrected == found.p


def test_editors_without_common_items_have_no_difference() -> None:
    (found,) = compare_editors({"a": {"x": 1.0}, "b": {"y": 2.0}}, {"x": "x", "y": "y"}, 0)
    assert found.items == 0 and isnan(found.mean.mean) and isnan(found.corrected)
