"""Tests for the thresholds page: counts and diversities checked by hand, and a visible alarm."""

import re
from pathlib import Path

import numpy as np
import pytest

from omniedit.evaluation.agreement.run_ratings import RunRatings
from omniedit.evaluation.agreement.task_agreement import Agreement
from omniedit.evaluation.agreement.thresholds import Threshold
from omniedit.reporting.candidates import Candidate, to_columns
from omniedit.reporting.page import number
from omniedit.reporting.thresholds import thresholds_page
from omniedit.scoring.diversity import effective_number, effective_number_by_chance
from omniedit.tasks import Task

CANARY = {"judge": "api", "first_run": "july", "first_record": "canary/0.parquet", "pairs": 36, "scored": 35}
CANARY |= {"scored_in_one_only": 1, "moved": 0.42, "bias": -0.4, "largest_move": 2.0, "noise": 0.05, "limit": 0.2}


def candidate(number: int, o_score: float | None, thing: str, ratio: str = "1x1", reason: str = "") -> Candidate:
    reason = reason or ("kept" if o_score and o_score >= 9 else "below threshold")
    fields = {"reasoning": "", "instruction": f"Remove the {thing}.", "thing": thing, "judge": "student"}
    scores = dict.fromkeys(("sc_score_1", "sc_score_2", "pq_score", "o_score"), o_score)
    place = {"task": Task.OBJECT_REMOVAL, "pair_id": f"p{number}", "source_id": "s", "ratio": ratio}
    return Candidate(**place, shard=Path(), row=number, **scores, **fields, kept=reason == "kept", reason=reason)


PAIRS = [candidate(0, 9.5, "dog", "3x2"), candidate(1, 9.1, "dog"), candidate(2, 8.2, "cat"), candidate(3, 4.0, "car")]
OTHERS = [candidate(4, None, "bus", reason="unscorable"), candidate(5, 9.9, "bus", reason="duplicate of p0")]


def cells(page: str) -> list[list[str]]:
    return [re.findall(r">([^<>\n]*)</td>", row) for row in re.findall(r"<tr.*?</tr>", page, re.S)]


def test_thresholds_count_only_the_pairs_that_they_decide() -> None:
    by_teacher = {(pair, "object_removal"): score for pair, score in (("p0", 9.2), ("p2", 9.0), ("p3", 1.0))}
    by_teacher |= {("p0", "style_transfer"): 1.0}
    page = thresholds_page("mini", to_columns([*PAIRS, *OTHERS], by_teacher), [], 9.0)
    rows = cells(page)
    assert ["at least 0", "4", "100 %", f"{2 * 2**0.5:.1f}", f"{2 * 2**0.5:.1f}", f"{np.exp(0.5623):.1f}"] in rows
    assert ["at least 9", "2", "50 %", "1.0", "1.0", "2.0"] in rows
    assert page.count("<img") == 3 and "over the 3 pairs that both" in page and "no canary was scored" in page


def test_each_task_is_shown_with_its_own_threshold_and_what_others_would_accept() -> None:
    rows = cells(thresholds_page("mini", to_columns([*PAIRS, *OTHERS]), [], 9.0, min_scores={"object_removal": 8.0}))
    assert ["Object removal", "8.0", "4", "3", "75 %", "75 %", "75 %", "50 %", "25 %"] in rows
    assert ["Object removal", "9.0", "4", "2", "50 %", "75 %", "75 %", "50 %", "25 %"] in cells(
        thresholds_page("mini", to_columns(PAIRS), [], 9.0)
    )


def test_a_canary_alarm_comes_first() -> None:
    page = thresholds_page("mini", to_columns(PAIRS), [CANARY | {"alarm": True}], 9.0)
    assert "Alarm: the api judge has drifted since the run july." in page and [
        "mean absolute change of O",
        "0.420",
    ] in cells(page)
    assert "Alarm" not in thresholds_page("mini", to_columns(PAIRS), [CANARY | {"alarm": False}], 9.0)
    assert "there is nothing to compare" in page and "no pair with a score" in thresholds_page(
        "mini", to_columns([]), [], 9
    )


def test_effective_number_equals_the_count_of_equally_common_values() -> None:
    rng = np.random.default_rng(0)
    even, uneven = np.repeat(range(4), 25), np.repeat(range(4), (97, 1, 1, 1))
    assert effective_number(even) == pytest.approx(4)
    assert 1 < effective_number(uneven) < 1.3
    assert effective_number_by_chance(even, 100, rng) == pytest.approx(4)
    assert 2.5 < effective_number_by_chance(even, 6, rng) < 4
    assert effective_number(np.array([], int)) == 0


def test_thresholds_are_compared_with_published_ratings_or_the_ratings_of_the_run() -> None:
    page = thresholds_page("mini", to_columns(PAIRS), [], 9.0)
    assert "depends on the judge" in page and "GPT-4o with VIEScore" in page
    assert ["at least 5", "248 of 1,432", "17 %", "82", "33 %", "72 %"] in cells(page)
    thresholds = [Threshold("all", 9.0, 8, 3, 2, 1, None), Threshold("object_swap", 9.0, 1, 0, 1, 0, None)]
    people, judge = {"sc": 0.5, "pq": 0.4, "o": None}, {"sc": 0.31, "pq": 0.2, "o": 0.26}
    row = Agreement("mean", 8, people, judge, judge_intervals={"o": [0.1, 0.42]})
    own = RunRatings([row], thresholds)
    page = thresholds_page("mini", to_columns(PAIRS), [], 9.0, own)
    assert "over the 8 pairs of this run that people rated in <code>results/mini/ratings.csv</code>" in page
    assert ["mean", "8", "0.31", "0.20", "0.26", "0.50", "0.40", number(None), "0.10 to 0.42"] in cells(page)
    assert [row for row in cells(page) if " of 8" in str(row)] == [
        ["at least 9", "2 of 8", "25 %", "1", "50 %", "33 %"]
    ]
    assert "GPT-4o" not in page


def test_pairs_without_a_score_are_counted_by_task() -> None:
    rows = cells(thresholds_page("mini", to_columns([*PAIRS, *OTHERS]), [], 9.0))
    assert ["Object removal", "6", "1", "17 %"] in rows and ["All tasks", "6", "1", "17 %"] in rows
