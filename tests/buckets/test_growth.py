"""Tests of a growing store: existing pairs are neither moved nor rewritten, and training sees the new ones."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.small_buckets import LAYOUT, decision, gather_accepted, make_pair, seal
from omniedit.aspect import RATIOS
from omniedit.buckets import BatchPlan
from omniedit.buckets.growth import find_earlier_placement
from omniedit.buckets.loader import BatchLoader
from omniedit.buckets.placement import BucketSettings, Plan, place, read_plan, write_plan
from omniedit.buckets.store import BucketStore
from omniedit.buckets.write import write_part
from omniedit.pairs import write_shard
from omniedit.scoring.filter import DECISIONS_SCHEMA
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task

TASK = Task.OBJECT_REMOVAL


def add_shard(root: Path, shard: str, count: int) -> None:
    pairs = [make_pair(TASK, shard, row) for row in range(count)]
    write_shard(root / "candidates" / TASK / f"{shard}.h5", TASK, "embedded", 0, pairs)
    rows = [decision(pair, row, kept=True) for row, pair in enumerate(pairs)]
    write_rows(root / "decisions" / TASK / f"{shard}.parquet", rows, DECISIONS_SCHEMA)


def build(root: Path, layout: BucketSettings = LAYOUT) -> Path:
    """Plan, write and seal as the scripts do with --grow."""
    buckets = root / "buckets"
    kept = gather_accepted(root)
    earlier = read_plan(buckets / "plan.parquet") if (buckets / "plan.parquet").exists() else None
    placement = find_earlier_placement(kept, layout, earlier) if earlier else None
    write_plan(buckets / "plan.parquet", place(kept, layout, placement), layout)
    plan, parts = read_plan(buckets / "plan.parquet"), []
    for number in range(layout.parts):
        parts.append(buckets / "parts" / f"{number:05d}")
        fresh = parts[-1].with_name("fresh")
        list(write_part(plan, parts[-1].name, root / "candidates", fresh, earlier=parts[-1]))
        if parts[-1].exists():
            parts[-1].rename(root / f"old-{number}-{len(list(root.glob('old-*')))}")
        fresh.rename(parts[-1])
    seal(plan, parts, buckets)
    return buckets


def describe(buckets: Path) -> dict[str, tuple[str, int, str]]:
    """Return ratio, row and split of each pair."""
    store = BucketStore(buckets)
    rows = [(ratio, pair) for ratio in RATIOS for pair in store.pairs(ratio).to_pylist()]
    return {pair["pair_id"]: (ratio, pair["row"], pair["split"]) for ratio, pair in rows}


def test_grown_store_keeps_its_pairs_and_full_zarr_shards(tmp_path: Path) -> None:
    add_shard(tmp_path, "00000", 24)
    buckets = build(tmp_path)
    before = describe(buckets)
    inodes = {
        path.relative_to(buckets): path.stat().st_ino for path in buckets.glob("*.zarr/*/c/**/0") if path.is_file()
    }
    add_shard(tmp_path, "00001", 21)
    after = describe(build(tmp_path))
    assert len(after) == 45 and before.items() <= after.items()
    full = {
        path: inode
        for path, inode in inodes.items()
        if 4 * (int(path.parts[3]) + 1)
        <= sum(ratio == path.parts[0].removesuffix(".zarr") for ratio, *_ in before.values())
    }
    assert full and all((buckets / path).stat().st_ino == inode for path, inode in full.items())
    store = BucketStore(buckets)
    for ratio in RATIOS:
        splits = {row: split for found, row, split in after.values() if found == ratio}
        assert sorted(splits) == list(range(len(splits)))
        for split in ("train", "held_out"):
            assert store.rows(ratio, split).tolist() == sorted(row for row, own in splits.items() if own == split)
            assert store.sizes(split)[ratio] == len(store.rows(ratio, split))
        batch = store.read(ratio, sorted(splits))
        for number, about in enumerate(batch.pairs):
            shard, row = about["pair_id"].split("-")[1:]
            assert (batch.edited[number] == make_pair(TASK, shard, int(row)).edited).all()


def test_grown_store_trains_on_every_training_pair_and_no_other(tmp_path: Path) -> None:
    add_shard(tmp_path, "00000", 24)
    build(tmp_path)
    add_shard(tmp_path, "00001", 21)
    store = BucketStore(build(tmp_path))
    plan = BatchPlan(store.sizes(), 1, 1, 0)
    rows = {ratio: store.rows(ratio, "train") for ratio in RATIOS}
    with BatchLoader(store, plan, 0, range(plan.steps_per_epoch), rows=rows) as loader:
        seen = [pair for _, batch in loader for pair in batch.pairs]
    assert {pair["split"] for pair in seen} == {"train"}
    assert len({pair["pair_id"] for pair in seen}) == len(seen) == sum(store.sizes().values())


def test_changed_candidates_and_damaged_files_are_rewritten(tmp_path: Path) -> None:
    add_shard(tmp_path, "00000", 24)
    buckets = build(tmp_path)
    whole = {path.relative_to(buckets): path.read_bytes() for path in buckets.glob("*.zarr/*/c/**/0") if path.is_file()}
    damaged = next(path for path in (buckets / "parts").glob("*/*.zarr/edited/c/**/0") if path.is_file())
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    build(tmp_path)
    assert all((buckets / path).read_bytes() == content for path, content in whole.items())
    pairs = [make_pair(TASK, "00000", row) for row in range(24)]
    pairs[5] = replace(pairs[5], edited=255 - pairs[5].edited)
    write_shard(tmp_path / "candidates" / TASK / "00000.h5", TASK, "embedded", 0, pairs)
    ratio, row, _ = describe(buckets)[pairs[5].pair_id]
    assert (BucketStore(build(tmp_path)).read(ratio, [row]).edited[0] == pairs[5].edited).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"base_size": 96},
        {"pairs_per_zarr_shard": 5},
        {"seed": 1},
        {"held_out": 0.3},
        {"codec": "filtered"},
        {"parts": 2},
    ],
)
def test_store_does_not_grow_with_another_layout_or_a_missing_pair(changes: Mapping[str, object]) -> None:
    columns = {"pair_id": ["a", "b"], "ratio": ["1x1", "2x3"], "task": ["t"] * 2, "shard": ["00000"] * 2}
    kept = pa.table(columns | {"row": [0, 1], "o_score": [9.0] * 2})
    plan = Plan(place(kept, LAYOUT), LAYOUT, "")
    assert find_earlier_placement(kept, LAYOUT, plan) and find_earlier_placement(kept, replace(LAYOUT, parts=7), plan)
    assert find_earlier_placement(kept, replace(LAYOUT, **changes), plan) is None
    assert find_earlier_placement(kept.slice(1), LAYOUT, plan) is None
    assert find_earlier_placement(kept.set_column(1, "ratio", pa.chunked_array([["1x1", "1x1"]])), LAYOUT, plan) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 25), min_size=2, max_size=4), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2))
def test_growth_never_moves_a_pair_or_splits_a_zarr_shard(
    added: list[int], per_shard: int, parts: int, seed: int
) -> None:
    layout = BucketSettings(64, per_shard, parts, 0.2, seed)
    added[0] += 2
    rng, plan, total = np.random.default_rng(seed), None, 0
    ratios = rng.choice(list(RATIOS)[:3], sum(added))
    for count in added:
        total += count
        columns = {"pair_id": [f"pair{n}" for n in range(total)], "ratio": ratios[:total].tolist()}
        others = {
            "task": ["t"] * total,
            "shard": ["00000"] * total,
            "row": list(range(total)),
            "o_score": [9.0] * total,
        }
        order = rng.permutation(total)
        kept_pairs = pa.table(columns | others).take(order)
        grown = place(
            kept_pairs, layout, find_earlier_placement(kept_pairs, layout, Plan(plan, layout, "")) if plan else None
        )
        if plan is not None:
            kept = {row["pair_id"]: row for row in grown.to_pylist()}
            assert all(kept[row["pair_id"]] == row for row in plan.to_pylist())
        plan = grown
        rows = plan.to_pylist()
        assert sorted(row["pair_id"] for row in rows) == sorted(columns["pair_id"])
        owners = {(row["ratio"], row["row"] // per_shard, row["part"]) for row in rows}
        assert len(owners) == len({owner[:2] for owner in owners})
        for ratio in RATIOS:
            assert [row["row"] for row in rows if row["ratio"] == ratio] == list(
                range(ratios[:total].tolist().count(ratio))
            )
