"""Agreement of a judge with its teacher on held-out pairs.

N  pairs that both have scored     C  clusters of them: a pair with its defects
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from omniedit.scoring.rank_correlation import Values
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.student.resampling import resample_clusters, resampled_measures, spearmans
from omniedit.scoring.verdict import Score

THRESHOLDS = (6.0, 7.0, 8.0, 9.0)
MIN_SCORE = 9.0
"""Default threshold of the filter, as in the paper. Training does not know the threshold of later runs."""
PRECISIONS = (0.8, 0.9, 0.95)
"""Precisions for which a threshold of the student is proposed."""
DRAWS = 500
"""Number of resamplings of a bootstrap."""
BEFORE_TRAINING = "agreement_before"
"""Name of the table of rows before training, next to agreement.parquet."""
_CHOICE_MEASURES = ("precision", "recall", "f1")
_SCORES = ("sc_score_1", "sc_score_2", "sc_score", "pq_score", "o_score")

AGREEMENT_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("pair_id", "task", "ratio", "defect", "reason")]
    + [(f"{who}_{score}", pa.float64()) for who in ("teacher", "student") for score in _SCORES]
)
"""One held-out example per row, for figures; the student's scores are null if its reply could not be read."""

AgreementRow = Mapping[str, Any]
Measure = Callable[[Values, Values], float | None]
"""Function of the teacher's and the student's scores; it returns None if the value cannot be computed."""


def agreement_row(
    pair_id: str, task: str, ratio: str, defect: str, teacher: Score, student: Score | Unscorable
) -> dict[str, Any]:
    row: dict[str, Any] = {"pair_id": pair_id, "task": task, "ratio": ratio, "defect": defect}
    row |= {f"teacher_{score}": getattr(teacher, score) for score in _SCORES}
    if isinstance(student, Unscorable):
        return row | {"reason": student.reason} | {f"student_{score}": None for score in _SCORES}
    return row | {"reason": ""} | {f"student_{score}": getattr(student, score) for score in _SCORES}


def write_agreement(
    folder: Path, rows: Sequence[AgreementRow], before: Sequence[AgreementRow], about: Mapping[str, Any]
) -> None:
    """Write agreement.json and the tables of rows before and after training, and print the main figures.

    agreement.json has the figures after training, those `before` it, and a description (`about`) of the student.
    Figures at other thresholds can be computed from the tables.
    """
    figures = agreement(rows)
    content = {**about, **figures, "before": agreement(before)}
    print(json.dumps({key: figures[key] for key in ("held_out", "unscorable", "spearman", "at_threshold")}))
    (folder / "agreement.json").write_text(json.dumps(content, indent=2) + "\n")
    for name, table in (("agreement", rows), (BEFORE_TRAINING, before)):
        pq.write_table(pa.Table.from_pylist(list(table), schema=AGREEMENT_SCHEMA), folder / f"{name}.parquet")


def at_min_score(
    content: Mapping[str, Any], rows: Sequence[AgreementRow], before: Sequence[AgreementRow] | None, min_score: float
) -> dict[str, Any]:
    """Return the content of agreement.json for another threshold of the filter.

    Args:
        content: the present content.
        before: rows before training; None for an older student without that table, for which the values are null.
    """
    if content.get("min_score", MIN_SCORE) == min_score:
        return dict(content)
    return {
        **content,
        **agreement(rows, min_score),
        "before": _without_choice(content["before"]) if before is None else agreement(before, min_score),
    }


def agreement(rows: Sequence[AgreementRow], min_score: float = MIN_SCORE) -> dict[str, Any]:
    """Return figures of agreement over held-out rows; None for a figure without data (no pair above a threshold).

    They are: Spearman's rank correlation and mean absolute error of each score; precision, recall and F1 of the
    student's accepted pairs compared with the teacher's, at each threshold of O; figures of O with intervals, over all
    pairs, by task and by ratio; the teacher's mean O by the student's O; the mean O that both give to each defect.

    Args:
        min_score: the filter's threshold on O, for precision, recall and F1 over all pairs, by task and by ratio.
    """
    read = scored_rows(rows)
    return {
        "min_score": min_score,
        "held_out": len(rows),
        "unscorable": len(rows) - len(read),
        "spearman": {score: spearman(*_columns(read, score)) for score in _SCORES},
        "mean_absolute_error": {score: mean_absolute_error(*_columns(read, score)) for score in _SCORES},
        "at_threshold": {str(t): _choice_at(*_columns(read, "o_score"), t) for t in sorted({*THRESHOLDS, min_score})},
        "overall": overall(read, min_score),
        "by_task": _group_metrics(read, "task", min_score),
        "by_ratio": _group_metrics(read, "ratio", min_score),
        "calibration": calibration(*_columns(read, "o_score")),
        "by_defect": {
            defect or "none": _means([row for row in read if row["defect"] == defect])
            for defect in sorted({row["defect"] for row in rows})
        },
    }


def scored_rows(rows: Sequence[AgreementRow]) -> list[AgreementRow]:
    """Return the rows that the student has scored."""
    return [row for row in rows if row["student_o_score"] is not None]


def overall(rows: Sequence[AgreementRow], min_score: float) -> dict[str, Any]:
    """Return figures of O: number of pairs, each of `measures`, and its 95 % interval."""
    teacher_N, student_N = _columns(rows, "o_score")
    values = {name: measure(teacher_N, student_N) for name, measure in measures(min_score).items()}
    return {"pairs": len(rows), **values, "intervals": intervals(rows, min_score)}


def intervals(rows: Sequence[AgreementRow], min_score: float = MIN_SCORE) -> dict[str, list[float] | None]:
    """Return 95 % percentile intervals of `measures` by the bootstrap over pairs (Efron 1979).

    A pair is drawn with all its defects. An interval is None if fewer than half of the draws give a value, or if all
    give the same value, because it would be meaningless.
    """
    teacher_N, student_N = _columns(rows, "o_score")
    cluster_N = np.unique([f"{row['task']} {row['pair_id']}" for row in rows], return_inverse=True)[1]
    samples: dict[str, list[float]] = {name: [] for name in measures(min_score)}
    for count_DN in resample_clusters(cluster_N, DRAWS, np.random.default_rng(0)):
        for name, values in resampled_measures(teacher_N, student_N, count_DN, min_score).items():
            samples[name] += [value for value in values if value is not None]
    return {
        name: np.percentile(values, [2.5, 97.5]).round(4).tolist()
        if len(values) >= DRAWS / 2 and len(set(values)) > 1
        else None
        for name, values in samples.items()
    }


def calibration(teacher_N: Values, student_N: Values) -> list[dict[str, float | int]]:
    """Return, for each whole point of the student's O, the number of pairs and their mean O by the student and by the
    teacher.
    """
    bin_N = np.minimum(student_N.astype(int), 9)
    return [
        {
            "pairs": int((bin_N == point).sum()),
            "student": round(float(student_N[bin_N == point].mean()), 4),
            "teacher": round(float(teacher_N[bin_N == point].mean()), 4),
        }
        for point in np.unique(bin_N)
    ]


def proposal(rows: Sequence[AgreementRow], min_score: float, least_precision: float) -> dict[str, float | int] | None:
    """Return the smallest threshold on the student's O at which its accepted pairs are precise enough, or None.

    Precision is the share of the student's accepted pairs that the teacher accepts too.

    Args:
        min_score: the teacher's own threshold.
    """
    teacher_N, student_N = _columns(scored_rows(rows), "o_score")
    for threshold in np.unique(np.floor(100 * student_N) / 100):
        chosen = choice(teacher_N >= min_score, student_N >= threshold)
        if chosen["precision"] >= least_precision:
            return {"threshold": round(float(threshold), 2), **chosen}
    return None


def choice(relevant_N: NDArray[np.bool_], accepted_N: NDArray[np.bool_]) -> dict[str, Any]:
    """Compare the student's accepted pairs with the teacher's. F1 = 2 both / (accepted by the teacher + accepted by the
    student).
    """
    both, relevant, accepted = (int(chosen.sum()) for chosen in (relevant_N & accepted_N, relevant_N, accepted_N))
    return {
        "teacher_keeps": relevant,
        "student_keeps": accepted,
        "precision": round(both / accepted, 4) if accepted else None,
        "recall": round(both / relevant, 4) if relevant else None,
        "f1": round(2 * both / (relevant + accepted), 4) if relevant + accepted else None,
    }


def spearman(a_N: Values, b_N: Values) -> float | None:
    """Return Spearman's correlation, ties sharing their mean rank; None if either is constant."""
    return spearmans(a_N, b_N, np.ones((1, len(a_N)), int))[0] if len(a_N) > 1 else None


def mean_absolute_error(teacher_N: Values, student_N: Values) -> float | None:
    return round(float(np.abs(teacher_N - student_N).mean()), 4) if len(teacher_N) else None


def measures(min_score: float) -> dict[str, Measure]:
    """Return the measures of agreement on O; precision, recall and F1 are those of the pairs accepted at
    `min_score`.
    """

    def of_choice(name: str) -> Measure:
        return lambda teacher_N, student_N: _choice_at(teacher_N, student_N, min_score)[name]

    return {
        "spearman": spearman,
        "mean_absolute_error": mean_absolute_error,
        **{name: of_choice(name) for name in _CHOICE_MEASURES},
    }


def _without_choice(figures: Mapping[str, Any]) -> dict[str, Any]:
    unknown: dict[str, None] = dict.fromkeys(_CHOICE_MEASURES)
    overall = figures["overall"]
    return {**figures, "overall": {**overall, **unknown, "intervals": {**overall["intervals"], **unknown}}}


def _group_metrics(rows: Sequence[AgreementRow], column: str, min_score: float) -> dict[str, dict[str, Any]]:
    values = sorted({row[column] for row in rows})
    return {value: overall([row for row in rows if row[column] == value], min_score) for value in values}


def _columns(rows: Sequence[AgreementRow], score: str) -> tuple[Values, Values]:
    """Return the teacher's and the student's values of one score."""
    teacher, student = ([row[f"{judge}_{score}"] for row in rows] for judge in ("teacher", "student"))
    return np.array(teacher, float), np.array(student, float)


def _choice_at(teacher_N: Values, student_N: Values, threshold: float) -> dict[str, Any]:
    return choice(teacher_N >= threshold, student_N >= threshold)


def _means(rows: Sequence[AgreementRow]) -> dict[str, float | int | None]:
    means = {judge: [row[f"{judge}_o_score"] for row in rows] for judge in ("teacher", "student")}
    return {"pairs": len(rows)} | {judge: round(float(np.mean(v)), 4) if v else None for judge, v in means.items()}
