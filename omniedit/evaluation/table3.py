"""Benchmark table in the form of the paper's Table 3: a row for each model, PQ, SC and O averaged over pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isinf, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from omniedit.architectures import ARCHITECTURES, BASELINES
from omniedit.errors import UserError
from omniedit.evaluation.own_benchmark_edits import MODELS
from omniedit.evaluation.own_benchmark_scores import COLUMNS
from omniedit.evaluation.preservation import psnr
from omniedit.plain_text import markdown_cell, markdown_table
from omniedit.storage.parquet import read_rows
from omniedit.tasks import ALL_TASKS, Task, order_tasks

RESAMPLES = 10_000
SCORES = ("pq", "sc", "o")
LABELS = {name: architecture.label for name, architecture in ARCHITECTURES.items()} | BASELINES
HEAD = ("model", "PQ avg", "SC avg", "O avg", "pairs", "unscorable", "PSNR outside mask (dB)", "pixel shift (px)")
_TEXT, _NUMBER, _COUNT = pa.string(), pa.float64(), pa.int64()
TABLE3_SCHEMA = pa.schema(
    [("model", _TEXT), ("task", _TEXT), ("judge", _TEXT), ("pairs", _COUNT), ("photos", _COUNT), ("unscorable", _COUNT)]
    + [(f"{score}{end}", _NUMBER) for score in SCORES for end in ("", "_low", "_high")]
    + [(name, _NUMBER) for name in ("mae_outside", "psnr_outside", "ssim_outside", "pixel_shift")]
)


@dataclass(frozen=True)
class Interval:
    """Mean with its 95 % bootstrap interval. Without values, all are NaN; for a single value, the ends are NaN."""

    mean: float
    low: float = nan
    high: float = nan

    def __str__(self) -> str:
        if not isfinite(self.mean):
            return "-"
        return f"{self.mean:.2f}" + (f" [{self.low:.2f}, {self.high:.2f}]" if isfinite(self.low) else "")


def bootstrap_mean(values: Sequence[float], rng: np.random.Generator) -> Interval:
    """Return the mean and its percentile interval over `RESAMPLES` draws with replacement (Efron 1979)."""
    if len(values) < 2:
        return Interval(values[0] if values else nan)
    sample = np.asarray(values, np.float64)
    means = bootstrap_means(sample, rng)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(sample.mean()), float(low), float(high))


def bootstrap_means(sample: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (RESAMPLES,) means of draws with replacement, computed a hundred at a time to save memory."""
    size, block = len(sample), 100
    draws = (rng.multinomial(size, np.full(size, 1 / size), block) for _ in range(RESAMPLES // block))
    return np.concatenate([counts @ sample / size for counts in draws])


def read_scores(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Read rows of `BENCH_SCHEMA` from several files, and add `sc_score`, the smaller of the two sub-scores."""
    rows = [row for path in paths for row in read_rows(path, COLUMNS)]
    for row in rows:
        scored = row["status"] == "scored"
        row["sc_score"] = min(row["sc_score_1"], row["sc_score_2"]) if scored else None
    return rows


def table3(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Return a row for each model and task, and a row for each model over all tasks (task 'all').

    `pq`, `sc` and `o` are means over the scorable pairs, with the low and high ends of their 95 % intervals. `pairs`
    counts all pairs, `unscorable` the pairs without a score. Metrics outside the mask are averaged over the pairs with
    a mask.
    """
    judges = {(row["judge"], row["prompt_hash"]) for row in rows}
    if len(judges) > 1:
        raise UserError(
            f"scores of different judges cannot share a table: {sorted(judges)}; score all pairs with one judge"
        )
    models = [model for model in MODELS if any(row["model"] == model for row in rows)]
    tasks = [str(task) for task in order_tasks({row["task"] for row in rows})]
    return [
        _summary(model, task, [r for r in rows if r["model"] == model and task in (ALL_TASKS, r["task"])], seed)
        for task in [ALL_TASKS, *tasks]
        for model in models
    ]


def _summary(model: str, task: str, rows: Sequence[dict[str, Any]], seed: int) -> dict[str, Any]:
    scored = [row for row in rows if row["status"] == "scored"]
    summary: dict[str, Any] = {
        "model": model,
        "task": task,
        "judge": rows[0]["judge"] if rows else "",
        "pairs": len(rows),
        "photos": len({row["source_id"] for row in rows}),
        "unscorable": len(rows) - len(scored),
    }
    for score in SCORES:
        interval = bootstrap_mean([row[f"{score}_score"] for row in scored], np.random.default_rng(seed))
        summary |= {score: interval.mean, f"{score}_low": interval.low, f"{score}_high": interval.high}
    return summary | _mean_preservation(rows)


def _mean_preservation(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Average the preservation metrics over pairs.

    PSNR is computed from the mean squared error over all pairs, so that one identical pair does not make it infinite.
    """
    errors = [255**2 / 10 ** (row["psnr_outside"] / 10) for row in rows if row["psnr_outside"] == row["psnr_outside"]]
    return {
        "mae_outside": _nanmean([row["mae_outside"] for row in rows]),
        "psnr_outside": psnr(float(np.mean(errors))) if errors else nan,
        "ssim_outside": _nanmean([row["ssim_outside"] for row in rows]),
        "pixel_shift": _nanmean([row["pixel_shift"] for row in rows]),
    }


def _nanmean(values: Sequence[float]) -> float:
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else nan


def judge_note(judge: str, filtered_by: str) -> str:
    """Return a sentence that says whether the table's judge also filtered the training data."""
    if judge == filtered_by:
        return (
            f"The judge of this table, `{judge}`, also filtered the training data: an editor may exploit its "
            "blind spots, so this measure is not independent (`bench.judge` chooses another judge)."
        )
    return f"The judge of this table is `{judge}`; the training data were filtered by `{filtered_by}`."


def markdown(table: Sequence[dict[str, Any]], filtered_by: str) -> str:
    """Format Table 3 for a README: all tasks with intervals, then O by task.

    Args:
        filtered_by: judge whose scores filtered the training data.
    """
    if not table:
        return "The benchmark has no pair: no held-out photo suited any task.\n"
    judge = table[0]["judge"]
    overall = [row for row in table if row["task"] == ALL_TASKS]
    about = f"Judge: `{judge}`; mean [95 % bootstrap interval over pairs]; O is the mean of each pair's sqrt(SC * PQ)."
    cells_of_all = [
        [
            *(LABELS[row["model"]], *(str(interval(row, score)) for score in ("pq", "sc", "o"))),
            *(str(row["pairs"]), str(row["unscorable"])),
            *(_number(row["psnr_outside"], 1), _number(row["pixel_shift"], 2)),
        ]
        for row in overall
    ]
    cells_by_task = []
    for task in dict.fromkeys(row["task"] for row in table if row["task"] != ALL_TASKS):
        task_rows = {row["model"]: row for row in table if row["task"] == task}
        cells = [str(interval(task_rows[row["model"]], "o")) for row in overall]
        pairs = max(row["pairs"] for row in task_rows.values())
        cells_by_task.append([markdown_cell(Task(task).label), *cells, str(pairs)])
    head = ["O avg by task", *(LABELS[row["model"]] for row in overall), "pairs"]
    tables = [*markdown_table(HEAD, cells_of_all), "", *markdown_table(head, cells_by_task)]
    return "\n".join([about, "", *tables, "", judge_note(judge, filtered_by)]) + "\n"


def _number(value: float, digits: int) -> str:
    """Format a number; an infinite PSNR means that the images are identical."""
    return "-" if isnan(value) else "identical" if isinf(value) else f"{value:.{digits}f}"


def interval(row: dict[str, Any], score: str) -> Interval:
    """Return the interval of a score in a row of the table."""
    return Interval(row[score], row[f"{score}_low"], row[f"{score}_high"])
