"""Tests of plan, write, seal and read: each accepted pair is stored once, reproducibly, and damage is reported."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.small_buckets import BASE, LAYOUT, SHARDS, gather_accepted, make_pair, make_run, seal
from omniedit.aspect import RATIOS, bucket_size
from omniedit.buckets import BatchPlan
from omniedit.buckets.loader import BatchLoader
from omniedit.buckets.placement import BucketSettings, Plan, mix, place, read_plan, write_plan
from omniedit.buckets.scratch import DamagedCopy, copy_to_scratch, discard_damaged, find_copy
from omniedit.buckets.seal import verify
from omniedit.buckets.store import BucketStore
from omniedit.buckets.write import write_part
from omniedit.errors import DamagedFile, UserError
from omniedit.pairs import EditPair, write_shard
from omniedit.storage.manifest import missing_files
from omniedit.storage.quarantine import quarantine_damaged, record_damage
from omniedit.tasks import Task


def build(root: Path, parts: Sequence[str] = ("00000", "00001", "00002")) -> Path:
    """Run the chain from decisions to sealed buckets; return their folder."""
    buckets = root / "buckets"
    write_plan(
        buckets / "plan.parquet",
        place(gather_accepted(root), LAYOUT),
        LAYOUT,
    )
    plan = read_plan(buckets / "plan.parquet")
    folders = []
    for part in parts:
        folders.append(buckets / "parts" / part)
        list(write_part(plan, part, root / "candidates", folders[-1]))
    seal(plan, folders, buckets)
    return buckets


@pytest.fixture(scope="module")
def sealed_buckets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, EditPair]]:
    root = tmp_path_factory.mktemp("run")
    kept = make_run(root)
    return build(root), kept


@pytest.fixture
def own_copy(sealed_buckets: tuple[Path, dict[str, EditPair]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed_buckets[0], tmp_path / "buckets"))


def test_every_accepted_pair_is_stored_once_and_reads_back(sealed_buckets: tuple[Path, dict[str, EditPair]]) -> None:
    store, kept = BucketStore(sealed_buckets[0]), dict(sealed_buckets[1])
    for ratio in RATIOS:
        batch = store.read(ratio, np.concatenate([store.rows(ratio, split) for split in ("train", "held_out")]))
        assert batch.source.shape[1:3] == bucket_size(ratio, BASE)[::-1]
        for row, about in enumerate(batch.pairs):
            pair = kept.pop(about["pair_id"])
            assert (about["row"], about["task"], tuple(about["instructions"])) == (row, pair.task, pair.instructions)
            assert pair.provenance["ratio"] == ratio and about["source_id"] == pair.provenance["source_id"]
            assert (batch.source[row] == pair.source).all() and (batch.edited[row] == pair.edited).all()
            mask = np.ones(pair.source.shape[:2], bool) if pair.mask is None else pair.mask
            assert (batch.mask[row] == mask * np.uint8(255)).all()
    assert not kept


def test_zarr_reads_all_seven_buckets(sealed_buckets: tuple[Path, dict[str, EditPair]]) -> None:
    store = BucketStore(sealed_buckets[0])
    for ratio in RATIOS:
        group = zarr.open_group(str(sealed_buckets[0] / f"{ratio}.zarr"), mode="r", use_consolidated=True)
        count = store.sizes("train")[ratio] + store.sizes("held_out")[ratio]
        assert {name: array.shape[0] for name, array in group.arrays()} == dict.fromkeys(
            ("source", "edited", "mask"), count
        )
        assert len(pq.read_table(sealed_buckets[0] / f"{ratio}.zarr" / "pairs.parquet")) == count
        if count:
            assert (group["edited"][count - 1] == store.read(ratio, [count - 1]).edited[0]).all()
        else:
            assert len(store.read(ratio, []).source) == 0


def test_rows_are_returned_in_the_requested_order(sealed_buckets: tuple[Path, dict[str, EditPair]]) -> None:
    store = BucketStore(sealed_buckets[0])
    batch = store.read("3x2", [2, 0, 2])
    assert [pair["row"] for pair in batch.pairs] == [2, 0, 2]
    assert (batch.source[0] == batch.source[2]).all() and (batch.source[1] == store.read("3x2", [0]).source[0]).all()


def test_resized_images_are_identical_with_and_without_the_cache(
    sealed_buckets: tuple[Path, dict[str, EditPair]],
) -> None:
    kept, fresh = (
        BucketStore(sealed_buckets[0], resolution=32),
        BucketStore(sealed_buckets[0], resolution=32, cache_bytes=0),
    )
    first, second, plain = kept.read("3x2", [1, 0]), kept.read("3x2", [0, 1]), fresh.read("3x2", [1, 0])
    assert first.source.shape[1:3] == bucket_size("3x2", 32)[::-1] == first.mask.shape[1:]
    assert (first.edited == second.edited[::-1]).all() and (first.edited == plain.edited).all()
    assert set(np.unique(first.mask)) <= {0, 255} and (first.mask == plain.mask).all()


def test_same_decisions_give_bit_identical_buckets(
    sealed_buckets: tuple[Path, dict[str, EditPair]], tmp_path: Path
) -> None:
    make_run(tmp_path)
    again = build(tmp_path, parts=["00002", "00000", "00001"])
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(sealed_buckets[0]) for path in sealed_buckets[0].rglob("*") if path.is_file()
    )
    assert all((again / file).read_bytes() == (sealed_buckets[0] / file).read_bytes() for file in files)


def test_resumed_loader_gives_the_same_batches(sealed_buckets: tuple[Path, dict[str, EditPair]]) -> None:
    store = BucketStore(sealed_buckets[0])
    plan = BatchPlan(store.sizes(), 4, 2, 0)

    def batches(steps: range) -> list[tuple[int, list[str], int]]:
        with BatchLoader(store, plan, 1, steps) as loader:
            return [(step, [p["pair_id"] for p in batch.pairs], int(batch.edited.sum())) for step, batch in loader]

    assert batches(range(20))[8:] == batches(range(8, 20))
    with BatchLoader(store, plan, 0, range(1000)) as loader:
        assert next(iter(loader))[0] == 0
        while not loader._ready.full():  # leaving the block with a full queue does not hang
            time.sleep(0.01)
    trained = {pair["pair_id"] for ratio in RATIOS for pair in store.read(ratio, store.rows(ratio, "train")).pairs}
    assert {pair_id for _, ids, _ in batches(range(60)) for pair_id in ids} <= trained


def test_damaged_file_error_names_file_and_remedy(own_copy: Path) -> None:
    assert verify(own_copy) == sum(path.is_file() for path in own_copy.glob("*.zarr/**/*"))
    file = own_copy / "3x2.zarr/edited/c/0/0/0/0"
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[100] ^= 1
    for content, reason in ((bytes(flipped), "damaged"), (whole[: len(whole) // 2], "damaged"), (None, "missing")):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        store = BucketStore(own_copy)
        with pytest.raises(UserError, match=rf"3x2\.zarr/edited/c/0/0/0/0: {reason}"):
            store.read("3x2", range(4))
        with pytest.raises(UserError, match=r"3x2\.zarr/edited/c/0/0/0/0"):
            verify(own_copy)
        plan = BatchPlan({"3x2": 4}, 2, 1, 0)
        with pytest.raises(UserError, match="3x2"), BatchLoader(store, plan, 0, range(4)) as loader:
            list(loader)
    (own_copy / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"manifest\.json: missing, the buckets are not sealed"):
        BucketStore(own_copy)


def test_running_out_of_open_files_is_not_reported_as_damage(own_copy: Path) -> None:
    """An error of the system while reading must not mark the shard as damaged."""
    code = (
        "import resource, pathlib; from omniedit.buckets.store import BucketStore\n"
        f"store = BucketStore(pathlib.Path({str(own_copy)!r})); store.read('1x1', [0])\n"
        "store.read('3x2', [4])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "try: store.read('3x2', [0])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("UserError ") and "Too many open files" in done.stdout, done.stdout + done.stderr


def test_damaged_local_copy_discards_only_the_damaged_file(own_copy: Path, tmp_path: Path) -> None:
    copy_to_scratch(own_copy, tmp_path / "scratch")
    copy = find_copy(own_copy, tmp_path / "scratch")
    file = copy / "3x2.zarr/edited/c/0/0/0/0"
    file.write_bytes(file.read_bytes()[:-40] + bytes(40))
    with pytest.raises(DamagedCopy, match=r"the copy on this node's disk is damaged .* rerun the command"):
        BucketStore(copy).read("3x2", range(4))
    assert file.exists()
    with pytest.raises(DamagedCopy), discard_damaged():
        BucketStore(copy).read("3x2", range(4))
    assert not file.exists()
    copy_to_scratch(own_copy, tmp_path / "scratch")
    assert find_copy(own_copy, tmp_path / "scratch") == copy and len(BucketStore(copy).read("3x2", range(4))) == 4


def test_damaged_shard_is_set_aside_with_its_hard_linked_part(
    sealed_buckets: tuple[Path, dict[str, EditPair]], tmp_path: Path
) -> None:
    run = tmp_path / "results/mine"
    run.mkdir(parents=True)
    subprocess.run(["cp", "--archive", sealed_buckets[0], run / "buckets"], check=True)
    bucket = run / "buckets/3x2.zarr/edited/c/0/0/0/0"
    (part,) = [path for path in run.glob("buckets/parts/*/3x2.zarr/edited/c/0/0/0/0") if path.samefile(bucket)]
    bucket.write_bytes(bucket.read_bytes()[:-40] + bytes(40))
    with pytest.raises(DamagedFile) as raised:
        BucketStore(run / "buckets").read("3x2", range(4))
    assert record_damage(raised.value.path)
    assert quarantine_damaged(run) == [bucket, part]
    assert missing_files(run / "buckets") and missing_files(part.parents[6])


def test_parts_that_do_not_match_the_plan_are_rejected(own_copy: Path, tmp_path: Path) -> None:
    plan = read_plan(own_copy / "plan.parquet")
    parts = sorted((own_copy / "parts").iterdir())
    with pytest.raises(UserError, match=r"the parts have \d+ pairs, not the \d+ planned"):
        seal(plan, parts[:2], tmp_path / "sealed")
    with pytest.raises(UserError, match="was written for another plan"):
        seal(Plan(plan.table, plan.layout, "other"), parts, tmp_path / "sealed")
    file = next(parts[0].glob("*.zarr/source/c/0/0/0/0"))
    file.write_bytes(b"\0" + file.read_bytes()[1:])
    with pytest.raises(UserError, match=r"parts/00000/.*/source/c/0/0/0/0: damaged"):
        seal(plan, parts, tmp_path / "sealed")
    assert not (tmp_path / "sealed/manifest.json").exists()


def test_candidates_that_do_not_match_the_plan_are_rejected(own_copy: Path, tmp_path: Path) -> None:
    pairs = [make_pair(Task.OBJECT_REMOVAL, "00009", row) for row in range(9)]
    for task, shard, _ in SHARDS:
        write_shard(tmp_path / "candidates" / task / f"{shard}.h5", task, "embedded", 0, pairs)
    with pytest.raises(UserError, match=r"\.h5: row \d+ is not .* as planned"):
        list(write_part(read_plan(own_copy / "plan.parquet"), "00000", tmp_path / "candidates", tmp_path / "out"))


counts = st.dictionaries(st.sampled_from(list(RATIOS)), st.integers(1, 30), min_size=1)


@settings(max_examples=50)
@given(counts, st.integers(1, 7), st.integers(1, 9), st.sampled_from([0.0, 0.1, 0.5]), st.integers(0, 3))
def test_plan_places_each_pair_and_each_zarr_shard_once(
    counts: dict[str, int], per_shard: int, parts: int, held_out: float, seed: int
) -> None:
    layout = BucketSettings(BASE, per_shard, parts, held_out, seed)
    pairs = [(f"{ratio}-{i}", ratio) for ratio, count in counts.items() for i in range(count)]
    columns = {"pair_id": [p for p, _ in pairs], "ratio": [r for _, r in pairs], "row": list(range(len(pairs)))}
    others = {"o_score": [9.0] * len(pairs), "task": ["t"] * len(pairs), "shard": ["00000"] * len(pairs)}
    table = pa.table(columns | others)
    planned = place(table, layout).to_pylist()
    assert planned == place(table.take(np.random.default_rng(seed).permutation(len(pairs))), layout).to_pylist()
    assert {(row["pair_id"], row["ratio"]) for row in planned} == set(pairs)
    owner: dict[tuple[str, int], str] = {}
    for ratio, count in counts.items():
        rows = [row for row in planned if row["ratio"] == ratio]
        assert [row["row"] for row in rows] == list(range(count))
        splits = [row["split"] for row in rows]
        assert splits == sorted(splits, reverse=True)  # 'train' before 'held_out'
        for row in rows:
            assert owner.setdefault((ratio, row["row"] // per_shard), row["part"]) == row["part"]
    assert set(owner.values()) <= {f"{part:05d}" for part in range(parts)}
    loads = [list(owner.values()).count(f"{part:05d}") for part in range(parts)]
    assert max(loads) - min(loads) <= 1
    if held_out and len(pairs) > 1:
        assert {row["split"] for row in planned} == {"train", "held_out"}


def test_imported_pairs_get_their_share_of_the_largest_mixture() -> None:
    folders = ["mine"] * 30 + ["object_swap"] * 8 + ["style_transfer"] * 4
    ids = [f"pair-{number}" for number in range(len(folders))]
    kept = pa.table({"pair_id": ids, "folder": folders})
    assert mix(kept, {}).equals(kept)
    mixed = Counter(mix(kept, {"mine": 0.25})["folder"].to_pylist())
    assert mixed == {"mine": 4, "object_swap": 8, "style_transfer": 4}
    assert mix(kept, {"mine": 0.25})["pair_id"].to_pylist() == sorted(
        mix(kept, {"mine": 0.25})["pair_id"].to_pylist(), key=ids.index
    )
    mixed = Counter(mix(kept, {"mine": 0.75, "object_swap": 0.25})["folder"].to_pylist())
    assert mixed == {"mine": 24, "object_swap": 8}
    with pytest.raises(UserError, match=r"imports\.other\.share: no pair of other is accepted"):
        mix(kept, {"other": 0.5})
