"""Readers of edits to rate: a run's benchmark or candidates, a table, and folders of outputs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.comparisons.inputs import ITEM_COLUMNS, read_columns
from omniedit.evaluation.people.edits import EditSet, RatedEdit
from omniedit.pairs import Shard
from omniedit.pairs.columns import sha256
from omniedit.pairs.open_shards import OpenShards
from omniedit.plain_text import split_lines
from omniedit.sources.decode import SUFFIXES
from omniedit.storage.atomic import is_file

COLUMNS = ("item_id", "editor", "source", "edited", "instruction")
BENCH, SET = "bench", "set"
"""Folder of a run's benchmark, and the folder in it with the requests themselves."""
OUTPUTS, RECORD = "edits", "edits.jsonl"
"""Folder of an editor's images, and its record: a JSON line for each item."""
ALL_TASKS = ""


@dataclass(frozen=True)
class Reader:
    """Reader of one kind of input.

    Args:
        is_for: whether a path is of this kind.
        read: function of the path and of the table of items, if there is one.
    """

    is_for: Callable[[Path], bool]
    read: Callable[[Path, Path | None], EditSet]


def read_edits(path: Path, kind: str | None = None, items: Path | None = None) -> EditSet:
    """Read the edits of an input.

    Args:
        kind: a key of `READERS`; None for the first one that fits.
        items: table with the columns id, source and instruction, for folders of outputs.

    Raises:
        UserError: the input is of no known kind, has no edit, or cannot be read.
    """
    fitting = [name for name, reader in READERS.items() if reader.is_for(path)]
    if kind and kind not in fitting:
        raise UserError(f"{path}: has no {kind}; there are: {', '.join(fitting) or 'none that can be rated'}")
    if not fitting:
        raise UserError(f"{path}: nothing to rate; give a run, a table, or a folder with EDITOR/{OUTPUTS}/ITEM.png")
    found = READERS[kind or fitting[0]].read(path, items)
    if not found.edits:
        raise UserError(f"{path}: has no edit to rate; the first problem: {(*found.problems, 'it is empty')[0]}")
    return found


def read_bench(run: Path, items: Path | None) -> EditSet:
    """Read `bench/{model}/{task}.h5` of a run."""
    files = sorted(file for file in (run / BENCH).glob("*/*.h5") if file.parent.name != SET)
    return _read_shards([(file, file.parent.name, file.stem) for file in files])


def read_candidates(run: Path, items: Path | None) -> EditSet:
    """Read `candidates/{folder}/{shard}.h5` of a run; the folder is the task, as in the run's scores."""
    return _read_shards([(file, "", file.parent.name) for file in sorted((run / "candidates").glob("[!.]*/*.h5"))])


def read_table(table: Path, items: Path | None) -> EditSet:
    """Read a table with a row for each edit; its paths are relative to its folder."""
    return _collect(_table_rows(table))


def read_outputs(folder: Path, items: Path | None) -> EditSet:
    """Read `{editor}/edits/{item_id}.png` of several editors.

    Source, instruction and task of an item come from the table of items, or else from the editor's `edits.jsonl`.
    """
    given = (
        {}
        if items is None
        else {str(row["id"]): _place_source(row, items) for row in read_columns(items, ITEM_COLUMNS)}
    )
    editors = sorted(path.parent for path in folder.glob(f"[!.]*/{OUTPUTS}"))
    return _collect(row for editor in editors for row in _output_rows(editor, given))


READERS = {
    "table": Reader(lambda path: is_file(path), read_table),
    "outputs": Reader(lambda path: any(path.glob(f"[!.]*/{OUTPUTS}")), read_outputs),
    "bench": Reader(lambda path: any(path.glob(f"{BENCH}/*/*.h5")), read_bench),
    "candidates": Reader(lambda path: any(path.glob("candidates/*/*.h5")), read_candidates),
}
"""Kinds of input; the first that fits is read."""

Row = Mapping[str, Any]


def _read_shards(files: Sequence[tuple[Path, str, str]]) -> EditSet:
    """Read shards, given as path, editor ('' for the specialist that wrote the shard), and task."""
    shards, edits, problems = OpenShards(), [], []
    for file, editor, task in files:
        try:
            with Shard(file, keeps_last=False) as shard:
                edits += list(_shard_edits(shard, editor or shard.specialist, task, shards))
        except UserError as error:
            problems.append(str(error))
    return EditSet(edits, problems)


def _shard_edits(shard: Shard, editor: str, task: str, shards: OpenShards) -> Iterator[RatedEdit]:
    for row, (pair_id, instructions) in enumerate(zip(shard.pair_ids, shard.read_instructions(), strict=True)):
        source, edited = (shard.sha256(side, row) for side in ("source", "edited"))
        images = [partial(_read_side, shards, shard.path, pair_id, side) for side in ("source", "edited")]
        digest = _digest(source, edited, instructions[0])
        yield RatedEdit(pair_id, editor, task, instructions[0], source, digest, *images)


def _read_side(shards: OpenShards, path: Path, pair_id: str, side: str) -> bytes:
    def read(shard: Shard) -> bytes:
        if pair_id not in shard.pair_ids:
            raise UserError(f"{path}: has no pair {pair_id}; the file was replaced, start the command again")
        return shard.encoded(side, shard.pair_ids.index(pair_id))

    return shards.read(path, read)


def _table_rows(table: Path) -> Iterator[Row]:
    for number, row in enumerate(read_columns(table, COLUMNS), 1):
        paths = {side: table.parent / str(row[side] or "") for side in ("source", "edited")}
        yield {**row, **paths, "place": f"{table}: row {number}"}


def _output_rows(editor: Path, given: Mapping[str, Row]) -> Iterator[Row]:
    """Yield a row for each image of an editor, with what the items or the record say about it."""
    recorded = _read_record(editor / RECORD)
    images = editor / OUTPUTS
    for file in sorted(file for file in images.rglob("*") if file.suffix.lower() in SUFFIXES and is_file(file)):
        item_id = file.relative_to(images).with_suffix("").as_posix()
        known = given.get(item_id) or recorded.get(item_id) or {}
        yield {**known, "item_id": item_id, "editor": editor.name, "edited": file, "place": str(file)}


def _read_record(path: Path) -> dict[str, Row]:
    """Return the rows of an editor's record that can be read, by item; a later line on an item replaces an earlier."""
    recorded: dict[str, Row] = {}
    if is_file(path):
        for line in split_lines(path.read_text(encoding="utf-8", errors="replace")):
            try:
                row = json.loads(line)
                recorded[str(row["item_id"])] = _place_source(row, path)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue
    return recorded


def _place_source(row: Row, file: Path) -> Row:
    """Return a row whose source is a path; relative ones are relative to the folder of the file with the row."""
    source = row.get("source")
    return {**row, "source": file.parent / source if isinstance(source, str) and source else None}


def _collect(rows: Iterator[Row]) -> EditSet:
    """Return an edit for each usable row, and a message for each other one."""
    edits: dict[tuple[str, str], RatedEdit] = {}
    problems = []
    for row in rows:
        try:
            edit = _to_edit(row)
            if (key := (edit.item_id, edit.editor)) in edits:
                raise UserError("has an item and an editor of an earlier row; remove one of the two")
            edits[key] = edit
        except UserError as error:
            problems.append(f"{row['place']}: {error}")
    return EditSet(list(edits.values()), problems)


def _to_edit(row: Row) -> RatedEdit:
    texts = {name: str(row.get(name) or "").strip() for name in ("item_id", "editor", "instruction")}
    if empty := [name for name, text in texts.items() if not text]:
        raise UserError(f"has no {empty[0]}; give it in the table (docs/benchmarks.md has the columns)")
    source, edited = (_hash_file(row.get(side), side) for side in ("source", "edited"))
    return RatedEdit(
        **texts,
        task=str(row.get("task") or ALL_TASKS),
        image_group=source,
        digest=_digest(source, edited, texts["instruction"]),
        source=partial(_read_file, row["source"]),
        edited=partial(_read_file, row["edited"]),
    )


def _hash_file(path: Path | None, side: str) -> str:
    if path is None:
        raise UserError(f"has no {side} image; name it in the table of --items or in {RECORD}")
    return sha256(_read_file(path))


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _digest(source: str, edited: str, instruction: str) -> str:
    return sha256("\n".join((source, edited, instruction)))
