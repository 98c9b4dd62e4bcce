"""Contact sheets: rows of images with titles."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from omniedit.imaging.images import Image
from omniedit.reporting.figure_style import INK, report_style
from omniedit.storage.atomic import replace_file


def save_sheet(path: Path, rows: Sequence[Sequence[tuple[str, Image]]], cell: tuple[float, float] = (1.5, 1.5)) -> None:
    """Save rows of titled images, equally many per row, as PNG or JPEG.

    Args:
        cell: width and height of an image in inches of 100 pixels.
    """
    width, height = cell
    with report_style():
        figure = Figure(figsize=(width * len(rows[0]), (height + 0.42) * len(rows)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for line, row in zip(axes, rows, strict=True):
            for axis, (title, image) in zip(line, row, strict=True):
                axis.imshow(image, interpolation="nearest")
                axis.set_axis_off()
                axis.set_title("\n".join(textwrap.wrap(title, 27)[:3]), fontsize=6.5, color=INK, fontweight="normal")
        with replace_file(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], dpi=100)
