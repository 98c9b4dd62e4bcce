"""Small candidates with decisions, and how they become sealed buckets."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from omniedit.aspect import RATIOS, bucket_size
from omniedit.buckets.placement import BucketSettings, Plan
from omniedit.buckets.seal import read_parts, seal_bucket, write_sealed
from omniedit.pairs import EditPair, write_shard
from omniedit.scoring.filter import DECISIONS_SCHEMA, gather_decisions
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task

BASE = 64
LAYOUT = BucketSettings(base_size=BASE, pairs_per_zarr_shard=4, parts=3, held_out=0.2, seed=0)
SHARDS = [(Task.OBJECT_REMOVAL, "00000", 9), (Task.OBJECT_REMOVAL, "00001", 7), (Task.STYLE_TRANSFER, "00000", 8)]


def make_pair(task: Task, shard: str, row: int) -> EditPair:
    rng = np.random.default_rng([row, int(shard), len(task)])
    ratio = ["3x2", "1x1", "9x16"][row % 3]
    width, height = bucket_size(ratio, BASE)
    source, edited = (rng.integers(0, 255, (height, width, 3), np.uint8) for _ in range(2))
    mask = rng.random((height, width)) > 0.9 if task.is_local else None
    provenance = {"source_id": f"photo{row}", "ratio": ratio}
    return EditPair(f"{task}-{shard}-{row:02d}", task, (f"Do {row}.", "Do it."), source, edited, mask, provenance)


def decision(pair: EditPair, row: int, kept: bool) -> dict:
    reason = "kept" if kept else "below threshold"
    about = {"pair_id": pair.pair_id, "kept": kept, "reason": reason, "o_score": 9.5 if kept else 4.25}
    return about | {"row": row, "ratio": pair.provenance["ratio"]}


def make_run(root: Path) -> dict[str, EditPair]:
    """Write candidates and decisions below `root`; return the accepted pairs by id."""
    kept = {}
    for task, shard, count in SHARDS:
        pairs = [make_pair(task, shard, row) for row in range(count)]
        write_shard(root / "candidates" / task / f"{shard}.h5", task, "embedded", 0, pairs)
        rows = [decision(pair, row, kept=row != 4) for row, pair in enumerate(pairs)]
        write_rows(root / "decisions" / task / f"{shard}.parquet", rows, DECISIONS_SCHEMA)
        kept |= {pair.pair_id: pair for row, pair in enumerate(pairs) if row != 4}
    return kept


def gather_accepted(root: Path) -> pa.Table:
    """Return the accepted pairs of a run's decisions."""
    decisions = gather_decisions(sorted(root.glob("decisions/*/*.parquet")))
    return decisions.filter(decisions["kept"])


def seal(plan: Plan, folders: list[Path], buckets: Path) -> None:
    found = read_parts(plan, folders)
    entries = {ratio: seal_bucket(plan, folders, found, ratio, buckets) for ratio in RATIOS}
    write_sealed(buckets / "manifest.json", plan, entries, found)
