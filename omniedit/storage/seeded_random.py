"""Random numbers that depend only on a seed and names, so that no result changes when others are added."""

import hashlib

import numpy as np


def hash_number(*parts: object) -> int:
    """Return 64 bits of a hash of the parts' texts, the same in every process."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def make_rng(*parts: object) -> np.random.Generator:
    """Return the generator of a seed and names, the same in every process."""
    return np.random.default_rng(hash_number(*parts))
