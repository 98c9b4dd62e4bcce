"""Means of scores over groups of edits, and the edits that lack a score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from statistics import fmean
from typing import Any

from omniedit.evaluation.bench.protocol import GroupRow, ItemRow

Combine = Callable[[ItemRow], Mapping[str, float]]
Grouped = Mapping[str, Sequence[ItemRow]]
MEAN_OF_GROUPS, MEAN_OF_ITEMS = "mean of groups", "mean of items"


def get_score(row: ItemRow, name: str) -> float | None:
    """Return a row's score; None if it is absent, empty or not a finite number."""
    value: Any = row.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else None


def pick(row: ItemRow, names: Mapping[str, str]) -> dict[str, float]:
    """Return the scores that are present in a row, by column.

    Args:
        names: name of the score, by column.
    """
    scores = {column: get_score(row, name) for column, name in names.items()}
    return {column: score for column, score in scores.items() if score is not None}


def group_rows(rows: Sequence[ItemRow], column: str, order: Sequence[str] = ()) -> dict[str, list[ItemRow]]:
    """Return the rows by their value of a column, in the given order; other values follow by first appearance."""
    groups: dict[str, list[ItemRow]] = {name: [] for name in order}
    for row in rows:
        groups.setdefault(str(row[column]), []).append(row)
    return {name: members for name, members in groups.items() if members}


def average(name: str, rows: Sequence[ItemRow], combine: Combine, columns: Sequence[str]) -> GroupRow:
    """Return the mean of each column over the rows that have a value; rows without a value of some column are listed as
    missing.
    """
    combined = [combine(row) for row in rows]
    missing = [
        str(row["item_id"]) for row, each in zip(rows, combined, strict=True) if any(c not in each for c in columns)
    ]
    return GroupRow(name, _mean_columns(combined, columns), len(rows), tuple(missing))


def average_groups(groups: Grouped, combine: Combine, columns: Sequence[str]) -> list[GroupRow]:
    return [average(name, rows, combine, columns) for name, rows in groups.items()]


def average_rows(name: str, table: Sequence[GroupRow], columns: Sequence[str]) -> GroupRow:
    """Return the mean of the groups' means, which all have the same weight. `official` is the mean of the groups'
    official figures.
    """
    means = _mean_columns([row.values for row in table], columns)
    official = _mean_columns([{**row.values, **row.official} for row in table], columns)
    items, missing = sum(row.items for row in table), tuple(item for row in table for item in row.missing)
    return replace(GroupRow(name, means, items, missing), official=official if official != means else {})


def _mean_columns(values: Sequence[Mapping[str, float]], columns: Sequence[str]) -> dict[str, float]:
    by_column = {column: [value[column] for value in values if column in value] for column in columns}
    return {column: fmean(scores) for column, scores in by_column.items() if scores}
