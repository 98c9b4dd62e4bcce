"""Tables as Markdown, LaTeX and CSV."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import isnan
from typing import Any

from omniedit.evaluation.bench.tables.grid import FigureRank, FigureRow, Figures, format_figure
from omniedit.evaluation.table3 import Interval
from omniedit.plain_text import markdown_cell, markdown_table

_MARKDOWN = {FigureRank.BEST: "**{}**", FigureRank.SECOND: "<u>{}</u>", None: "{}"}
_LATEX = {FigureRank.BEST: r"\textbf{{{}}}", FigureRank.SECOND: r"\underline{{{}}}", None: "{}"}
_LATEX_SPECIAL = re.compile(r"[\\&%$#_{}~^<>]")
_LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
CSV_COLUMNS = ("table", "section", "row", "heading", "column", "value", "low", "high", "place")


def to_markdown(grid: Figures) -> list[str]:
    """Return the lines of a Markdown table with intervals; the best figure is bold, the second underlined."""
    heads = [markdown_cell(f"{column.heading} {column.label}".strip()) for column in grid.columns]
    lines = list[list[str]]()
    for section, rows in _sections(grid):
        if section:
            lines.append([f"*{markdown_cell(section)}*", *[""] * len(heads)])
        lines += [[markdown_cell(row.label), *_cells(grid, number, row, _MARKDOWN, True)] for number, row in rows]
    table = markdown_table([grid.corner, *heads], lines)
    return [f"### {markdown_cell(grid.title)}", "", *table, "", *[line for note in grid.notes for line in (note, "")]]


def to_latex(grid: Figures) -> list[str]:
    r"""Return the lines of a LaTeX table for the package booktabs, without intervals."""
    count = len(grid.columns)
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{l{'c' * count}}}", r"\toprule"]
    if any(column.heading for column in grid.columns):
        lines.append(_latex_headings(grid))
    lines += [rf" & {' & '.join(escape_latex(column.label) for column in grid.columns)} \\", r"\midrule"]
    for section, rows in _sections(grid):
        if section:
            lines.append(rf"\multicolumn{{{count + 1}}}{{c}}{{{escape_latex(section)}}} \\")
        for number, row in rows:
            cells = _cells(grid, number, row, _LATEX, False)
            lines.append(rf"{escape_latex(row.label)} & {' & '.join(cells)} \\")
    caption = escape_latex(" ".join([f"{grid.title}.", *grid.notes]))
    return [*lines, r"\bottomrule", r"\end{tabular}", rf"\caption{{{caption}}}", r"\end{table}", ""]


def to_csv(grid: Figures) -> list[dict[str, Any]]:
    """Return a row of `CSV_COLUMNS` for each cell, with unrounded figures."""
    rows = []
    for place, column in enumerate(grid.columns):
        marks = grid.places(place)
        for number, row in enumerate(grid.rows):
            cell = row.cells[place]
            values: Sequence[Any] = (
                [None if isnan(figure) else figure for figure in (cell.mean, cell.low, cell.high)]
                if isinstance(cell, Interval)
                else [cell, None, None]
            )
            mark = int(marks[number]) if number in marks else None
            line = (grid.title, row.section, row.label, column.heading, column.label, *values, mark)
            rows.append(dict(zip(CSV_COLUMNS, line, strict=True)))
    return rows


def escape_latex(text: str) -> str:
    """Escape LaTeX's special characters in a text."""
    return _LATEX_SPECIAL.sub(lambda found: _LATEX_ESCAPES.get(found[0], f"\\{found[0]}"), text)


def _sections(grid: Figures) -> Iterator[tuple[str, list[tuple[int, FigureRow]]]]:
    """Yield the sections with the numbered rows of each."""
    for section, rows in groupby(enumerate(grid.rows), key=lambda numbered: numbered[1].section):
        yield section, list(rows)


def _cells(grid: Figures, number: int, row: FigureRow, marks: dict[Any, str], with_interval: bool) -> Iterator[str]:
    for place, (cell, column) in enumerate(zip(row.cells, grid.columns, strict=True)):
        text = format_figure(cell, column, row.signed, with_interval)
        text = text if isinstance(cell, Interval) or marks is _MARKDOWN else escape_latex(text)
        yield marks[grid.places(place).get(number)].format(text)


def _latex_headings(grid: Figures) -> str:
    headings = groupby(column.heading for column in grid.columns)
    cells = [rf"\multicolumn{{{len(list(same))}}}{{c}}{{{escape_latex(heading)}}}" for heading, same in headings]
    return rf" & {' & '.join(cells)} \\"
