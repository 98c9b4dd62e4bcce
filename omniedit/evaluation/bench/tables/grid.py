"""Table of figures: columns under headings, rows in sections, the best and the second figure of each column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from math import isnan

from omniedit.evaluation.table3 import Interval

METRIC_DIGITS = 4
"""Number of decimals of metrics, as in the published tables of MagicBrush and EMU-Edit."""


class FigureRank(IntEnum):
    """Place of a figure in its column."""

    BEST = 1
    SECOND = 2


@dataclass(frozen=True)
class FigureColumn:
    """Column of figures.

    Args:
        heading: heading that neighbouring columns share; '' for none.
        digits: number of decimals.
        signed: whether positive figures have a plus sign.
        sign: 1 if higher is better, -1 if lower is, 0 if neither, so that no figure is marked.
    """

    heading: str
    label: str
    digits: int = 2
    sign: int = 1
    signed: bool = False


@dataclass(frozen=True)
class FigureRow:
    """Row of figures.

    Args:
        cells: for each column a figure, a text, or None.
        section: heading above the row and its neighbours of the same section.
        is_ranked: whether its figures can be the best of their columns.
        signed: whether the figures are differences, with a plus sign if positive.
    """

    label: str
    cells: Sequence[Interval | str | None]
    section: str = ""
    is_ranked: bool = True
    signed: bool = False


@dataclass(frozen=True)
class Figures:
    """Table.

    Args:
        notes: sentences below it.
    """

    title: str
    columns: Sequence[FigureColumn]
    rows: Sequence[FigureRow]
    corner: str = "editor"
    notes: Sequence[str] = ()

    def places(self, column: int) -> dict[int, FigureRank]:
        """Return the rows of the best and the second figure of a column. Figures that are equal when printed share a
        rank.

        A column with a single ranked figure has no best.
        """
        if not (sign := self.columns[column].sign):
            return {}
        figures = {
            number: sign * round(cell.mean, self.columns[column].digits)
            for number, row in enumerate(self.rows)
            if row.is_ranked and isinstance(cell := row.cells[column], Interval) and not isnan(cell.mean)
        }
        best = sorted(set(figures.values()), reverse=True)[:2] if len(figures) > 1 else []
        return {number: FigureRank(best.index(figure) + 1) for number, figure in figures.items() if figure in best}

    def scale(self, factor: float, title: str, digits: int) -> "Figures":
        """Return the table with all figures multiplied by a factor."""
        columns = [replace(column, digits=digits) for column in self.columns]
        rows = [replace(row, cells=[_scale(cell, factor) for cell in row.cells]) for row in self.rows]
        return replace(self, title=title, columns=columns, rows=rows)


def _scale(cell: Interval | str | None, factor: float) -> Interval | str | None:
    if not isinstance(cell, Interval):
        return cell
    return Interval(cell.mean * factor, cell.low * factor, cell.high * factor)


def format_figure(cell: Interval | str | None, column: FigureColumn, signed: bool, with_interval: bool) -> str:
    """Format a figure, with its interval if requested and known; '-' for a missing figure."""
    if not isinstance(cell, Interval):
        return cell or "-"
    if isnan(cell.mean):
        return "-"
    sign = "+" if signed or column.signed else ""
    mean = f"{cell.mean:{sign}.{column.digits}f}"
    if not with_interval or isnan(cell.low):
        return mean
    return f"{mean} [{cell.low:.{column.digits}f}, {cell.high:.{column.digits}f}]"
