"""Agreement: figures have their usual definitions, and are null if nothing can be computed."""

import json
from pathlib import Path

import numpy as np
import pytest

from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.student.agreement import (
    BEFORE_TRAINING,
    agreement,
    agreement_row,
    at_min_score,
    calibration,
    intervals,
    proposal,
    spearman,
    write_agreement,
)
from omniedit.scoring.verdict import Score
from omniedit.storage.parquet import read_rows


def test_spearman_ranks_with_ties_sharing_their_mean_rank() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 60).astype(float), rng.integers(0, 5, 60).astype(float)
    ranks = [[(x > y).sum() + ((x == y).sum() + 1) / 2 for x in y] for y in (a, b)]
    assert spearman(a, b) == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-4)
    assert spearman(a, a**3) == pytest.approx(1)
    assert spearman(a, np.ones(60)) is None


def test_precision_and_recall_at_the_threshold() -> None:
    teacher, student = [9.5, 9.2, 3.0, 9.1], [9.4, 2.0, 9.3, 9.9]
    rows = [
        agreement_row(str(i), "object_swap", "3x2", "", Score(t, t, t), Score(s, s, s))
        for i, (t, s) in enumerate(zip(teacher, student, strict=True))
    ]
    rows.append(agreement_row("cut", "object_swap", "3x2", "blur", Score(5, 5, 5), Unscorable("cut off")))
    figures = agreement(rows)
    assert figures["held_out"] == 5
    assert figures["unscorable"] == 1
    assert figures["at_threshold"]["9.0"] == pytest.approx(
        {"teacher_keeps": 3, "student_keeps": 3, "precision": 0.6667, "recall": 0.6667, "f1": 0.6667}
    )
    assert figures["by_defect"]["blur"] == {"pairs": 0, "teacher": None, "student": None}


def test_changing_the_threshold_changes_only_the_choice_and_its_intervals(tmp_path: Path) -> None:
    """Check the files of a student's folder; without the rows before training, the choice before is null."""
    rng = np.random.default_rng(0)
    rows = [row(i, t, np.clip(t + rng.normal(0, 1), 0, 10)) for i, t in enumerate(rng.uniform(4, 10, 60))]
    before = [row(i, 8 + i % 2, 5 + i % 5) for i in range(40)]
    write_agreement(tmp_path, rows, before, {"teacher": "reference"})
    figures = json.loads((tmp_path / "agreement.json").read_text())
    stored, stored_before = (read_rows(tmp_path / f"{name}.parquet") for name in ("agreement", BEFORE_TRAINING))
    assert figures["min_score"] == 9 and at_min_score(figures, stored, stored_before, 9.0) == figures
    lower = at_min_score(figures, stored, stored_before, 7.5)
    teacher, student = (np.array([r[f"{who}_o_score"] for r in rows]) for who in ("teacher", "student"))
    both = ((teacher >= 7.5) & (student >= 7.5)).sum()
    for of_all in (lower["overall"], lower["by_ratio"]["3x2"], lower["at_threshold"]["7.5"]):
        assert of_all["precision"] == pytest.approx(both / (student >= 7.5).sum(), abs=1e-4)
    low, high = lower["overall"]["intervals"]["precision"]
    assert low < lower["overall"]["precision"] < high and lower["min_score"] == 7.5
    assert lower["overall"]["spearman"] == figures["overall"]["spearman"] and lower["teacher"] == "reference"
    assert (figures["before"]["overall"]["recall"], lower["before"]["overall"]["recall"]) == (0.2, 0.4)
    older = at_min_score({name: figures[name] for name in figures if name != "min_score"}, stored, None, 7.5)["before"]
    assert older["overall"]["recall"] is None and older["overall"]["intervals"]["recall"] is None
    assert older["overall"]["spearman"] == figures["before"]["overall"]["spearman"]


def test_figures_without_scores_are_null() -> None:
    figures = agreement([agreement_row("a", "object_swap", "3x2", "", Score(5, 5, 5), Unscorable("?"))])
    assert figures["spearman"]["o_score"] is None
    assert figures["mean_absolute_error"]["o_score"] is None
    assert figures["at_threshold"]["9.0"]["precision"] is None
    assert figures["calibration"] == [] and figures["overall"]["intervals"]["spearman"] is None


def row(pair: int, teacher: float, student: float, task: str = "object_swap") -> dict:
    scores = Score(teacher, teacher, teacher), Score(student, student, student)
    return agreement_row(str(pair), task, "3x2", "", *scores)


def test_intervals_contain_the_value_and_narrow_with_distinct_pairs() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 10, 400)
    rows = [row(i, t, np.clip(t + rng.normal(0, 2), 0, 10)) for i, t in enumerate(truth)]
    (low, high), (low_few, high_few) = (intervals(part)["spearman"] for part in (rows, rows[:25]))
    assert low < spearman(*np.array([(r["teacher_o_score"], r["student_o_score"]) for r in rows]).T) < high
    assert high_few - low_few > 2 * (high - low)
    copied = intervals([each for each in rows[:25] for _ in range(16)])["spearman"]
    assert copied == pytest.approx([low_few, high_few], abs=0.03)


def test_figures_are_computed_per_group() -> None:
    good = [row(i, i, i) for i in range(8)]
    bad = [row(i, i, 7 - i, "style_transfer") for i in range(8, 0, -1) if i < 8]
    by_task = agreement([*good, *bad])["by_task"]
    assert (by_task["object_swap"]["spearman"], by_task["style_transfer"]["spearman"]) == (1, -1)
    assert by_task["object_swap"]["pairs"] == 8


def test_calibration_is_the_mean_of_the_teacher_per_bin_of_the_student() -> None:
    teacher, student = np.array([1.0, 3.0, 9.0, 10.0]), np.array([5.1, 5.9, 9.5, 10.0])
    assert calibration(teacher, student) == [
        {"pairs": 2, "student": 5.5, "teacher": 2.0},
        {"pairs": 2, "student": 9.75, "teacher": 9.5},
    ]


def test_the_proposed_threshold_is_the_lowest_with_the_requested_precision() -> None:
    rows = [row(i, *scores) for i, scores in enumerate([(9.5, 8.0), (9.2, 7.5), (5, 7.0), (9.1, 6.5), (2, 6.0)])]
    found = proposal(rows, min_score=9, least_precision=0.75)
    assert found == {
        "threshold": 6.5,
        "teacher_keeps": 3,
        "student_keeps": 4,
        "precision": 0.75,
        "recall": 1.0,
        "f1": 0.8571,
    }
    assert proposal(rows, 9, 0.9)["threshold"] == 7.5
    assert proposal(rows, 9.8, 0.5) is None
