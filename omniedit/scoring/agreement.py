"""How far a judge agrees with its teacher on pairs that it has never seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from omniedit.scoring.parser import Unscorable
from omniedit.scoring.score import Score

THRESHOLDS = (6.0, 7.0, 8.0, 9.0)
_SCORES = ("sc_score_1", "sc_score_2", "sc_score", "pq_score", "o_score")

AGREEMENT_SCHEMA = pa.schema(
    [("pair_id", pa.string()), ("task", pa.string()), ("defect", pa.string()), ("reason", pa.string())]
    + [(f"{who}_{score}", pa.float64()) for who in ("teacher", "student") for score in _SCORES]
)
"""One held-out example a row, for figures; the student's scores are null where its reply could not be read."""


def agreement_row(pair_id: str, task: str, defect: str, teacher: Score, student: Score | Unscorable) -> dict[str, Any]:
    row: dict[str, Any] = {"pair_id": pair_id, "task": task, "defect": defect}
    row |= {f"teacher_{score}": getattr(teacher, score) for score in _SCORES}
    if isinstance(student, Unscorable):
        return row | {"reason": student.reason} | {f"student_{score}": None for score in _SCORES}
    return row | {"reason": ""} | {f"student_{score}": getattr(student, score) for score in _SCORES}


def agreement(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of agreement over held-out rows; what cannot be computed (no pair above a threshold) is null.

    Spearman's rank correlation and mean absolute error of each score; at each threshold of O the student's precision
    and recall of the teacher's choice; the mean O that both give to each defect.
    """
    read = [row for row in rows if row["student_o_score"] is not None]
    return {
        "held_out": len(rows),
        "unscorable": len(rows) - len(read),
        "spearman": {score: spearman(*_columns(read, score)) for score in _SCORES},
        "mean_absolute_error": {score: _mean_absolute_error(*_columns(read, score)) for score in _SCORES},
        "at_threshold": {str(t): _choice(*_columns(read, "o_score"), t) for t in THRESHOLDS},
        "by_defect": {
            defect or "none": _means([row for row in read if row["defect"] == defect])
            for defect in sorted({row["defect"] for row in rows})
        },
    }


def spearman(a_N: NDArray[np.float64], b_N: NDArray[np.float64]) -> float | None:
    """Pearson's correlation of the ranks, ties sharing their mean rank; None where either is constant."""
    if len(a_N) < 2 or np.ptp(a_N) == 0 or np.ptp(b_N) == 0:
        return None
    return round(float(np.corrcoef(_ranks(a_N), _ranks(b_N))[0, 1]), 4)


def _ranks(values_N: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values_N, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return (last - (counts - 1) / 2)[inverse]


def _columns(rows: Sequence[Mapping[str, Any]], score: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The teacher's and the student's values of one score."""
    teacher, student = ([row[f"{who}_{score}"] for row in rows] for who in ("teacher", "student"))
    return np.array(teacher, float), np.array(student, float)


def _mean_absolute_error(teacher_N: NDArray[np.float64], student_N: NDArray[np.float64]) -> float | None:
    return round(float(np.abs(teacher_N - student_N).mean()), 4) if len(teacher_N) else None


def _choice(
    teacher_N: NDArray[np.float64], student_N: NDArray[np.float64], threshold: float
) -> dict[str, float | int | None]:
    wanted, taken = teacher_N >= threshold, student_N >= threshold
    both = int((wanted & taken).sum())
    return {
        "teacher_keeps": int(wanted.sum()),
        "student_keeps": int(taken.sum()),
        "precision": round(both / int(taken.sum()), 4) if taken.any() else None,
        "recall": round(both / int(wanted.sum()), 4) if wanted.any() else None,
    }


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | int | None]:
    means = {who: [row[f"{who}_o_score"] for row in rows] for who in ("teacher", "student")}
    return {"pairs": len(rows)} | {who: round(float(np.mean(v)), 4) if v else None for who, v in means.items()}
