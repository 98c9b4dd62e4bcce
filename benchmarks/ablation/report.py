"""Write a table, curves and sample edits of the trained units.

    python -m benchmarks.ablation.report --setting cpu --assets results/ablation/assets.npz \\
        --units results/ablation/cpu/units/* --out results/ablation/cpu/report
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.candidates import RIGHT, choose_candidates
from benchmarks.ablation.data_choices import DATA, SEVEN
from benchmarks.ablation.settings import SETTINGS, Setting
from benchmarks.ablation.sheet import save_sheet
from benchmarks.ablation.testing import SUCCESS, pairs_of_test
from benchmarks.ablation.train import SHOWN
from benchmarks.arguments import step_parser
from omniedit.evaluation.table3 import LABELS
from omniedit.reporting.figure_style import MODEL_COLOURS, panels, report_style
from omniedit.reporting.model_card import markdown
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.tasks import Task

RESAMPLES = 2000

Values = NDArray[np.float64]
"""Values of one measurement, (seeds, tasks, pairs)."""


@dataclass(frozen=True)
class Curve:
    """Results of an architecture on one kind of data, over all seeds.

    Args:
        tasks: tasks of the test pairs.
        samples, flops: training samples and FLOPs up to each measurement, (M,).
        left_over, psnr: (M, seeds, tasks, pairs). PSNR is NaN if the mask covers the whole image.
        answers: edited images of the first seed, for display.
    """

    architecture: str
    data: str
    tasks: tuple[Task, ...]
    samples: NDArray[np.int64]
    flops: NDArray[np.float64]
    left_over: NDArray[np.float64]
    psnr: NDArray[np.float64]
    answers: NDArray[np.uint8]

    @property
    def success(self) -> NDArray[np.float64]:
        return (self.left_over < SUCCESS).astype(np.float64)

    @property
    def label(self) -> str:
        return LABELS[self.architecture] + ("" if self.data == "filtered" else f", {DATA[self.data].label}")

    @property
    def local(self) -> list[int]:
        """Return the indices of the tasks whose edits leave some of each image unchanged."""
        return np.flatnonzero(~np.isnan(self.psnr).any(axis=(0, 1, 3))).tolist()

    def trained_on(self, setting: Setting) -> list[bool]:
        """Return for each task whether training had pairs of it."""
        trained = DATA[self.data].tasks or setting.task_order or SEVEN
        return [task in trained for task in self.tasks]


def read_curves(units: Sequence[Path], steps: int) -> list[Curve]:
    """Read a curve at `steps` sampling steps for each architecture and kind of data, ordered by first unit."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for unit in units:
        architecture, data, _ = unit.name.rsplit("-", 2)
        groups.setdefault((architecture, data), []).append(unit)
    return [read_curve(architecture, data, folders, steps) for (architecture, data), folders in groups.items()]


def read_curve(architecture: str, data: str, folders: Sequence[Path], steps: int) -> Curve:
    lines = [map(json.loads, (folder / "measures.jsonl").open()) for folder in folders]
    rows = [[row for row in seed if row["sampling_steps"] == steps] for seed in lines]
    tasks = tuple(dict.fromkeys(Task(row["task"]) for row in rows[0]))
    first = rows[0][:: len(tasks)]

    def stack_values(key: str) -> NDArray[np.float64]:
        each = [np.array([row[key] for row in seed], np.float64).reshape(len(first), len(tasks), -1) for seed in rows]
        return np.stack(each, axis=1)

    return Curve(
        architecture,
        data,
        tasks,
        samples=np.array([row["samples"] for row in first]),
        flops=np.array([row["flops"] for row in first], np.float64),
        left_over=stack_values("left_over"),
        psnr=stack_values("psnr"),
        answers=np.load(folders[0] / "answers.npz")["answers"],
    )


def interval(values: Values) -> tuple[float, float, float]:
    """Return the mean over seeds, tasks and pairs, and its 95 % bootstrap interval.

    Seeds are resampled, and so are the pairs of each task. All seeds use the same resampled pairs, because all seeds
    were tested on the same pairs.
    """
    rng = np.random.default_rng(0)
    seeds, tasks, pairs = values.shape
    means = np.empty(RESAMPLES)
    for place in range(RESAMPLES):
        drawn = values[rng.integers(seeds, size=seeds)].mean(axis=0)
        means[place] = np.take_along_axis(drawn, rng.integers(pairs, size=(tasks, pairs)), axis=1).mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def spread(values: Values, digits: int) -> str:
    mean, low, high = interval(values)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(curves: Sequence[Curve], setting: Setting) -> str:
    """Return Markdown tables: success and preservation per task, then differences of the first curve from the
    others."""
    head = ["", *(task.label for task in curves[0].tasks), "mean"]
    success = [[c.label, *task_means(c.success[-1], "{:.2f}"), spread(c.success[-1], 3)] for c in curves]
    psnr = [[c.label, *task_means(c.psnr[-1], "{:.1f}"), spread(c.psnr[-1][:, c.local], 1)] for c in curves]
    cost = [[c.label, f"{c.samples[-1]:,}", f"{c.flops[-1] / 1e12:,.0f}"] for c in curves]
    first, *others = curves
    seeds, _, pairs = first.success[-1].shape
    differences = [
        [
            f"{first.label} less {other.label}",
            spread(first.success[-1] - other.success[-1], 3),
            spread((first.psnr[-1] - other.psnr[-1])[:, first.local], 1),
        ]
        for other in others
    ]
    return "\n\n".join(
        [
            f"Success: share of {pairs} held-out pairs a task, {seeds} seeds; mean with its 95 % interval.",
            markdown(head, success),
            "Preservation: PSNR outside the mask in dB; an edit of the whole picture has no outside.",
            markdown(head, psnr),
            "Difference of means, paired by pair and seed, with its 95 % interval.",
            markdown(["", "success", "PSNR outside (dB)"], differences),
            markdown(["", "training samples", "training TFLOP"], cost),
            *training_data(curves, setting),
            *visual_types(curves),
        ]
    )


def training_data(curves: Sequence[Curve], setting: Setting) -> list[str]:
    """Return tables about the training data: pairs accepted by the filter, and success on tasks with and without
    pairs."""
    filtered, tasks = [], []
    for curve in curves:
        data, success = DATA[curve.data], curve.success[-1]
        if data.wrong_share:
            kept = choose_candidates(data, 0, setting.editor.pairs)
            right = sum(each.kind == RIGHT for each in kept) / len(kept)
            filtered.append([curve.label, f"{len(kept):,}", f"{right:.2f}", spread(success, 3)])
        seen = np.array(curve.trained_on(setting))
        if data.tasks:
            halves = [spread(success[:, half], 3) if half.any() else "-" for half in (seen, ~seen)]
            tasks.append([curve.label, str(seen.sum()), *halves])
    texts = []
    if filtered:
        texts.append(markdown(["", "training pairs (first seed)", "of them right", "success"], filtered))
    if tasks:
        texts.append(markdown(["", "tasks trained", "success on them", "success on the others"], tasks))
    return texts


def visual_types(curves: Sequence[Curve]) -> list[str]:
    """Return a table of the types with and without a reference image, which not every editor sees."""
    visual = np.array([bool(task.references) for task in curves[0].tasks])
    if not visual.any():
        return []
    first, rows = curves[0].success[-1], []
    for curve in curves:
        own = curve.success[-1]
        parts = [(own[:, part], (first - own)[:, part]) for part in (~visual, visual)]
        gaps = [spread(less, 3) if curve is not curves[0] else "-" for _, less in parts]
        rows.append([curve.label, spread(parts[0][0], 3), gaps[0], spread(parts[1][0], 3), gaps[1]])
    gap = f"{curves[0].label} less this one"
    return [markdown(["", "types without a reference", gap, "types with a reference", gap], rows)]


def task_means(values: Values, form: str) -> list[str]:
    means = values.mean(axis=(0, 2))
    return ["-" if np.isnan(mean) else form.format(mean) for mean in means]


def curves_figure(curves: Sequence[Curve]) -> Figure:
    """Plot success against samples and against FLOPs, averaged over tasks, with intervals, then one panel per task."""
    tasks = curves[0].tasks
    rows = math.ceil((2 + len(tasks)) / 3)
    figure, axes = panels(rows, 3, 11.5, 3.2 * rows)
    for axis, cost, label in ((axes[0], "samples", "training samples"), (axes[1], "flops", "training TFLOP")):
        for place, curve in enumerate(curves):
            draw(axis, curve, curve.samples if cost == "samples" else curve.flops / 1e12, line(curves, place))
        axis.set(title="All tasks", xlabel=label, ylabel="success", ylim=(0, 1))
    axes[0].legend(fontsize=7, loc="upper left")
    for task, axis in zip(range(len(tasks)), axes[2:], strict=False):
        for place, curve in enumerate(curves):
            draw(axis, curve, curve.samples, line(curves, place), slice(task, task + 1))
        axis.set(title=tasks[task].label, xlabel="training samples", ylim=(0, 1))
    return figure


def line(curves: Sequence[Curve], place: int) -> dict[str, Any]:
    """Return the colour and style of a curve: its architecture's, or a separate one if all have one architecture."""
    curve = curves[place]
    if len({each.architecture for each in curves}) == 1:
        return {"color": f"C{place}"}
    return {"color": MODEL_COLOURS[curve.architecture], "linestyle": "-" if curve.data == "filtered" else "--"}


def draw(axis: Axes, curve: Curve, spent: NDArray[Any], style: dict[str, Any], tasks: slice = slice(None)) -> None:
    mean, low, high = np.array([interval(success[:, tasks]) for success in curve.success]).T
    axis.plot(spent, mean, **style, label=curve.label)
    axis.fill_between(spent, low, high, color=style["color"], alpha=0.12, linewidth=0)
    axis.xaxis.set(major_locator=MaxNLocator(5), major_formatter=EngFormatter(sep=""))


def samples_sheet(path: Path, curves: Sequence[Curve], assets: Assets, setting: Setting) -> None:
    """Save a sheet with one row per test pair: source, reference if some pair has one, truth, and the edited image of
    each curve's first seed."""
    tasks = len(setting.tested)
    pairs = pairs_of_test(assets, setting)[: min(SHOWN, setting.pairs_per_task) * tasks]
    has_references = any(pair.edit.references for pair in pairs)
    rows = [
        [
            (pair.edit.instruction, pair.source),
            *([("reference", [*pair.edit.references, np.full_like(pair.source, 255)][0])] if has_references else []),
            ("truth", pair.edit.target),
            *((curve.label, curve.answers[place]) for curve in curves),
        ]
        for place, pair in enumerate(pairs)
    ]
    save_sheet(path, [row for place in range(tasks) for row in rows[place::tasks]])


def main() -> None:
    parser = step_parser(__doc__, SETTINGS, "--assets", "--out")
    parser.add_argument("--units", type=Path, nargs="+", required=True)
    args = parser.parse_args()
    setting = SETTINGS[args.setting]
    with replace_file(args.out) as folder, report_style():
        folder.mkdir()
        for steps in setting.sampling_steps:
            curves = read_curves(args.units, steps)
            text = f"# Edits in {steps} sampling {'step' if steps == 1 else 'steps'}\n\n{table(curves, setting)}\n"
            (folder / f"table_{steps}_steps.md").write_text(text)
            curves_figure(curves).savefig(folder / f"curves_{steps}_steps.svg")
            print(text)
        samples_sheet(folder / "samples.png", curves, Assets.load(args.assets), setting)


if __name__ == "__main__":
    run_program(main)
