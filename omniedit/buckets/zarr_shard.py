"""Zarr shards on disk: encoded chunks, one per pair, then the index of the `sharding_indexed` codec.

The index has the offset and size of each chunk, two 64-bit integers, and a CRC-32C. A chunk ends with its own CRC-32C.
"""

import hashlib
import os
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from google_crc32c import value as crc32c

CRC_BYTES = 4
EMPTY = 2**64 - 1
"""Offset and size of a chunk that was not written."""


class ZarrShardWriter:
    """Writer of a Zarr shard, a chunk at a time and in any order: a context manager.

    Args:
        chunks: number of chunks of a full shard.

    `checksum` is the file's entry in a manifest, computed while it is written.
    """

    def __init__(self, path: Path, chunks: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb")
        self._index = np.full((chunks, 2), EMPTY, "<u8")
        self._sha256, self._bytes = hashlib.sha256(), 0

    def __enter__(self) -> "ZarrShardWriter":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._file:
            if exc_type is None:
                self._write(self._index.tobytes())

    @property
    def checksum(self) -> dict[str, Any]:
        return {"bytes": self._bytes, "sha256": self._sha256.hexdigest()}

    def add(self, index: int, chunk: bytes) -> None:
        self._index[index] = self._bytes, len(chunk) + CRC_BYTES
        self._write(chunk)

    def _write(self, data: bytes) -> None:
        """Write bytes and their CRC-32C."""
        for block in (data, _crc_bytes(data)):
            self._file.write(block)
            self._sha256.update(block)
            self._bytes += len(block)


class ZarrShard:
    """Zarr shard opened for reading; its index is read once. Several threads may read at once.

    Raises:
        OSError: the file cannot be opened or read.
        ValueError: on reading, the index or a chunk does not match its checksum, or the chunk was not written.
    """

    def __init__(self, path: Path, chunks: int) -> None:
        self._file, self._chunks = path.open("rb", buffering=0), chunks

    def read(self, index: int) -> bytes:
        """Return a chunk's bytes, after comparing them with their checksum."""
        offset, size = self._index[index].tolist()
        if size < CRC_BYTES or size == EMPTY:
            raise ValueError(f"chunk {index} was not written")
        return self._read_checked(offset, size - CRC_BYTES, f"chunk {index}")

    @cached_property
    def _index(self) -> np.ndarray:
        size = self._chunks * 16
        start = os.fstat(self._file.fileno()).st_size - size - CRC_BYTES
        if start < 0:
            raise ValueError("shorter than its index")
        return np.frombuffer(self._read_checked(start, size, "the index"), "<u8").reshape(-1, 2)

    def _read_checked(self, offset: int, size: int, label: str) -> bytes:
        data = os.pread(self._file.fileno(), size, offset)
        crc = os.pread(self._file.fileno(), CRC_BYTES, offset + size)
        if len(data) != size or crc != _crc_bytes(data):
            raise ValueError(f"{label} does not match its CRC-32C")
        return data


def _crc_bytes(data: bytes) -> bytes:
    return crc32c(data).to_bytes(CRC_BYTES, "little")
