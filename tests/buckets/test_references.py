"""Tests of reference images in buckets: they read back, and buckets without them have no trace of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from helpers.small_buckets import BASE, LAYOUT, decision, gather_accepted, make_pair, seal
from omniedit.buckets.placement import place, read_plan, write_plan
from omniedit.buckets.references import MAX_REFERENCES, pack_files, reference_captions, unpack_files
from omniedit.buckets.seal import verify
from omniedit.buckets.store import BucketStore
from omniedit.buckets.write import write_part
from omniedit.errors import DamagedFile
from omniedit.imaging.images import resize_to_fit
from omniedit.pairs import EditPair, Reference, write_shard
from omniedit.scoring.filter import DECISIONS_SCHEMA
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task

TASK = Task.STYLE_TRANSFER
COUNT = 9


def make_references(row: int) -> tuple[Reference, ...]:
    """Return row % 3 images, the first larger than the bucket, for pairs of the ratio 3x2 alone."""
    rng = np.random.default_rng(row)
    sizes = [(2 * BASE, 3 * BASE), (20, 30)][: row % 3 if row % 2 else 0]
    captions = (None, "a mug")
    images = [rng.integers(0, 255, (*size, 3), np.uint8) for size in sizes]
    return tuple(Reference("subject", image, caption) for image, caption in zip(images, captions, strict=False))


def ratio(row: int) -> str:
    return "3x2" if row % 2 else "1x1"


def write_store(root: Path, codec: str = "zstd") -> tuple[Path, dict[str, EditPair]]:
    pairs = []
    for row in range(COUNT):
        pair = make_pair(TASK, "00000", {"3x2": 0, "1x1": 1}[ratio(row)])
        pairs.append(replace(pair, pair_id=f"pair{row}", references=make_references(row)))
    write_shard(root / f"candidates/{TASK}/00000.h5", TASK, "embedded", 0, pairs)
    rows = [decision(pair, row, kept=True) for row, pair in enumerate(pairs)]
    write_rows(root / f"decisions/{TASK}/00000.parquet", rows, DECISIONS_SCHEMA)
    layout, buckets = replace(LAYOUT, parts=2, codec=codec), root / "buckets"
    write_plan(
        buckets / "plan.parquet",
        place(gather_accepted(root), layout),
        layout,
    )
    plan = read_plan(buckets / "plan.parquet")
    parts = [buckets / "parts" / part for part in ("00000", "00001")]
    for part in parts:
        list(write_part(plan, part.name, root / "candidates", part))
    seal(plan, parts, buckets)
    return buckets, {pair.pair_id: pair for pair in pairs}


@pytest.fixture(scope="module")
def sealed_buckets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, EditPair]]:
    return write_store(tmp_path_factory.mktemp("run"))


def test_references_read_back_scaled_down_to_the_size_of_the_buckets(
    sealed_buckets: tuple[Path, dict[str, EditPair]],
) -> None:
    buckets, pairs = sealed_buckets
    store, seen = BucketStore(buckets, reads_references=True), 0
    for name in ("3x2", "1x1"):
        batch = store.read(name, range(len(store.pairs(name))))
        assert batch[1:3].references == batch.references[1:3]
        for row, images in zip(batch.pairs, batch.references, strict=True):
            stored = pairs[row["pair_id"]].references
            assert (row.get("references") or []) == [each.role for each in stored]
            assert reference_captions(row) == [each.caption for each in stored]
            assert len(images) == len(stored)
            for image, reference in zip(images, stored, strict=True):
                assert (image == resize_to_fit(reference.image, BASE)).all()
                seen += 1
    assert seen == 4  # rows 1 and 7 have one, row 5 has two
    assert verify(buckets)


def test_a_bucket_without_references_keeps_the_earlier_format(sealed_buckets: tuple[Path, dict[str, EditPair]]) -> None:
    buckets, _ = sealed_buckets
    assert not (buckets / "1x1.zarr/references").exists()
    assert "references" not in BucketStore(buckets).pairs("1x1").column_names
    formats = [json.loads((buckets / f"{name}.zarr/zarr.json").read_text())["attributes"] for name in ("1x1", "3x2")]
    assert [each["format"] for each in formats] == [2, 3]
    assert json.loads((buckets / "manifest.json").read_text())["format"] == 3
    assert BucketStore(buckets).read("3x2", [0]).references == ()


def test_a_store_without_captions_reads_none_for_each_reference() -> None:
    assert reference_captions({"references": ["subject", "depth"]}) == [None, None]
    assert reference_captions({"references": None}) == []


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_zarr_reads_the_image_files_of_references(sealed_buckets: tuple[Path, dict[str, EditPair]]) -> None:
    buckets, _ = sealed_buckets
    store = BucketStore(buckets)
    array = zarr.open_group(str(buckets / "3x2.zarr"), mode="r")["references"]
    assert array.shape == (len(store.pairs("3x2")), MAX_REFERENCES)
    counts = [sum(len(file) > 0 for file in files) for files in array[:]]
    assert counts == [len(row or ()) for row in store.pairs("3x2").column("references").to_pylist()]
    assert {files[0][:4] for files, count in zip(array[:], counts, strict=True) if count} == {b"\x89PNG"}


def test_a_damaged_reference_names_its_file(tmp_path: Path) -> None:
    buckets, _ = write_store(tmp_path, codec="jpeg")
    store = BucketStore(buckets, reads_references=True)
    row = next(row["row"] for row in store.pairs("3x2").to_pylist() if row["references"])
    (image, *_) = store.read("3x2", [row]).references[0]
    assert max(image.shape[:2]) <= BASE
    for file in (buckets / "3x2.zarr/references").rglob("c/*/*"):
        file.write_bytes(b"\0" * file.stat().st_size)
    with pytest.raises(DamagedFile, match=r"3x2\.zarr/references/c/"):
        BucketStore(buckets, reads_references=True).read("3x2", [row])


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=MAX_REFERENCES))
def test_packed_files_unpack_to_the_same_files(files: list[bytes]) -> None:
    assert unpack_files(pack_files(files)) == files
    with pytest.raises(ValueError, match="references"):
        unpack_files(pack_files(files)[:-1])
