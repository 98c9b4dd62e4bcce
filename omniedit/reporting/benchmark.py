"""Benchmark page: the table, O by task with intervals, preservation, and the edits side by side."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from omniedit.evaluation.agreement import Key
from omniedit.evaluation.own_benchmark_edits import MODELS
from omniedit.evaluation.table3 import LABELS, interval, judge_note
from omniedit.pairs import Shard
from omniedit.reporting.figure_style import MODEL_COLOURS, WASH, panels, report_style
from omniedit.reporting.page import MAX_PAGE_BYTES, PageRow, image_uri, number, render
from omniedit.tasks import ALL_TASKS, Task, order_tasks

SKELETON_BYTES = 150_000
ROWS_PER_TASK = 4
IMAGE_PIXELS, REFERENCE_PIXELS = 210_000, 30_000


def benchmark_page(
    run: str,
    table: Sequence[dict[str, Any]],
    scores: Sequence[dict[str, Any]],
    edits: Mapping[str, Mapping[Task, Path]],
    filtered_by: str,
) -> str:
    """Render the benchmark page.

    Args:
        table: rows of table3.parquet.
        scores: rows of bench/{model}/{task}.parquet.
        edits: paths of bench/{model}/{task}.h5, by model and task.
        filtered_by: judge whose scores filtered the training data.
    """
    overall = [row for row in table if row["task"] == ALL_TASKS]
    with report_style():
        values = {
            "title": "Benchmark",
            "run": run,
            "judge": overall[0]["judge"] if overall else "",
            "judge_note": judge_note(overall[0]["judge"], filtered_by).replace("`", "") if overall else "",
            "photos": overall[0]["photos"] if overall else 0,
            "pairs": overall[0]["pairs"] if overall else 0,
            "table3": [table3_row(row) for row in overall],
            "figure": score_by_task(table) if overall else None,
            "by_task": o_by_task(table),
            "models": [LABELS[row["model"]] for row in overall],
            "preserved": [preservation_row(row) for row in overall],
            "tasks": list(limit_tasks(grid(scores, edits), len(edits["no_edit"]))),
        }
        return render("benchmark", values)


def table3_row(row: dict[str, Any]) -> PageRow:
    scores = [str(interval(row, score)) for score in ("pq", "sc", "o")]
    return PageRow([LABELS[row["model"]], *scores, str(row["pairs"]), str(row["unscorable"])])


def o_by_task(table: Sequence[dict[str, Any]]) -> list[PageRow]:
    """Return a row for each task: its label, its number of pairs, and each model's O."""
    cells: dict[str, list[str]] = {}
    for row in table:
        if row["task"] != ALL_TASKS:
            cells.setdefault(row["task"], [Task(row["task"]).label, str(row["pairs"])]).append(str(interval(row, "o")))
    return [PageRow(line) for line in cells.values()]


def preservation_row(row: dict[str, Any]) -> PageRow:
    digits = {"psnr_outside": 1, "ssim_outside": 3, "mae_outside": 2, "pixel_shift": 2}
    return PageRow([LABELS[row["model"]], *[number(row[name], places) for name, places in digits.items()]])


def score_by_task(table: Sequence[dict[str, Any]]) -> Figure:
    """Plot a band for each task: each model's mean O as a dot, its 95 % interval as a bar."""
    pairs = {row["task"]: row["pairs"] for row in table}
    names = list(pairs)
    models = [model for model in MODELS if any(row["model"] == model for row in table)]
    figure, (axis,) = panels(1, 1, 9.4, 0.9 + 0.42 * len(names))
    for band in range(0, len(names), 2):
        axis.axhspan(band - 0.5, band + 0.5, color=WASH, zorder=0)
    for offset, model in zip(np.linspace(-0.24, 0.24, len(models)), models, strict=True):
        rows = [row for row in table if row["model"] == model]
        heights = [names.index(row["task"]) + offset for row in rows]
        means, lows, highs = (np.array([row[f"o{end}"] for row in rows]) for end in ("", "_low", "_high"))
        colour = MODEL_COLOURS[model]
        axis.hlines(heights, lows, highs, color=colour, linewidth=2)
        axis.plot(means, heights, "o", color=colour, markersize=5.5, label=LABELS[model])
    labels = ["All tasks" if name == ALL_TASKS else Task(name).label for name in names]
    axis.set_yticks(range(len(names)), [f"{label} ({pairs[name]})" for label, name in zip(labels, names, strict=True)])
    axis.set(xlim=(-0.15, 10.15), ylim=(-0.5, len(names) - 0.5), xlabel="mean O")
    axis.grid(True, axis="x")
    axis.grid(False, axis="y")
    axis.invert_yaxis()
    figure.legend(loc="outside upper right", ncols=len(models))
    return figure


def grid(scores: Sequence[dict[str, Any]], edits: Mapping[str, Mapping[Task, Path]]) -> Iterator[dict[str, Any]]:
    """Yield each task with its first pairs: instruction, photo, and each model's edit with its O."""
    verdicts = {(row["pair_id"], row["model"], row["task"]): row for row in scores}
    for task in order_tasks(edits["no_edit"]):
        with ExitStack() as stack:
            models = [model for model in MODELS if model in edits]
            shards = {model: stack.enter_context(Shard(edits[model][task])) for model in models}
            total = len(shards["no_edit"])
            rows = [_grid_row(shards, row, verdicts) for row in range(min(ROWS_PER_TASK, total))]
            yield {"name": task.label, "rows": rows, "total": total}


def _grid_row(shards: Mapping[str, Shard], row: int, verdicts: Mapping[Key, dict[str, Any]]) -> dict[str, Any]:
    pairs = {model: shard[row] for model, shard in shards.items()}
    photo = pairs["no_edit"]
    height, width = photo.source.shape[:2]
    images = [("Photo (no edit)", photo.source, "no_edit")]
    images += [(LABELS[model], pair.edited, model) for model, pair in pairs.items() if model != "no_edit"]
    return {
        "instruction": photo.instruction,
        "size": f"{width} x {height}",
        "references": [image_uri(each.image, REFERENCE_PIXELS, quality=88) for each in photo.references],
        "pictures": [
            {
                "name": name,
                "uri": image_uri(image, IMAGE_PIXELS, quality=88),
                **{column: verdicts[photo.pair_id, model, photo.task][column] for column in ("o_score", "reasoning")},
            }
            for name, image, model in images
        ],
    }


def limit_tasks(tasks: Iterator[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    """Yield the `count` tasks, each with as many rows as fit in an equal share of the page."""
    room = (MAX_PAGE_BYTES - SKELETON_BYTES) // max(1, count)
    for task in tasks:
        images = [[*row["references"], *(image["uri"] for image in row["pictures"])] for row in task["rows"]]
        sizes = np.cumsum([sum(map(len, uris)) for uris in images])
        yield task | {"rows": task["rows"][: int((sizes <= room).sum())]}
