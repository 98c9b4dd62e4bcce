"""Training page: losses of the base, the editors and the inpainting specialist."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.imaging.images import Image, decode_image
from omniedit.reporting.figure_style import BLUE, ORANGE, PALE, panels, report_style
from omniedit.reporting.page import PageRow, image_uri, number, percent, render

SMOOTHING_STEPS = 10
PARTS = {"loss_sigma": "noise level", "loss_task": ""}
"""Labels of the metrics for parts of the samples, by the name before the slash."""
GRID_PIXELS = 700_000
"""Largest area of a sample grid on the page, in pixels."""
INPAINTING = "Inpainting specialist"
"""Name of the inpainting specialist on the page; its grid has `FILLS` as heading and caption."""
EDITS = (
    "edits of held-out pairs",
    "Made with the saved weights after the last step, from held-out pairs. Left to right: source image, instruction,"
    " the editor's edit, the pair's own edit, its references.",
)
FILLS = (
    "holes in held-out photos",
    "Made with the saved weights after the last step, in held-out photos. Left to right: photo with a hole, caption,"
    " the filled hole, the unchanged photo.",
)
"""Heading and caption of a grid of filled holes; `EDITS` has those of a grid of edits."""


@dataclass(frozen=True)
class Curve:
    """Losses of one training as (step, loss), on training pairs and on held-out pairs, in order of step.

    Args:
        samples: the last grid of edits of held-out pairs.
        metrics: all logged values by name, in order of step.
    """

    name: str
    training: list[tuple[int, float]]
    held_out: list[tuple[int, float]]
    samples: Image | None = None
    metrics: Mapping[str, list[float]] = field(default_factory=dict)


def read_curve(name: str, path: Path) -> Curve:
    """Read the losses and metrics of a training from its metrics file.

    Each line is a JSON object with `step`, and `loss` or `held_out_loss` or both. If a resumed training repeats a step,
    the last line of the step counts. The sample grid is `samples.png` in the model's folder next to the file.
    """
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: not a readable metrics file ({error}); train again") from None
    last = {line["step"]: line for line in lines}
    series = defaultdict(list)
    for step, line in sorted(last.items()):
        for key, value in line.items():
            series[key].append((step, value))
    grid = path.with_name(path.name.partition(".")[0]) / "samples.png"
    samples = decode_image(grid.read_bytes(), str(grid)) if grid.is_file() else None
    metrics = {key: [value for _, value in points] for key, points in series.items()}
    return Curve(name, series["loss"], series["held_out_loss"], samples, metrics)


def training_page(run: str, curves: Sequence[Curve]) -> str:
    trained = [curve for curve in curves if curve.training]
    timed = [curve for curve in trained if "samples_per_s" in curve.metrics]
    with report_style():
        values = {
            "title": "Training",
            "run": run,
            "figure": loss_curves(trained) if trained else None,
            "rows": [row for curve in trained for row in loss_rows(curve)],
            "smoothing": SMOOTHING_STEPS,
            "models": [curve.name for curve in timed],
            "parts": part_rows(timed),
            "speeds": [speed_row(curve) for curve in timed],
            "without": [curve.name for curve in curves if not curve.training],
            "grids": [
                (curve.name, *(FILLS if curve.name == INPAINTING else EDITS), image_uri(curve.samples, GRID_PIXELS))
                for curve in curves
                if curve.samples is not None
            ],
        }
        return render("training", values)


def loss_curves(curves: Sequence[Curve]) -> Figure:
    figure, axes = panels(1, len(curves), 4.7 * max(2, len(curves)) if len(curves) > 1 else 6.2, 3.3)
    for axis, curve in zip(axes, curves, strict=True):
        steps, losses = np.array(curve.training).T
        axis.plot(steps, losses, color=PALE, linewidth=0.8, label="each step")
        axis.plot(steps, running_mean(losses), color=BLUE, label="training, smoothed")
        if curve.held_out:
            held_steps, held_losses = np.array(curve.held_out).T
            axis.plot(held_steps, held_losses, "o-", color=ORANGE, markersize=4, label="held out")
        axis.set(title=curve.name, xlabel="step", ylabel="loss")
        axis.legend()
    return figure


def running_mean(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the running mean over the last `SMOOTHING_STEPS` values, fewer at the start."""
    sums = np.cumsum(np.concatenate([[0.0], losses]))
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(0, ends - SMOOTHING_STEPS)
    return (sums[ends] - sums[starts]) / (ends - starts)


def loss_rows(curve: Curve) -> list[PageRow]:
    """Return rows with first and last loss. For the training loss, these are means over the first and the last
    steps.
    """
    losses = np.array([loss for _, loss in curve.training])
    window = min(SMOOTHING_STEPS, max(1, len(losses) // 2))
    rows = [_loss_row(curve.name, "training", curve.training[-1][0], losses[:window].mean(), losses[-window:].mean())]
    if curve.held_out:
        (_, first), (step, last) = curve.held_out[0], curve.held_out[-1]
        rows.append(_loss_row(curve.name, "held out", step, first, last))
    return rows


def part_rows(curves: Sequence[Curve]) -> list[PageRow]:
    """Return a row for each task and noise level: each model's mean loss over the last quarter of its logged values."""
    names = dict.fromkeys(key for curve in curves for key in sorted(curve.metrics) if key.startswith(tuple(PARTS)))
    return [
        PageRow([_part(name), *(number(_last_quarter(curve.metrics.get(name, [])), 3) for curve in curves)])
        for name in sorted(names)
    ]


def speed_row(curve: Curve) -> PageRow:
    metrics = curve.metrics
    # weigh each step's share by the duration of the step
    waited = float(np.average(metrics["data_wait_share"], weights=1 / np.asarray(metrics["samples_per_s"])))
    figures = [
        f"{metrics.get('skipped', [0])[-1]:,.0f}",
        number(float(np.median(metrics["samples_per_s"])), 1),
        percent(waited),
        number(max(metrics.get("memory_gb", [nan])), 1),
        percent(float(np.median(metrics["mfu"])) if "mfu" in metrics else None),
    ]
    return PageRow([curve.name, *figures])


def _part(name: str) -> str:
    kind, _, part = name.partition("/")
    return f"{PARTS[kind]} {part.replace('_', ' ')}".strip()


def _last_quarter(values: Sequence[float]) -> float | None:
    return float(np.mean(values[-max(1, len(values) // 4) :])) if values else None


def _loss_row(name: str, kind: str, step: int, first: float, last: float) -> PageRow:
    return PageRow([name, kind, f"{step:,}", number(first, 4), number(last, 4), f"{100 * (last / first - 1):+.1f} %"])
