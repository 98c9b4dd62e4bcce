"""Ratings by people and scores of a judge, by image, and the matching of two tables by image."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.plain_text import clean_line
from omniedit.storage.parquet import SURPLUS_CELLS

SCORES = ("sc", "pq", "o")

Key = tuple[str, str, str]
"""Pair, model and task of an edited image; model and task are '' if a table does not name them."""
NAMES = ("model", "task")
"""Columns of a key after the first one."""
Scores = Mapping[str, float]
"""SC, PQ and O of one image."""


@dataclass(frozen=True)
class Rating:
    """Scores that one person gives one edited image, on any scale."""

    key: Key
    rater: str
    scores: Scores


def parse_score(value: object) -> float | None:
    """Return a value as a finite number of at least 0, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        score = float(value)
    except (ValueError, OverflowError):
        return None
    return score if isfinite(score) and score >= 0 else None


def build_key(path: Path, number: int, row: Mapping[Any, Any], key: str) -> Key:
    """Return the key of a row of a table, whose pair is in the column `key`.

    Raises:
        UserError: the row names no pair, or has more cells than the table has columns.
    """
    if None in row:
        raise UserError(f"{path}: row {number}: {SURPLUS_CELLS}")
    model, task = (str(row.get(name) or "").strip() for name in NAMES)
    return read_name(path, number, row, key), model, task


def read_name(path: Path, number: int, row: Mapping[str, Any], column: str) -> str:
    """Return the text that names a row's pair or rater.

    Raises:
        UserError: the cell is empty, or a missing value of a Parquet file.
    """
    value = row[column]
    if value is None or value != value or not (name := str(value)).strip():
        raise UserError(f"{path}: row {number}: column {column} is empty; fill it in, or remove the row")
    return name


def match_keys(a: Path, a_keys: Iterable[Key], b: Path, b_keys: Iterable[Key]) -> dict[Key, Key]:
    """Match the keys of `a` to the keys of `b` with the same pair and, if both tables name them, the same model and
    task.

    Keys without a match are left out.

    Raises:
        UserError: one table names several models or tasks of a pair and the other does not name them.
    """
    a_set, b_set = set(a_keys), set(b_keys)
    common = [place for place in (1, 2) if any(key[place] for key in a_set) and any(key[place] for key in b_set)]
    a_groups, b_groups = (_group(keys, common) for keys in (a_set, b_set))
    for path, groups, other, others in ((a, a_groups, b, b_groups), (b, b_groups, a, a_groups)):
        for shared, keys in groups.items():
            if len(keys) > 1 and shared in others:
                named = next(NAMES[place - 1] for place in (1, 2) if len({key[place] for key in keys}) > 1)
                problem = f"has several {named}s of the pair {shared[0]!r} and {other} names none"
                raise UserError(f"{path}: {problem}; add a column {named} to {other}")
    return {key: b_groups[shared][0] for shared, (key, *_) in a_groups.items() if shared in b_groups}


def no_common_images(key: str, *tables: Iterable[Key]) -> str:
    """Return the remedy for two tables that have no image in common. It names the first key of each table."""
    first = [clean_line(repr(" ".join(filter(None, each))), 100) for keys in tables for each in list(keys)[:1]]
    values = f"their columns {key} must have common values, and so must model and task if both tables have them"
    return f"{values}; they begin with {' and '.join(first)}"


def _group(keys: Iterable[Key], places: Sequence[int]) -> dict[tuple[str, ...], list[Key]]:
    """Group keys by pair, and by model and task where `places` includes them."""
    groups: dict[tuple[str, ...], list[Key]] = defaultdict(list)
    for key in sorted(keys):
        groups[(key[0], *(key[place] for place in places))].append(key)
    return dict(groups)
