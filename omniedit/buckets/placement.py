"""Plan of the buckets: the position of every accepted pair, and the job that writes it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omniedit.aspect import RATIOS
from omniedit.buckets.store_layout import HELD_OUT, TRAIN
from omniedit.errors import DamagedFile, UserError
from omniedit.storage.manifest import checksum
from omniedit.storage.parquet import column_names, read_table, write_tables

PLAN_SCHEMA = pa.schema(
    [
        ("ratio", pa.string()),
        ("row", pa.int64()),
        ("part", pa.string()),
        ("task", pa.string()),
        ("shard", pa.string()),
        ("candidate_row", pa.int64()),
        ("pair_id", pa.string()),
        ("o_score", pa.float64()),
        ("split", pa.string()),
        ("folder", pa.string()),
    ]
)
"""One row per accepted pair: bucket, row, part, and origin (row `candidate_row` of candidates/{folder}/{shard}.h5).
Older plans lack the column `folder`; it then equals `task`."""
REPEATED_COLUMNS = ("ratio", "part", "task", "shard", "split", "folder")
"""Columns with few distinct values, which are dictionary-encoded in memory."""
HELD_OUT_KEY = "held out"
"""Key of the hashes that decide which pairs are held out."""
_BLOCK = 100_000
"""Rows of a plan that are converted and written at once."""


@dataclass(frozen=True)
class BucketSettings:
    """Settings of the buckets (`buckets` and `train.held_out` in the config), stored in the plan's file.

    Args:
        base_size: images have at least base_size^2 pixels.
        held_out: share of the pairs that is never trained on.
        seed: seed of the order of the pairs.
        codec: codec of the images, a key of `codecs.CODECS`.
    """

    base_size: int
    pairs_per_zarr_shard: int
    parts: int
    held_out: float
    seed: int
    codec: str = "zstd"


@dataclass(frozen=True)
class Plan:
    """Plan read from disk: `table` (PLAN_SCHEMA, with `REPEATED_COLUMNS`), layout, and the sha256 of its file."""

    table: pa.Table
    layout: BucketSettings
    sha256: str


@dataclass(frozen=True)
class EarlierPlacement:
    """Placement of a growing store's earlier pairs, for each accepted pair.

    Args:
        row: (N,) row of each accepted pair in its bucket, -1 for a new pair.
        part: (N,) number of its part, -1 for a new pair.
        held_out: (N,) whether it is held out; False for a new pair.
    """

    row: np.ndarray
    part: np.ndarray
    held_out: np.ndarray


def read_decisions(path: str | Path) -> pa.Table:
    """Read gathered decisions, in the columns that `read_accepted` and `place` use."""
    return _read_with_folder(path, ["pair_id", "kept", "o_score", "row", "ratio", "task", "shard"])


def _read_with_folder(path: str | Path, columns: Sequence[str]) -> pa.Table:
    """Return the columns and `folder`."""
    names = [*columns, *({"folder"} & set(column_names(path)))]
    return _add_folder(read_table(path, names, [name for name in names if name in REPEATED_COLUMNS]))


def _add_folder(table: pa.Table) -> pa.Table:
    """Return a table with the column `folder`. Older files lack it; it then equals `task`."""
    has_task = "task" in table.column_names and "folder" not in table.column_names
    return table.append_column("folder", table["task"]) if has_task else table


def read_accepted(paths: Iterable[str | Path]) -> pa.Table:
    """Return the accepted pairs of files of gathered decisions. The files are read one after the other.

    Raises:
        UserError: no pairs, or no accepted pairs; the message gives the best score.
    """
    accepted, count, best = [], 0, []
    for path in paths:
        decisions = read_decisions(path)
        accepted.append(decisions.filter(decisions["kept"]).drop_columns("kept"))
        count += len(decisions)
        best.append(pc.max(decisions["o_score"]).as_py())
    table = pa.concat_tables(accepted)
    _check_accepted(len(table), count, max((score for score in best if score is not None), default=None))
    return table


def _check_accepted(accepted: int, decisions: int, best: float | None) -> None:
    """Check that there are accepted pairs.

    Raises:
        UserError: there are none; the message gives the best score.
    """
    if not decisions:
        reasons = "the candidates and logs/{run}/synthesize give the reasons"
        raise UserError(f"no candidate pairs: no photo suits any task; {reasons}; give more photos")
    if not accepted:
        scored = "none was scored" if best is None else f"best O {best:.2f}"
        raise UserError(f"no pair is accepted (0 of {decisions}, {scored}); lower filter.min_score or make more pairs")


def mix(accepted: pa.Table, shares: Mapping[str, float]) -> pa.Table:
    """Return the largest subset of the accepted pairs in which each folder of `shares` has its share.

    All other folders together have the rest. A hash of the ids decides which pairs are left out.

    Raises:
        UserError: a folder with a share has no accepted pair.
    """
    folders = _add_folder(accepted)["folder"].cast(pa.string())
    groups = {name: pc.equal(folders, name).to_numpy() for name in shares}
    rest = ~np.logical_or.reduce([np.zeros(len(accepted), bool), *groups.values()])
    if not shares:
        return accepted
    if empty := [name for name, members in groups.items() if not members.any()]:
        remedy = "lower filter.min_score, or leave the share out"
        raise UserError(f"imports.{empty[0]}.share: no pair of {empty[0]} is accepted; {remedy}")
    quotas = [*((groups[name], share) for name, share in shares.items()), (rest, 1 - sum(shares.values()))]
    quotas = [(members, share) for members, share in quotas if members.any() and share > 0]
    total = min(members.sum() / share for members, share in quotas)
    order = np.argsort(hash_ids(accepted["pair_id"], "share"), kind="stable")
    chosen = [order[members[order]][: round(share * total)] for members, share in quotas]
    return accepted.take(np.sort(np.concatenate(chosen)))


def draw(accepted: pa.Table, count: int | None) -> pa.Table:
    """Return the `count` accepted pairs with the smallest hashes; all pairs if `count` is None or too large."""
    if count is None or len(accepted) <= count:
        return accepted
    order = np.argsort(hash_ids(accepted["pair_id"], "draw"), kind="stable")
    return accepted.take(np.sort(order[:count]))


def place(accepted: pa.Table, layout: BucketSettings, earlier: EarlierPlacement | None = None) -> pa.Table:
    """Return one row of PLAN_SCHEMA for each accepted pair, ordered by ratio and row.

    In each bucket, training pairs come first, then held-out pairs; the order within each depends only on (seed, pair
    id). Parts get equal runs of complete Zarr shards, so that no two jobs write the same shard.

    Args:
        earlier: placement that the pairs of a growing store keep (see `find_earlier_placement`); new pairs follow in
            the order above. Of the earlier Zarr shards of a bucket, at most the last one changes, if it was not full.
    """
    accepted = _add_folder(accepted)
    ids, ratio = accepted["pair_id"], index_texts(accepted["ratio"], RATIOS)
    hashes, part = hash_ids(ids, str(layout.seed)), None
    if earlier is None:
        held_out = held_out_mask(ids, layout.held_out)
        order = np.lexsort((hashes, held_out, ratio))
    else:
        is_new = earlier.row < 0
        held_out = np.where(is_new, hash_ids(ids, HELD_OUT_KEY) / 2**64 < layout.held_out, earlier.held_out)
        last = np.where(is_new, len(ids), earlier.row).astype(np.int32)
        order = np.lexsort((hashes, held_out & is_new, last, ratio))
        part = earlier.part[order]
    del ids, hashes
    ratio, held_out, accepted = ratio[order], held_out[order], accepted.take(order)
    row = np.arange(len(ratio)) - np.searchsorted(ratio, ratio)
    columns = {
        "ratio": _repeat(ratio, list(RATIOS)),
        "row": row,
        "part": _repeat(_parts(row, layout, part), [f"{part:05d}" for part in range(layout.parts)]),
        "task": accepted["task"],
        "shard": accepted["shard"],
        "candidate_row": accepted["row"],
        "pair_id": accepted["pair_id"],
        "o_score": accepted["o_score"],
        "split": _repeat(held_out, [TRAIN, HELD_OUT]),
        "folder": accepted["folder"],
    }
    return pa.table(columns)


def _parts(row: np.ndarray, layout: BucketSettings, earlier: np.ndarray | None) -> np.ndarray:
    """Return the part number of each row, which is that of its Zarr shard.

    Args:
        row: rows of all buckets, one bucket after the other.
        earlier: parts of a growing store's earlier pairs, -1 for new ones. Their Zarr shards keep their parts.
    """
    zarr_shard = (np.cumsum(row % layout.pairs_per_zarr_shard == 0) - 1).astype(np.int32)
    part = np.full(zarr_shard[-1] + 1, -1)
    if earlier is not None:
        part[zarr_shard[earlier >= 0]] = earlier[earlier >= 0]
    (new,) = np.nonzero(part < 0)
    part[new] = np.arange(len(new)) * layout.parts // max(1, len(new))
    return part[zarr_shard]


def index_texts(texts: pa.ChunkedArray, values: Iterable[str]) -> np.ndarray:
    """Return the index of each text among `values`, (N,) int16, block by block."""
    known = pa.array(list(values))
    found = [pc.index_in(chunk.cast(pa.string()), known).to_numpy(zero_copy_only=False) for chunk in texts.chunks]
    return np.concatenate([np.empty(0, np.int16), *(each.astype(np.int16) for each in found)])


def _repeat(codes: np.ndarray, values: Sequence[str]) -> pa.DictionaryArray:
    """Return `values` at the given indices as a dictionary-encoded column."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values))


def write_plan(path: str | Path, table: pa.Table, layout: BucketSettings) -> None:
    """Write a plan with its layout; the same plan gives the same bytes."""
    schema = PLAN_SCHEMA.with_metadata({"layout": json.dumps(asdict(layout), sort_keys=True)})
    blocks = (table.slice(first, _BLOCK).select(schema.names).cast(schema) for first in range(0, len(table), _BLOCK))
    write_tables(path, blocks, schema)


def read_plan(path: str | Path, columns: Sequence[str] = tuple(PLAN_SCHEMA.names)) -> Plan:
    """Read some columns of a plan that `write_plan` wrote, and `folder`.

    Raises:
        DamagedFile: the file is not a plan, or has changed since it was written.
        UserError: the file is missing.
    """
    table = _read_with_folder(path, [name for name in columns if name != "folder"])
    metadata = table.schema.metadata or {}
    if b"layout" not in metadata:
        raise DamagedFile(path, "not a plan of buckets")
    return Plan(table, BucketSettings(**json.loads(metadata[b"layout"])), checksum(Path(path))["sha256"])


def held_out_mask(ids: Sequence[str] | pa.ChunkedArray, share: float) -> np.ndarray:
    """Return which pairs are held out, (N,) bool, by the hash of each pair's id.

    A pair therefore stays held out when others are added or removed. If there are two or more pairs, at least one is
    held out and at least one is not, unless `share` is 0.
    """
    fractions = hash_ids(ids, HELD_OUT_KEY) / 2**64
    held_out = fractions < share
    if share > 0 and len(ids) > 1:
        held_out[np.argmin(fractions)] = True
        held_out[np.argmax(fractions)] = False
    return held_out


def hash_ids(ids: Sequence[str] | pa.ChunkedArray, key: str) -> np.ndarray:
    """Return hashes of the ids, (N,) uint64, uniform over all values."""
    column = ids if isinstance(ids, pa.ChunkedArray) else pa.chunked_array([pa.array(ids, pa.string())])
    blocks = (chunk.slice(first, _BLOCK) for chunk in column.chunks for first in range(0, len(chunk), _BLOCK))
    return np.concatenate([np.empty(0, "<u8"), *(_hash_block(block, f"{key}|".encode()) for block in blocks)])


def _hash_block(ids: pa.StringArray, prefix: bytes) -> np.ndarray:
    """Hash `prefix` and each id as bytes of Arrow's buffers, without a Python string for each."""
    _, offsets, texts = ids.buffers()
    ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    data = bytes(memoryview(texts)[ends[0] : ends[-1]]) if texts else b""
    spans = pairwise((ends - ends[0]).tolist())
    digests = b"".join([hashlib.sha256(prefix + data[start:end]).digest() for start, end in spans])
    return np.frombuffer(digests, "<u8")[::4].copy()
