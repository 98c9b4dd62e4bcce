"""Tests of accuracies, their intervals, and both forms of output."""

import json

import pytest

from omniedit.evaluation.reward_benches.result import (
    Accuracy,
    VoteResult,
    count_by,
    describe,
    mean_accuracy,
    to_json,
    wilson,
)


def test_wilson_interval_matches_the_formula() -> None:
    assert wilson(5, 10) == pytest.approx((0.23659, 0.76341), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.27753), abs=1e-4) and wilson(10, 10)[1] == pytest.approx(1)


def test_tallies_count_by_name_and_average_with_equal_weights() -> None:
    parts = count_by([("a", True), ("b", False), ("a", True), ("a", False)])
    assert parts == [Accuracy("a", 3, 2), Accuracy("b", 1, 0)]
    assert mean_accuracy([*parts, Accuracy("c", 0, 0)]) == pytest.approx(1 / 3) and mean_accuracy([]) is None


def test_text_and_json_have_the_same_figures_and_list_skipped_rows() -> None:
    result = VoteResult("groups", "Ties are wrong.", Accuracy("all", 3, 1), [Accuracy("K = 2", 3, 1)], {"mean": 1 / 3})
    result = VoteResult(**{**vars(result), "wrong": {"unread": 1}, "skipped": {"no id": 2}})
    figures = json.loads(json.dumps(to_json("x", result, None)))
    assert (figures["accuracy"], figures["total"], figures["correct"]) == (33.33, 3, 1)
    assert figures["parts"][0]["interval"] == figures["interval"] == [6.15, 79.23]
    lines = describe("Title", result, 3)
    assert "| all | 3 | 1 | 33.33 | 6.15 to 79.23 |" in lines and "mean: 33.33" in lines
    assert lines[-2:] == ["1 groups count as wrong: unread", "2 rows are skipped: no id"]
    assert describe("Title", result, 484)[-1].startswith("The whole bench has 484 groups")
    empty = to_json("x", VoteResult("groups", "", Accuracy("all", 0, 0)), None)
    assert empty["accuracy"] is None and empty["interval"] is None
