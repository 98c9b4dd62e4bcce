"""Style of the report's figures: one font, few colours that colour-blind readers can distinguish, no ornament."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from omniedit.architectures import ARCHITECTURES, BASELINES

INK, MUTED, LINE, PALE, WASH = "#1c1f24", "#6b7280", "#d9dce1", "#b9bec7", "#f6f7f8"
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
YELLOW = "#f0e442"
"""Palette of Okabe and Ito (2008), together with the colours above."""
TOL = (
    *("#882255", "#999933", "#332288", "#44aa99", "#cc6677", "#ddcc77", "#661100", "#117733", "#88ccee"),
    *("#ee8866", "#77aadd", "#bbcc33", "#44bb99", "#ffaabb"),
)
"""Colours of Tol (2021), for architectures beyond that palette."""
KEPT, REJECTED = BLUE, PALE
MODEL_COLOURS = dict(
    zip(
        (*ARCHITECTURES, *BASELINES),
        (BLUE, GREEN, VERMILION, PURPLE, SKY, YELLOW, MUTED, INK, *TOL, PALE, ORANGE),
        strict=True,
    )
)
SEQUENCE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW)

_STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a dollar sign in an instruction is not the start of a formula
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#eceef1",
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "omniedit",
}


@contextmanager
def report_style() -> Iterator[None]:
    """Apply the report's style to figures that are made and saved in this block."""
    with mpl.rc_context(_STYLE):
        yield


styled = report_style
"""Earlier name of `report_style`."""


def panels(rows: int, columns: int, width: float, height: float, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    """Create a figure of width x height inches; return it with its axes, row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False, sharex=sharex).flat)


def svg(figure: Figure) -> str:
    """Render a figure as SVG text; the same figure gives the same bytes."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return text.getvalue()
