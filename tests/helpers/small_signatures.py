"""Signatures of random pairs, and altered copies of them, for tests."""

from dataclasses import fields, replace

import numpy as np

from omniedit.quality.hashes import HASH_BYTES, search_keys
from omniedit.quality.signature_table import Signatures


def make_signatures(count: int, seed: int = 0) -> Signatures:
    """Return pairs that have nothing in common."""
    rng = np.random.default_rng(seed)
    source, edited = rng.integers(0, 256, (2, count, HASH_BYTES), dtype=np.uint8)
    source[:, -1] &= 0xFE
    edited[:, -1] &= 0xFE
    numbers = rng.integers(0, 2**64, (4, count), dtype=np.uint64)
    return rekey(
        Signatures(
            *(numbers[0], numbers[1], numbers[2], source, edited, numbers[0], numbers[0], numbers[3]),
            np.full((count, 4), 20, np.float32),
            np.zeros(count, bool),
        )
    )


def rekey(pairs: Signatures) -> Signatures:
    """Compute the keys again after a change of the hashes."""
    return replace(pairs, source_key=search_keys(pairs.source_hash), edited_key=search_keys(pairs.edited_hash))


def take(pairs: Signatures, rows: list[int]) -> Signatures:
    """Return a copy of some rows."""
    return Signatures(**{field.name: getattr(pairs, field.name)[rows].copy() for field in fields(pairs)})


def flip_low_bits(pairs: Signatures, row: int, column: str, bits: int, start: int = 0) -> None:
    """Flip some of the lowest frequencies of a row's hash, which all belong to its key."""
    for bit in range(start, start + bits):
        getattr(pairs, column)[row, bit // 8] ^= 128 >> (bit % 8)
