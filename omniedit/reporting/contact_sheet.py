"""Contact sheet: pairs of every task in one image, for a README."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from omniedit.aspect import crop_box
from omniedit.imaging.images import Mask, resize_cover
from omniedit.pairs import Shard
from omniedit.reporting.candidates import Candidate
from omniedit.reporting.figure_style import INK, MUTED, report_style
from omniedit.reporting.gallery import by_score
from omniedit.tasks import Task

PAIRS_PER_TASK = 2
CELL_SIZE = (600, 400)
FONT_SIZE = 12
"""Font size in points; readable if the sheet is shown at half its size."""
TOP_INCHES, ROW_INCHES = 0.55, 2.62
"""Heights in inches of the space above the first row, and of a row."""


def contact_sheet(best: Mapping[Task, Sequence[Candidate]], tasks: Sequence[Task], path: Path) -> None:
    """Write the sheet as JPEG: a row for each task, with the source and edited images of its best pairs.

    A task without accepted pairs shows its best rejected pairs, labelled as rejected.

    Args:
        best: `best_by_photo` of each task that has candidates.
    """
    with report_style():
        figure = Figure(figsize=(12.4, TOP_INCHES + ROW_INCHES * len(tasks)))
        FigureCanvasAgg(figure)
        layout = figure.add_gridspec(
            len(tasks),
            2 * PAIRS_PER_TASK + 1,
            left=0.01,
            right=0.99,
            top=1 - TOP_INCHES / (TOP_INCHES + ROW_INCHES * len(tasks)),
            bottom=0.005,
            wspace=0.03,
            hspace=0.36,
            width_ratios=[*([1, 1, 0.06] * PAIRS_PER_TASK)][: 2 * PAIRS_PER_TASK + 1],
        )
        for row, task in enumerate(tasks):
            chosen = best.get(task, [])
            _draw_header(figure.add_subplot(layout[row, :]), task, "" if chosen else "no pairs")
            for column, candidate in enumerate(chosen):
                axes = [figure.add_subplot(layout[row, 3 * column + side]) for side in (0, 1)]
                _draw_pair(axes, candidate)
        figure.savefig(path, format="jpeg", dpi=100, pil_kwargs={"quality": 88})


def best_by_photo(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the best `PAIRS_PER_TASK` candidates of different photos: accepted ones first, then rejected ones."""
    ranked = sorted(by_score(candidates), key=lambda c: not c.kept)
    best: dict[str, Candidate] = {}
    for candidate in ranked:
        best.setdefault(candidate.source_id, candidate)
    return list(best.values())[:PAIRS_PER_TASK]


def _draw_pair(axes: Sequence[Axes], candidate: Candidate) -> None:
    with Shard(candidate.shard) as shard:
        pair = shard[candidate.row]
    height, width = pair.source.shape[:2]
    left, top, right, bottom = crop_box(width, height, "3x2", mask_centre(subject(pair.mask)))
    for axis, image in zip(axes, (pair.source, pair.edited), strict=True):
        axis.imshow(resize_cover(image[top:bottom, left:right], *CELL_SIZE), aspect="auto")
        axis.set_axis_off()
    verdict = "" if candidate.kept else "rejected: "
    axes[0].set_title(verdict + shorten(pair.instruction), fontsize=FONT_SIZE, color=INK, fontweight="normal", pad=5)


def subject(mask: Mask | None) -> Mask | None:
    """Return the mask of the subject: the masked part, or the rest if most of the image is masked."""
    return ~mask if mask is not None and mask.mean() > 0.5 else mask


def mask_centre(mask: Mask | None) -> tuple[float, float]:
    """Return the mask's centre of mass as (x, y) fractions of the image; the image's centre without a mask."""
    if mask is None or not mask.any():
        return 0.5, 0.5
    rows, columns = np.nonzero(mask)
    return float(columns.mean() / mask.shape[1]), float(rows.mean() / mask.shape[0])


def _draw_header(axis: Axes, task: Task, note: str) -> None:
    """Draw the task's name above its row and the note inside it."""
    axis.text(0, 1.17, task.label, color=INK, fontsize=FONT_SIZE, fontweight="bold", transform=axis.transAxes)
    axis.text(0, 0.9, note, color=MUTED, fontsize=FONT_SIZE, transform=axis.transAxes)
    axis.set_axis_off()


def shorten(text: str, length: int = 64) -> str:
    return text if len(text) <= length else text[: length - 3].rstrip() + "..."
