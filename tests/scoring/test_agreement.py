"""Agreement is what its names say, and null where there is nothing to compute it from."""

import numpy as np
import pytest

from omniedit.scoring.agreement import agreement, agreement_row, spearman
from omniedit.scoring.parser import Unscorable
from omniedit.scoring.score import Score


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
        agreement_row(str(i), "object_swap", "", Score(t, t, t), Score(s, s, s))
        for i, (t, s) in enumerate(zip(teacher, student, strict=True))
    ]
    rows.append(agreement_row("cut", "object_swap", "blur", Score(5, 5, 5), Unscorable("cut off")))
    figures = agreement(rows)
    assert figures["held_out"] == 5
    assert figures["unscorable"] == 1
    assert figures["at_threshold"]["9.0"] == pytest.approx(
        {"teacher_keeps": 3, "student_keeps": 3, "precision": 0.6667, "recall": 0.6667}
    )
    assert figures["by_defect"]["blur"] == {"pairs": 0, "teacher": None, "student": None}


def test_nothing_read_gives_nulls_not_numbers() -> None:
    figures = agreement([agreement_row("a", "object_swap", "", Score(5, 5, 5), Unscorable("?"))])
    assert figures["spearman"]["o_score"] is None
    assert figures["mean_absolute_error"]["o_score"] is None
    assert figures["at_threshold"]["9.0"]["precision"] is None
