"""A user's own set: a table with a row for each item, .csv, .parquet or .jsonl.

Columns: `source` and `instruction`; optionally `id` (otherwise the row's number), `task`, `target`, `mask`,
`source_caption`, `target_caption`, `session` and `turn`. Paths of images are relative to the table's folder. Other
columns become `BenchItem.extra`.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.edit_records import check_id
from omniedit.evaluation.bench.item import BenchItem, BenchSet, ImageFile
from omniedit.pairs import Captions
from omniedit.storage.atomic import is_file
from omniedit.storage.json_lines import read_json_lines
from omniedit.storage.parquet import SURPLUS_CELLS, read_given

SUFFIXES = (".csv", ".parquet", ".jsonl")
REQUIRED_COLUMNS = ("source", "instruction")
OWN_COLUMNS = (*REQUIRED_COLUMNS, "id", "task", "target", "mask", "source_caption", "target_caption", "session", "turn")


def read_plain(table: Path, chained: bool = False) -> BenchSet:
    """Read a table of items; rows that cannot be used are rejected with the reason.

    Args:
        chained: whether a turn edits the output of the previous turn.

    Raises:
        UserError: the table is missing, or no row can be used.
    """
    rows = read_json_lines(table) if table.suffix.lower() == ".jsonl" else read_given(table)
    by_id: dict[str, BenchItem] = {}
    rejected = {}
    for number, row in enumerate(rows, 1):
        try:
            item = _to_item(row, number, table.parent)
            if item.item_id in by_id:
                raise ValueError(f"the id {item.item_id[:100]!a} is that of an earlier row; give each row its own")
            by_id[item.item_id] = item
        except (ValueError, UserError) as error:
            rejected[f"row {number}"] = str(error)
    items = list(by_id.values())
    if not items:
        first = next(iter(rejected.values()), "it has no row")
        raise UserError(f"{table}: no row can be used; the first problem: {first}")
    return BenchSet(table.stem, _digest(items), items, rejected, chained)


def _to_item(row: Mapping[Any, Any], number: int, folder: Path) -> BenchItem:
    """Return the item of a row.

    Raises:
        ValueError: a column is missing or empty, an image file does not exist, or there are more cells than columns.
        UserError: the id cannot be a path.
    """
    if None in row:
        raise ValueError(SURPLUS_CELLS)
    texts = {name: str(value).strip() for name, value in row.items() if value not in (None, "")}
    if missing := [name for name in REQUIRED_COLUMNS if not texts.get(name)]:
        raise ValueError(f"column {missing[0]} is missing or empty")
    turn = texts.get("turn")
    if turn is not None and not (turn.isdecimal() and int(turn) > 0):
        raise ValueError(f"turn {turn[:40]!a} is not a number from 1")
    return BenchItem(
        check_id(texts.get("id", f"{number:05d}")),
        texts.get("task", "edit"),
        texts["instruction"],
        _image(folder, texts["source"]),
        _image(folder, texts["target"]) if "target" in texts else None,
        _image(folder, texts["mask"]) if "mask" in texts else None,
        captions=Captions(texts.get("source_caption"), texts.get("target_caption")),
        session=texts.get("session"),
        turn=int(turn) if turn else None,
        extra={name: value for name, value in texts.items() if name not in OWN_COLUMNS},
    )


def _image(folder: Path, path: str) -> ImageFile:
    file = folder / path
    if not is_file(file):
        raise ValueError(f"{path[:200]}: no such file; paths are relative to the table's folder")
    return file.read_bytes


def _digest(items: list[BenchItem]) -> str:
    digest = hashlib.sha256()
    for item in items:
        files = [read for read in (item.source, item.target, item.mask) if read]
        texts = [item.item_id, item.task, item.instruction, item.captions, item.session, item.turn, item.extra]
        digest.update(repr([texts, [hashlib.sha256(read()).hexdigest() for read in files]]).encode())
    return digest.hexdigest()
