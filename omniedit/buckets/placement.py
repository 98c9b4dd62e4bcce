"""Plan of the buckets: the position of every accepted pair, and the job that writes it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omniedit.aspect import RATIOS
from omniedit.buckets.layout import HELD_OUT, TRAIN
from omniedit.errors import Damaged, UserError
from omniedit.storage.parquet import column_names, read_table, write_table

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
Plans from before the column `folder` lack it; it is then equal to `task`."""


@dataclass(frozen=True)
class Layout:
    """Settings of the buckets (`buckets` and `train.held_out` in the config), stored in the plan's file.

    Args:
        base_size: images have at least base_size^2 pixels.
        held_out: share of the pairs that is never trained on.
        seed: seed of the order of the pairs.
    """

    base_size: int
    pairs_per_zarr_shard: int
    parts: int
    held_out: float
    seed: int


@dataclass(frozen=True)
class Plan:
    """Plan read from disk: its `table` (PLAN_SCHEMA), its layout, and the sha256 of its file."""

    table: pa.Table
    layout: Layout
    sha256: str


def read_decisions(path: str | Path) -> pa.Table:
    """Read gathered decisions, in the columns that `accepted_pairs` and `place` use."""
    return _read_with_folder(path, ["pair_id", "kept", "o_score", "row", "ratio", "task", "shard"])


def _read_with_folder(path: str | Path, columns: Sequence[str]) -> pa.Table:
    """Return the columns and `folder`."""
    return _add_folder(read_table(path, [*columns, *({"folder"} & set(column_names(path)))]))


def _add_folder(table: pa.Table) -> pa.Table:
    """Return a table with `folder`, which is `task` in files from before that column."""
    return table if "folder" in table.column_names else table.append_column("folder", table["task"])


def accepted_pairs(decisions: pa.Table) -> pa.Table:
    """Return the accepted pairs among the decisions on all pairs.

    Args:
        decisions: columns pair_id, kept, o_score, row, ratio, task, shard and, if it differs from task, folder.

    Raises:
        UserError: no pairs, or no accepted pairs; the message gives the best score.
    """
    kept = decisions.filter(decisions["kept"])
    if not len(decisions):
        reasons = "the candidates and logs/{run}/synthesize give the reasons"
        raise UserError(f"no candidate pairs: no photo suits any task; {reasons}; give more photos")
    if not len(kept):
        best = pc.max(decisions["o_score"]).as_py()
        scored = "none was scored" if best is None else f"best O {best:.2f}"
        raise UserError(
            f"no pair is accepted (0 of {len(decisions)}, {scored}); lower filter.min_score or make more pairs"
        )
    return kept


def place(kept: pa.Table, layout: Layout) -> pa.Table:
    """Return one row of PLAN_SCHEMA for each accepted pair, ordered by ratio and row.

    In each bucket, training pairs come first, then held-out pairs; the order within each depends only on (seed, pair
    id). Parts get equal runs of whole Zarr shards, so that no two jobs write the same shard.
    """
    kept = _add_folder(kept)
    ids = kept["pair_id"].to_pylist()
    held_out = held_out_mask(ids, layout.held_out)
    ratio = np.array([list(RATIOS).index(name) for name in kept["ratio"].to_pylist()])
    order = np.lexsort((_hashes(ids, str(layout.seed)), held_out, ratio))

    ratio, held_out, kept = ratio[order], held_out[order], kept.take(order)
    row = np.arange(len(ratio)) - np.searchsorted(ratio, ratio)
    starts_shard = row % layout.pairs_per_zarr_shard == 0
    zarr_shard = np.cumsum(starts_shard) - 1
    part = zarr_shard * layout.parts // (zarr_shard[-1] + 1)
    columns = {
        "ratio": kept["ratio"],
        "row": row,
        "part": [f"{number:05d}" for number in part],
        "task": kept["task"],
        "shard": kept["shard"],
        "candidate_row": kept["row"],
        "pair_id": kept["pair_id"],
        "o_score": kept["o_score"],
        "split": np.where(held_out, HELD_OUT, TRAIN).tolist(),
        "folder": kept["folder"],
    }
    return pa.table(columns, schema=PLAN_SCHEMA)


def write_plan(path: str | Path, table: pa.Table, layout: Layout) -> None:
    write_table(path, table.replace_schema_metadata({"layout": json.dumps(asdict(layout), sort_keys=True)}))


def read_plan(path: str | Path) -> Plan:
    """Read a plan that `write_plan` wrote.

    Raises:
        Damaged: the file is not a plan, or not as it was written.
        UserError: the file is missing.
    """
    table = _read_with_folder(path, [name for name in PLAN_SCHEMA.names if name != "folder"])
    metadata = table.schema.metadata or {}
    if b"layout" not in metadata:
        raise Damaged(path, "not a plan of buckets")
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return Plan(table, Layout(**json.loads(metadata[b"layout"])), digest)


def held_out_mask(ids: Sequence[str], share: float) -> np.ndarray:
    """Return which pairs are held out, (N,) bool, by the hash of each pair's id.

    A pair therefore stays held out when others are added or removed. Of two or more pairs, at least one is held out and
    at least one is not, unless `share` is 0.
    """
    fractions = _hashes(ids, "held out") / 2**64
    held_out = fractions < share
    if share > 0 and len(ids) > 1:
        held_out[np.argmin(fractions)] = True
        held_out[np.argmax(fractions)] = False
    return held_out


def _hashes(ids: Sequence[str], key: str) -> np.ndarray:
    """Return hashes of the ids, (N,) uint64, uniform over all values."""
    digests = (hashlib.sha256(f"{key}|{pair_id}".encode()).digest()[:8] for pair_id in ids)
    return np.frombuffer(b"".join(digests), dtype="<u8")
