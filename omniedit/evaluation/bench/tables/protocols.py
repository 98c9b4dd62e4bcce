"""A benchmark's own table: the scores of each editor aggregated as the benchmark's protocol says."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omniedit.evaluation.bench.item import BenchSet
from omniedit.evaluation.bench.protocol import Protocol, TableRow, to_columns
from omniedit.evaluation.bench.scores import SCORED
from omniedit.evaluation.bench.tables.grid import Column, Grid, Row
from omniedit.evaluation.bench.tables.results import EditorResult, Results
from omniedit.evaluation.table import Interval

OWN_SCORES = ("sc_score", "pq_score", "o_score")
NOTHING = float("nan")


def build_protocol(bench: BenchSet, protocol: Protocol, results: Results) -> list[Grid]:
    """Return two tables for each judge: the means by the protocol's columns, and its last column by group.

    The last row of the protocol's table is its mean.
    """
    return [grid for judge in results.judges for grid in _build_judge(bench, protocol, results, judge)]


def _build_judge(bench: BenchSet, protocol: Protocol, results: Results, judge: str) -> Iterator[Grid]:
    tables = {editor.name: protocol.aggregate(_to_rows(bench, protocol, editor, judge)) for editor in results.editors}
    notes = [
        f"Columns {protocol.scale}. The published figures are by {protocol.judge}; these are by {judge}.",
        protocol.missing,
    ]
    columns = [Column("", name) for name in protocol.columns]
    rows = [
        _row(editor, [_figure(table[-1], name) for name in protocol.columns])
        for editor in results.editors
        if (table := tables[editor.name])
    ]
    yield Grid(f"{bench.name}, its own table, {judge}", columns, rows, notes=notes)
    overall = protocol.columns[-1]
    groups = list(dict.fromkeys(row.name for table in tables.values() for row in table))
    by_group = [
        _row(editor, [_figure(found.get(name), overall) for name in groups])
        for editor in results.editors
        if (found := {row.name: row for row in tables[editor.name]})
    ]
    yield Grid(f"{bench.name}: {overall} by group, {judge}", [Column("", name) for name in groups], by_group)


def _to_rows(bench: BenchSet, protocol: Protocol, editor: EditorResult, judge: str) -> list[Mapping[str, Any]]:
    """Return a row for each item: its columns, then the rubric's scores and SC, PQ and O, where there are any."""
    scores = {row["item_id"]: row for row in editor.scores.get(judge, ())}
    rows = []
    for item in bench.items:
        row = to_columns(item)
        found = scores.get(item.item_id)
        if found is not None and found["status"] == SCORED:
            row |= {name: found[name] for name in OWN_SCORES} | json.loads(found["scores"])
        rows.append(row)
    return rows


def _row(editor: EditorResult, cells: Sequence[Interval | None]) -> Row:
    return Row(editor.label, cells, editor.section, not editor.is_baseline)


def _figure(row: TableRow | None, column: str) -> Interval | None:
    value = row.values.get(column) if row else None
    return None if value is None else Interval(value, NOTHING, NOTHING)
