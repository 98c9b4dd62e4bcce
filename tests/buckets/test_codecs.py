"""Tests of image codecs: lossless or close, deterministic, and readable by zarr-python."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import omniedit
import omniedit.buckets.zarr_codecs
from helpers.small_buckets import LAYOUT, gather_accepted, make_run, seal
from omniedit.aspect import RATIOS, bucket_size
from omniedit.buckets.codecs import CODECS, filter_rows, undo_filter
from omniedit.buckets.placement import place, read_plan, write_plan
from omniedit.buckets.store import BucketStore
from omniedit.buckets.write import write_part
from omniedit.imaging.images import decode_image


def photo(height: int, width: int) -> np.ndarray:
    path = next(Path(omniedit.__file__).parent.glob("sources/sample/*.jpg"))
    return decode_image(path.read_bytes())[300 : 300 + height, 300 : 300 + width].copy()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_filter_inverts_exactly_at_any_size(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    out = np.empty_like(image)
    undo_filter(filter_rows(image), out)
    assert (out == image).all()


def test_filter_is_png_up_on_green_and_colour_differences() -> None:
    image = np.array([[[10, 20, 30]], [[12, 25, 31]]], np.uint8)
    assert filter_rows(image)[:, :, 0].tolist() == [[20, 5], [246, 253], [10, 252]]


@pytest.mark.parametrize("name", sorted(CODECS))
def test_codec_is_deterministic_and_lossless_or_close(name: str) -> None:
    codec, image = CODECS[name], photo(64, 96)
    encoded, out = codec.encode(image), np.empty((64, 96, 3), np.uint8)
    assert codec.encode(image.copy()) == encoded
    codec.decode(encoded, out)
    error = np.abs(out.astype(int) - image)
    assert error.max() <= (8 if name == "jpeg" else 0) and error.mean() <= 1.5
    with pytest.raises((ValueError, OSError)):
        codec.decode(encoded[: len(encoded) // 2 if name != "jpeg" else 10], out)
    with pytest.raises((ValueError, OSError)):
        codec.decode(encoded, np.empty((64, 112, 3), np.uint8))


def test_filtered_photo_is_smaller_than_with_zstd_alone() -> None:
    image = photo(256, 256)
    assert len(CODECS["filtered"].encode(image)) < 0.7 * len(CODECS["zstd"].encode(image))


@pytest.mark.parametrize("name", sorted(CODECS))
def test_zarr_and_store_read_the_same_in_each_codec(name: str, tmp_path: Path) -> None:
    make_run(tmp_path)
    layout, buckets = replace(LAYOUT, codec=name, parts=1), tmp_path / "buckets"
    table = place(gather_accepted(tmp_path), layout)
    write_plan(buckets / "plan.parquet", table, layout)
    plan = read_plan(buckets / "plan.parquet")
    list(write_part(plan, "00000", tmp_path / "candidates", buckets / "parts/00000"))
    seal(plan, [buckets / "parts/00000"], buckets)
    store = BucketStore(buckets)
    for ratio in RATIOS:
        group = zarr.open_group(str(buckets / f"{ratio}.zarr"), mode="r")
        assert group.attrs["format"] == 2
        count = len(store.pairs(ratio))
        if count:
            batch = store.read(ratio, range(count))
            for array in ("source", "edited", "mask"):
                assert (group[array][:] == getattr(batch, array)).all()


def test_format_1_store_reads_the_same(tmp_path: Path) -> None:
    """zarr-python writes its arrays here; its manifest has neither format nor runs, and there is no pairs.arrow."""
    make_run(tmp_path)
    layout, buckets = replace(LAYOUT, parts=1), tmp_path / "buckets"
    table = place(gather_accepted(tmp_path), layout)
    write_plan(buckets / "plan.parquet", table, layout)
    plan = read_plan(buckets / "plan.parquet")
    list(write_part(plan, "00000", tmp_path / "candidates", buckets / "parts/00000"))
    seal(plan, [buckets / "parts/00000"], buckets)
    old = Path(shutil.copytree(buckets, tmp_path / "old"))
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest["format"], manifest["layout"]["codec"]
    for bucket in manifest["buckets"].values():
        del bucket["runs"]
    (old / "manifest.json").write_text(json.dumps(manifest))
    new = BucketStore(buckets)
    for ratio in RATIOS:
        (old / f"{ratio}.zarr/pairs.arrow").unlink()
        group = zarr.open_group(str(buckets / f"{ratio}.zarr"), mode="r")
        count = len(new.pairs(ratio))
        for name, array in group.arrays() if count else []:
            shutil.rmtree(old / f"{ratio}.zarr" / name / "c")
            zarr.open_array(str(old / f"{ratio}.zarr" / name), mode="r+", config={"write_empty_chunks": True})[:] = (
                array[:]
            )
    first = BucketStore(old)
    for ratio in RATIOS:
        assert [first.rows(ratio, split).tolist() for split in ("train", "held_out")] == [
            new.rows(ratio, split).tolist() for split in ("train", "held_out")
        ]
        rows = np.random.default_rng(0).permutation(len(new.pairs(ratio)))
        one, other = first.read(ratio, rows), new.read(ratio, rows)
        assert one.pairs == other.pairs and one.source.shape[1:3] == bucket_size(ratio, 64)[::-1]
        assert all((getattr(one, name) == getattr(other, name)).all() for name in ("source", "edited", "mask"))
