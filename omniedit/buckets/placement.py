"""The plan of the buckets: the place of every kept pair, and which job writes it."""

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
from omniedit.storage.parquet import read_table, write_table

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
    ]
)
"""A row a kept pair: its bucket, row and part, and where it comes from: row `candidate_row` of
candidates/{task}/{shard}.h5."""


@dataclass(frozen=True)
class Layout:
    """What the buckets are like (`buckets` and `train.held_out` in the config); stored in the plan's file.

    Args:
        base_size: pictures have at least base_size^2 pixels.
        held_out: share of the pairs that training never sees.
        seed: of the order of the pairs.
    """

    base_size: int
    pairs_per_zarr_shard: int
    parts: int
    held_out: float
    seed: int


@dataclass(frozen=True)
class Plan:
    """A plan read back: its `table` (PLAN_SCHEMA), its layout, the sha256 of its file."""

    table: pa.Table
    layout: Layout
    sha256: str


def accepted_pairs(decisions: pa.Table) -> pa.Table:
    """Of the decisions on all pairs (pair_id, kept, o_score, row, ratio, task, shard), those that are kept.

    Raises:
        UserError: there is no pair, or none is kept; the text gives the best score there is.
    """
    kept = decisions.filter(decisions["kept"])
    if not len(decisions):
        reasons = "the refusals in the candidates and in logs/{run}/synthesize say why"
        raise UserError(f"there is no pair to keep: no photo suits any task; {reasons}; give more photos")
    if not len(kept):
        best = pc.max(decisions["o_score"]).as_py()
        scored = "none has a score" if best is None else f"best O {best:.2f}"
        raise UserError(f"no pair is kept (0 of {len(decisions)}, {scored}); lower filter.min_score or make more pairs")
    return kept


def place(kept: pa.Table, layout: Layout) -> pa.Table:
    """A row of PLAN_SCHEMA for each kept pair, in the order of ratio and row.

    In a bucket the training pairs come first, then those held out, each in an order that follows from (seed, pair id)
    alone. Parts get equal runs of whole Zarr shards, so that no two jobs write one.
    """
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
    }
    return pa.table(columns, schema=PLAN_SCHEMA)


def write_plan(path: str | Path, table: pa.Table, layout: Layout) -> None:
    write_table(path, table.replace_schema_metadata({"layout": json.dumps(asdict(layout), sort_keys=True)}))


def read_plan(path: str | Path) -> Plan:
    """A plan as `write_plan` wrote it.

    Raises:
        Damaged: the file is no plan, or not as it was written.
        UserError: it is missing.
    """
    table = read_table(path, PLAN_SCHEMA.names)
    metadata = table.schema.metadata or {}
    if b"layout" not in metadata:
        raise Damaged(path, "no plan of buckets")
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return Plan(table, Layout(**json.loads(metadata[b"layout"])), digest)


def held_out_mask(ids: Sequence[str], share: float) -> np.ndarray:
    """(N,) bool: a pair's hash alone says whether it is held out, so it stays so when others come or go.

    Of few pairs at least one is held out (where any is asked for) and at least one is not.
    """
    fractions = _hashes(ids, "held out") / 2**64
    held_out = fractions < share
    if share > 0 and len(ids) > 1:
        held_out[np.argmin(fractions)] = True
        held_out[np.argmax(fractions)] = False
    return held_out


def _hashes(ids: Sequence[str], key: str) -> np.ndarray:
    """(N,) uint64, even over all values."""
    digests = (hashlib.sha256(f"{key}|{pair_id}".encode()).digest()[:8] for pair_id in ids)
    return np.frombuffer(b"".join(digests), dtype="<u8")
