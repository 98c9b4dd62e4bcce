"""Tests of Zarr shards: chunks in any order, exact bytes, and every damaged byte is detected."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.buckets.zarr_shard import ZarrShard, ZarrShardWriter
from omniedit.storage.manifest import checksum


def write(path: Path, chunks: dict[int, bytes], places: int) -> ZarrShardWriter:
    with ZarrShardWriter(path, places) as writer:
        for place, chunk in chunks.items():
            writer.add(place, chunk)
    return writer


@given(st.dictionaries(st.integers(0, 6), st.binary(max_size=40)))
def test_chunks_read_back_in_any_order(tmp_path_factory: pytest.TempPathFactory, chunks: dict[int, bytes]) -> None:
    path = tmp_path_factory.mktemp("shard") / "a/0"
    writer = write(path, chunks, 7)
    assert writer.checksum == checksum(path)
    shard = ZarrShard(path, 7)
    for place in range(7):
        if place in chunks:
            assert shard.read(place) == chunks[place]
        else:
            with pytest.raises(ValueError, match=f"chunk {place} was not written"):
                shard.read(place)


def test_bytes_follow_the_zarr_specification(tmp_path: Path) -> None:
    write(tmp_path / "0", {1: b"123456789"}, 2)
    data = (tmp_path / "0").read_bytes()
    assert data[:13] == b"123456789" + (0xE3069283).to_bytes(4, "little")  # the check value of CRC-32C
    assert np.frombuffer(data[13:-4], "<u8").tolist() == [2**64 - 1, 2**64 - 1, 0, 13]
    assert hashlib.sha256(data).hexdigest() == checksum(tmp_path / "0")["sha256"]


@given(st.integers(0, 2**20), st.integers(1, 255))
def test_any_changed_byte_raises_error(tmp_path_factory: pytest.TempPathFactory, place: int, change: int) -> None:
    path = tmp_path_factory.mktemp("shard") / "0"
    write(path, {0: b"first chunk", 1: b"second chunk"}, 2)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= change
    path.write_bytes(data)
    shard = ZarrShard(path, 2)
    with pytest.raises(ValueError, match="CRC-32C"):
        for row in range(2):
            shard.read(row)


@pytest.mark.parametrize("size", [0, 3, 20, 40])
def test_truncated_file_raises_error(tmp_path: Path, size: int) -> None:
    write(tmp_path / "0", {0: b"first chunk", 1: b"second chunk"}, 2)
    (tmp_path / "0").write_bytes((tmp_path / "0").read_bytes()[:size])
    with pytest.raises(ValueError, match=r"shorter than its index|CRC-32C"):
        ZarrShard(tmp_path / "0", 2).read(0)


def test_failed_writer_leaves_no_index(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), ZarrShardWriter(tmp_path / "0", 1) as writer:
        writer.add(0, b"chunk")
        raise RuntimeError
    with pytest.raises(ValueError, match="shorter than its index"):
        ZarrShard(tmp_path / "0", 1).read(0)
