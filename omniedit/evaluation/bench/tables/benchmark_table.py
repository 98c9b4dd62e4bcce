"""A benchmark's own table: scores of each editor, aggregated by its protocol, next to published figures."""

import json
from collections.abc import Iterator, Mapping, Sequence

from omniedit.evaluation.bench.item import BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, Protocol, to_columns
from omniedit.evaluation.bench.sets.published import Published
from omniedit.evaluation.bench.tables.grid import METRIC_DIGITS, FigureColumn, FigureRow, Figures
from omniedit.evaluation.bench.tables.results import BenchResults, EditorResult
from omniedit.evaluation.metrics.registry import METRICS
from omniedit.evaluation.table3 import Interval

OWN_SCORES = ("sc_score", "pq_score", "o_score")
METRICS_ONLY = "metrics"
"""Name in place of a judge, in tables that have only metrics."""
MEAN = "mean"
"""Prefix of the names of a table's rows that are means over all items or groups."""

Tables = Mapping[str, Sequence[GroupRow]]
"""Rows of the benchmark's table by editor."""


def build_protocol(
    bench: BenchSet, protocol: Protocol, results: BenchResults, published: Sequence[Published]
) -> Iterator[Figures]:
    """Yield, for each judge, the benchmark's means next to published ones, then each of its columns by group.

    If there are no judges, the figures are metrics. A table in which no editor has a figure is left out.
    """
    count = len(results.editors)
    for judge in results.judges or [METRICS_ONLY]:
        found = {editor.name: to_rows(bench, editor, judge) for editor in results.editors}
        tables = {name: protocol.aggregate(rows) for name, rows in found.items() if rows}
        means = _build_means(bench, protocol, results, judge, tables, published)
        grids = [means, *(_build_column(bench, results, judge, tables, column) for column in protocol.columns)]
        yield from (each for each in grids if any(cell is not None for row in each.rows[:count] for cell in row.cells))


def to_rows(bench: BenchSet, editor: EditorResult, judge: str) -> list[ItemRow]:
    """Return a row for each item: its columns, metrics, the rubric's scores, and SC, PQ and O, where they exist.

    The list is empty for an editor without any score or metric.
    """
    scores = {
        row["item_id"]: {name: row[name] for name in OWN_SCORES} | json.loads(row["scores"])
        for row in editor.scored(judge)
    }
    if not scores and not any(editor.metrics.values()):
        return []
    return [
        {**to_columns(item), **editor.metrics.get(item.item_id, {}), **scores.get(item.item_id, {})}
        for item in bench.items
    ]


def _build_means(
    bench: BenchSet,
    protocol: Protocol,
    results: BenchResults,
    judge: str,
    tables: Tables,
    published: Sequence[Published],
) -> Figures:
    means = list(dict.fromkeys(row.name for table in tables.values() for row in table if row.name.startswith(MEAN)))
    cells = [(name, column) for name in means for column in protocol.columns]
    rows = [_row(editor, tables, cells) for editor in results.editors]
    shown = [each for each in published if set(each.values) & set(cells)]
    rows += [_published_row(each, cells) for each in shown]
    notes = [
        f"Scale: {protocol.scale}." + _describe_judges(protocol, results, judge),
        f"A score that is missing is left out of the mean. The benchmark's own script: {protocol.missing}",
        *_describe_official(tables, cells, results),
        *dict.fromkeys(f"{each.source}: {each.note}." for each in shown if each.note),
    ]
    return Figures(
        f"{bench.name}, the benchmark's own means, {judge}",
        [_to_column(heading, column, column) for heading, column in cells],
        rows,
        notes=notes,
    )


def _describe_judges(protocol: Protocol, results: BenchResults, judge: str) -> str:
    """Return a sentence with the judges of the published figures and of ours; '' if all figures are metrics."""
    if not (protocol.prompts or protocol.rubric):
        return ""
    return f" The published figures are by {protocol.judge}, the others by {judge if results.judges else 'metrics'}."


def _build_column(bench: BenchSet, results: BenchResults, judge: str, tables: Tables, column: str) -> Figures:
    groups = list(dict.fromkeys(row.name for table in tables.values() for row in table))
    rows = [_row(editor, tables, [(name, column) for name in groups]) for editor in results.editors]
    return Figures(f"{bench.name}: {column} by group, {judge}", [_to_column("", name, column) for name in groups], rows)


def _to_column(heading: str, label: str, column: str) -> FigureColumn:
    """Return a column of the grid for one of the protocol's columns; for some metrics, lower is better."""
    metric = METRICS.get(column)
    if metric is None:
        return FigureColumn(heading, label)
    sign = 1 if metric.higher_is_better else -1
    return FigureColumn(heading, metric.label if label == column else label, METRIC_DIGITS, sign)


def _row(editor: EditorResult, tables: Tables, cells: Sequence[tuple[str, str]]) -> FigureRow:
    found = {row.name: row.values for row in tables.get(editor.name, ())}
    figures = [_figure(found.get(name, {}).get(column)) for name, column in cells]
    return FigureRow(editor.label, figures, editor.section, not editor.is_baseline)


def _published_row(each: Published, cells: Sequence[tuple[str, str]]) -> FigureRow:
    """Return the row of published figures, in a section named after their document. They are not ranked with ours."""
    figures = [_figure(each.values.get(cell)) for cell in cells]
    return FigureRow(f"{each.editor} (published)", figures, f"{each.source}, {each.address}", False)


def _figure(value: float | None) -> Interval | None:
    return None if value is None else Interval(value)


def _describe_official(tables: Tables, cells: Sequence[tuple[str, str]], results: BenchResults) -> Iterator[str]:
    """Yield a sentence for each editor whose means differ from those that the benchmark's own script would compute."""
    for editor in results.editors:
        official = {row.name: row.official for row in tables.get(editor.name, ())}
        known = [(name, column) for name, column in cells if column in official.get(name, {})]
        if known:
            values = ", ".join(f"{name} {column} {official[name][column]:.4g}" for name, column in known)
            yield f"{editor.label} as the benchmark's own script computes it: {values}."
