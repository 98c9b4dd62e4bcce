"""Index of a run's pairs: a few columns of each pair, so that millions of pairs fit in memory (200 bytes each)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.browsing.pair_record import without_nan
from omniedit.browsing.run_files import ShardFiles
from omniedit.errors import UserError
from omniedit.exchange.candidates import short_reason
from omniedit.pairs import Shard
from omniedit.storage.parquet import column_names, read_rows

UNKNOWN = "unknown"
UNDECIDED = "undecided"
UNSCORED = "unscored"
_NAME = pa.dictionary(pa.int32(), pa.string())
INDEX_SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("task", _NAME),
        ("ratio", _NAME),
        ("source", _NAME),
        ("status", _NAME),
        ("judge", _NAME),
        ("score", pa.float64()),
        ("kept", pa.bool_()),
        ("reason", _NAME),
        ("shard", pa.int32()),
        ("row", pa.int32()),
    ]
)
"""Columns of the index. `source` is the id of the source photo, `status` 'scored', 'unscorable' or 'unscored', `score`
the judge's O, `kept` null before the decision, `shard` the index in the list of shards, and `row` the pair's row in its
candidate file, -1 if that file cannot be read."""

Row = dict[str, Any]


def index_shard(files: ShardFiles, number: int) -> tuple[pa.Table, list[str]]:
    """Return the rows of a shard and a message for each of its files that is missing or cannot be read.

    Args:
        number: index of the shard in the list of shards.
    """
    problems: list[str] = []
    pairs = _try(lambda: _read_pairs(files), problems)
    scores = _read_by_pair(files.path("scores"), ["status", "judge", "o_score"], problems)
    decisions = _read_by_pair(files.path("decisions"), ["kept", "reason", "ratio", "row"], problems)
    if pairs is None:
        pairs = {pair_id: {"row": -1} for pair_id in {**decisions, **scores}}
    elif strangers := len({*scores, *decisions} - pairs.keys()):
        problems.append(f"{files.path('scores')}: scores or decisions of {strangers} pairs that no candidate file has")
    rows = [
        _index_row(pair_id, pair, scores.get(pair_id, {}), decisions.get(pair_id, {}), files.folder) | {"shard": number}
        for pair_id, pair in pairs.items()
    ]
    try:
        return pa.Table.from_pylist(rows, schema=INDEX_SCHEMA), problems
    except (pa.ArrowException, OverflowError) as error:
        kinds = f"{files.path('scores')} or {files.path('decisions')}"
        return INDEX_SCHEMA.empty_table(), [*problems, f"{kinds}: a column has another type ({error})"]


def stream_index(shards: Sequence[ShardFiles]) -> Iterator[tuple[pa.Table, list[str]]]:
    """Yield `index_shard` of each shard."""
    return (index_shard(files, number) for number, files in enumerate(shards))


def join_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the index of several shards as one table."""
    return pa.concat_tables([INDEX_SCHEMA.empty_table(), *tables]).unify_dictionaries()


def find_pair(shards: Sequence[ShardFiles], pair_id: str) -> tuple[ShardFiles, Row]:
    """Return a pair's shard and its row of the index.

    Raises:
        UserError: no shard has a pair of this id; the message names shards that cannot be read.
    """
    likely = sorted(range(len(shards)), key=lambda number: not pair_id.startswith(f"{shards[number].folder}-"))
    problems: list[str] = []
    for number in likely:
        table, faults = index_shard(shards[number], number)
        problems += faults
        places = table["pair_id"].to_pylist()
        if pair_id in places:
            return shards[number], table.slice(places.index(pair_id), 1).to_pylist()[0]
    unread = f"; not read: {'; '.join(problems[:3])}" if problems else ""
    raise UserError(f"{pair_id!a:.200}: no pair of the run has this id{unread}; omniedit browse lists all")


def _read_pairs(files: ShardFiles) -> dict[str, Row]:
    """Return row, task, source and ratio of a shard's pairs, by pair id."""
    with Shard(files.candidates, keeps_last=False) as shard:
        named = enumerate(zip(shard.pair_ids, shard.tasks, shard.read_provenance(), strict=True))
        return {
            pair_id: {"row": row, "task": str(task), "source": known["source_id"], "ratio": known.get("ratio")}
            for row, (pair_id, task, known) in named
        }


def _read_by_pair(path: Path, columns: Sequence[str], problems: list[str]) -> Mapping[str, Row]:
    """Return the rows of a table by pair id; none if it is not there yet."""
    if not path.exists():
        return {}

    def read() -> dict[str, Row]:
        present = column_names(path)
        columns_read = ["pair_id", *(name for name in (*columns, "task") if name in present)]
        return {row["pair_id"]: row for row in read_rows(path, columns_read)}

    return _try(read, problems) or {}


def _try(read: Callable[[], dict[str, Row]], problems: list[str]) -> dict[str, Row] | None:
    """Call `read` and return its result. If a file cannot be read, record the problem and return None."""
    try:
        return read()
    except UserError as error:
        problems.append(str(error))
        return None


def _index_row(pair_id: str, pair: Row, score: Row, decision: Row, folder: str) -> Row:
    return {
        "pair_id": pair_id,
        "task": pair.get("task") or decision.get("task") or folder,
        "ratio": pair.get("ratio") or decision.get("ratio") or UNKNOWN,
        "source": pair.get("source") or UNKNOWN,
        "status": score.get("status") or UNSCORED,
        "judge": score.get("judge") or UNSCORED,
        "score": without_nan(score.get("o_score")),
        "kept": decision.get("kept"),
        "reason": short_reason(decision["reason"]) if decision.get("reason") else UNDECIDED,
        "row": pair["row"],
    }
