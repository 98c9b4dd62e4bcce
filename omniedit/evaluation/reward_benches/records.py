"""Rows of the published files of reward benches: JSON lists, JSON Lines, and dictionaries that hold a list."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from omniedit.errors import UserError

SUFFIXES = (".json", ".jsonl")


@dataclass(frozen=True)
class VoteRow:
    """Row of a file, with the facts that the file states about all of its rows, such as `data_type` in EditReward's
    result files.
    """

    file: Path
    number: int
    row: Mapping[str, Any]
    data_type: str = ""


def read_records(paths: Sequence[Path]) -> list[VoteRow]:
    """Read the rows of files, and of all .json and .jsonl files below folders.

    Raises:
        UserError: a file is missing or invalid, or no file has a row.
    """
    files = [file for path in paths for file in _list_files(path)]
    records = [record for file in files for record in _read_file(file)]
    if not records:
        raise UserError(f"{', '.join(map(str, paths))}: has no row; give the bench's .json or .jsonl file of results")
    return records


def finite_scores(values: object) -> list[float] | None:
    """Return a judge's scores of two or more edits, or None if one is not a finite number. Rewards may be negative."""
    if not isinstance(values, list) or len(values) < 2:
        return None
    scores = [float(value) for value in values if _is_finite(value)]
    return scores if len(scores) == len(values) else None


def _is_finite(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:  # an integer beyond the largest float
        return False


def _list_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if path.suffix.lower() not in SUFFIXES:
        problem = "not a supported file" if path.exists() else "no such file"
        raise UserError(f"{path}: {problem}; give a .json or .jsonl file, or a folder of them")
    return [path]


def _read_file(file: Path) -> Iterator[VoteRow]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{file}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    content = _parse(file, text, 1) if file.suffix.lower() == ".json" else None
    data_type = str(content.get("data_type", "")) if isinstance(content, dict) else ""
    rows = _lines(file, text) if content is None else _list_rows(file, content)
    for number, row in rows:
        if not isinstance(row, dict):
            raise UserError(f"{file}: row {number}: is not a JSON object")
        yield VoteRow(file, number, row, data_type)


def _lines(file: Path, text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _parse(file, line, number)


def _list_rows(file: Path, content: object) -> list[tuple[int, Any]]:
    """Return the numbered rows of a list, or of the list `results` of a dictionary. Lost rows are null."""
    rows = content.get("results") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise UserError(f"{file}: is neither a list of rows nor an object with a list `results`")
    return [(number, row) for number, row in enumerate(rows, 1) if row is not None]


def _parse(file: Path, text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: line {line}: not JSON: {error}") from None
