"""Readers of edits to rate: a run's benchmark or candidates, a table, and folders of outputs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchSet
from omniedit.evaluation.comparisons.inputs import read_columns
from omniedit.evaluation.people.rated_edits import EditSet, RatedEdit
from omniedit.pairs import Shard
from omniedit.pairs.columns import sha256
from omniedit.pairs.open_shards import OpenShards
from omniedit.sources.photo_file import list_images
from omniedit.storage.atomic import is_file

COLUMNS = ("item_id", "editor", "source", "edited", "instruction")
BENCH, SET = "bench", "set"
"""Folder of a run's benchmark, and the folder in it with the requests."""
OUTPUTS = "edits"
"""Folder of an editor's images, as `omniedit bench` writes them."""

Row = Mapping[str, Any]
"""Texts of an edit by the names of `COLUMNS` and task, and its images as functions that read them."""
Items = Mapping[str, Row]
"""Rows with source, instruction and task, by item."""


@dataclass(frozen=True)
class InputReader:
    """Reader of one kind of input.

    Args:
        is_for: whether a path is of this kind.
        read: reads the edits, given the path and the items; only folders of outputs need the items.
    """

    is_for: Callable[[Path], bool]
    read: Callable[[Path, Items], EditSet]


def read_edits(path: Path, kind: str | None = None, items: Items | None = None) -> EditSet:
    """Read the edits of an input.

    Args:
        kind: a key of `READERS`; None for the first one that fits.
        items: items whose edits are in the folders of outputs.

    Raises:
        UserError: the input is of no known kind, has no edit, or cannot be read.
    """
    fitting = [name for name, reader in READERS.items() if reader.is_for(path)]
    if kind and kind not in fitting:
        raise UserError(f"{path}: has no {kind}; available: {', '.join(fitting) or 'none that can be rated'}")
    if not fitting:
        raise UserError(f"{path}: nothing to rate; give a run, a table, or a folder with EDITOR/{OUTPUTS}/ITEM.png")
    edits = READERS[kind or fitting[0]].read(path, items or {})
    if not edits.edits:
        raise UserError(f"{path}: has no edit to rate; the first problem: {(*edits.problems, 'it is empty')[0]}")
    return edits


def list_items(bench: BenchSet) -> Items:
    """Return the items of a benchmark. In a chained set, later turns have the set's own source."""
    return {
        item.item_id: {"source": item.source, "instruction": item.instruction, "task": item.task}
        for item in bench.items
    }


def read_bench(run: Path, items: Items) -> EditSet:
    """Read `bench/{model}/{task}.h5` of a run."""
    files = sorted(file for file in (run / BENCH).glob("*/*.h5") if file.parent.name != SET)
    return _read_shards([(file, file.parent.name, file.stem) for file in files])


def read_candidates(run: Path, items: Items) -> EditSet:
    """Read `candidates/{folder}/{shard}.h5` of a run; the folder is the task, as in the run's scores."""
    return _read_shards([(file, "", file.parent.name) for file in sorted((run / "candidates").glob("[!.]*/*.h5"))])


def read_table(table: Path, items: Items) -> EditSet:
    """Read a table with a row for each edit; its paths are relative to its folder."""
    return _collect(_table_rows(table))


def read_outputs(folder: Path, items: Items) -> EditSet:
    """Read `{editor}/edits/{item_id}.png` of several editors.

    Raises:
        UserError: no items.
    """
    if not items:
        raise UserError(
            f"{folder}: folders of outputs need --items, the name of a benchmark or a table with the columns id, source"
            " and instruction"
        )
    editors = sorted(path.parent for path in folder.glob(f"[!.]*/{OUTPUTS}"))
    return _collect(row for editor in editors for row in _output_rows(editor, items))


READERS = {
    "table": InputReader(is_file, read_table),
    "outputs": InputReader(lambda path: any(path.glob(f"[!.]*/{OUTPUTS}")), read_outputs),
    "bench": InputReader(lambda path: any(path.glob(f"{BENCH}/*/*.h5")), read_bench),
    "candidates": InputReader(lambda path: any(path.glob("candidates/*/*.h5")), read_candidates),
}
"""Kinds of input; the first that fits is read."""


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
    return shards.read(path, lambda shard: shard.encoded(side, shard.find(pair_id)))


def _table_rows(table: Path) -> Iterator[Row]:
    for number, row in enumerate(read_columns(table, COLUMNS), 1):
        images = {side: partial(_read_file, table.parent / str(row[side] or "")) for side in ("source", "edited")}
        yield {**row, **images, "place": f"{table}: row {number}"}


def _output_rows(editor: Path, items: Items) -> Iterator[Row]:
    """Yield a row for each image of an editor."""
    for item_id, files in list_images(editor / OUTPUTS).items():
        for file in files:
            own = {"item_id": item_id, "editor": editor.name, "edited": partial(_read_file, file), "place": str(file)}
            yield {**items.get(item_id, {}), **own}


def _collect(rows: Iterable[Row]) -> EditSet:
    """Return an edit for each usable row, and a message for each unusable one."""
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
    source, edited = (sha256(row[side]()) for side in ("source", "edited"))
    return RatedEdit(
        **texts,
        task=str(row.get("task") or ""),
        image_group=source,
        digest=_digest(source, edited, texts["instruction"]),
        source=row["source"],
        edited=row["edited"],
    )


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _digest(source: str, edited: str, instruction: str) -> str:
    return sha256("\n".join((source, edited, instruction)))
