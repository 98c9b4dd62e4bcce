"""Tests of thresholds against people: counts by hand, and those of GPT-4o on real edits."""

from dataclasses import replace
from pathlib import Path

import pytest

from omniedit.evaluation.agreement import Rating, read_judged, read_ratings
from omniedit.evaluation.agreement.thresholds import PUBLISHED, mean_human_o, threshold_rows

VIESCORE = Path(__file__).parents[1] / "published/viescore"
TASK = "ImagenHub_Text-Guided_IE"


def rate(pair: str, task: str, *scores: float) -> list[Rating]:
    return [Rating((pair, "", task), f"rater{n}", dict.fromkeys(("sc", "pq", "o"), o)) for n, o in enumerate(scores)]


def test_accepted_and_good_images_are_counted() -> None:
    ratings = [*rate("a", "", 1, 1, 0.1), *rate("b", "", 0.5), *rate("c", "", 1), *rate("d", "", 1)]
    judged = {(pair, "", ""): {"o": o} for pair, o in (("a", 9.0), ("b", 8.5), ("c", 5.0))}
    rows = {row.threshold: row for row in threshold_rows(ratings, judged, 0.7)}
    assert list(rows) == list(range(1, 10)) and rows[9].images == 3
    assert [(row.kept, row.kept_good, row.good) for row in (rows[9], rows[8], rows[5])] == [
        (1, 1, 2),
        (2, 1, 2),
        (3, 2, 2),
    ]
    assert (rows[9].share, rows[9].precision, rows[9].recall) == (1 / 3, 1, 0.5)
    assert mean_human_o(ratings)[("a", "", "")] == pytest.approx(0.7)


def test_a_threshold_that_accepts_nothing_has_no_precision() -> None:
    rows = threshold_rows(rate("a", "", 0.2), {("a", "", ""): {"o": 3.0}}, 0.7)
    assert rows[-1].kept == 0 and rows[-1].precision is None and rows[-1].recall is None and rows[-1].interval is None


def test_each_of_several_tasks_has_its_own_rows() -> None:
    ratings = [*rate("a", "swap", 1), *rate("a", "style", 0)]
    rows = threshold_rows(ratings, {("a", "", "swap"): {"o": 9.0}, ("a", "", "style"): {"o": 1.0}}, 0.7)
    assert [(row.task, row.kept, row.good) for row in rows if row.threshold == 9] == [
        ("all", 1, 1),
        ("swap", 1, 1),
        ("style", 0, 0),
    ]


def test_recorded_scores_of_gpt_4o_reproduce_the_table_that_the_report_cites() -> None:
    judged = read_judged(VIESCORE / "gpt4o_0shot.csv", "pair_id")
    rows = threshold_rows(read_ratings(VIESCORE / "imagenhub_ratings" / TASK, "pair_id"), judged, 0.7)
    assert [replace(row, interval=None) for row in rows] == PUBLISHED
    assert [(row.threshold, row.kept) for row in rows if row.threshold in (5, 7, 8, 9)] == [
        (5, 248),
        (7, 104),
        (8, 54),
        (9, 3),
    ]
    low, high = rows[4].interval or (0, 0)
    assert low < 82 / 248 < high and high - low < 0.2
