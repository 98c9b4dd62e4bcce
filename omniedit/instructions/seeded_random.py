"""Random numbers that depend only on a seed and names, so that no pair's text changes when others are added."""

import hashlib

import numpy as np


def make_rng(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of a seed and names, the same in every process."""
    digest = hashlib.sha256("|".join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
