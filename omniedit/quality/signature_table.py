"""Signatures of all shards as arrays: the columns by which pairs are compared, 101 bytes per pair."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from omniedit.quality.hamming import Hashes
from omniedit.quality.hashes import HASH_BYTES, Bits, Levels, search_keys
from omniedit.quality.signature import DIGEST_BYTES
from omniedit.storage.parquet import read_table

COLUMNS = (
    *("instruction", "source_digest", "edited_digest", "source_hash", "edited_hash"),
    *("change_hash", "change_levels", "plain"),
)


@dataclass(frozen=True)
class Signatures:
    """Columns of `SIGNATURES_SCHEMA` by which pairs are compared. Row i is the i-th pair of all shards in order.

    Args:
        instruction, change_hash: (N,).
        source_digest, edited_digest: (N,) first 64 bits of the digests. Two of ten million images share them by chance
            with a probability of 3e-6.
        source_hash, edited_hash: (N, 18).
        source_key, edited_key: (N,) 64 bits of the hashes, to search by.
        change_levels: (N, 4).
        plain: (N,) whether an image has too little contrast for a perceptual hash.
    """

    instruction: Hashes
    source_digest: Hashes
    edited_digest: Hashes
    source_hash: Bits
    edited_hash: Bits
    source_key: Hashes
    edited_key: Hashes
    change_hash: Hashes
    change_levels: Levels
    plain: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.plain)

    @classmethod
    def from_table(cls, table: pa.Table) -> "Signatures":
        """Convert the table of one shard."""
        source, edited = (_to_bytes(table, f"{side}_hash", HASH_BYTES) for side in ("source", "edited"))
        return cls(
            instruction=table["instruction"].to_numpy(),
            source_digest=_to_digests(table, "source_digest"),
            edited_digest=_to_digests(table, "edited_digest"),
            source_hash=source,
            edited_hash=edited,
            source_key=search_keys(source),
            edited_key=search_keys(edited),
            change_hash=table["change_hash"].to_numpy(),
            change_levels=np.array(table["change_levels"].to_pylist(), np.float32).reshape(-1, 4),
            plain=table["plain"].to_numpy(),
        )

    @classmethod
    def read(cls, files: Sequence[Path]) -> "Signatures":
        """Read the tables of all shards, in the order of `files`."""
        parts = [cls.from_table(read_table(file, COLUMNS)) for file in files]
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


def _to_digests(table: pa.Table, column: str) -> Hashes:
    """Return the first 64 bits of a column of digests."""
    return np.ascontiguousarray(_to_bytes(table, column, DIGEST_BYTES)[:, :8]).view(np.uint64).ravel()


def _to_bytes(table: pa.Table, column: str, size: int) -> NDArray[np.uint8]:
    """Return a column of fixed-size bytes as an (N, size) array."""
    return np.frombuffer(b"".join(table[column].to_pylist()), np.uint8).reshape(-1, size)
