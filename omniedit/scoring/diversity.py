"""Diversity of the pairs that a threshold accepts, compared with the same number of pairs drawn at random.

N  pairs
"""

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
"""Index of each pair's value, (N,)."""

DRAWS = 10


def effective_number(codes_N: Codes) -> float:
    """Return the exponential of Shannon's entropy, the effective number of equally common values (Hill 1973); 0 if
    there are no pairs.
    """
    if not len(codes_N):
        return 0.0
    share = np.bincount(codes_N) / len(codes_N)
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def effective_number_by_chance(codes_N: Codes, count: int, rng: np.random.Generator) -> float:
    """Return the mean `effective_number` of `DRAWS` random choices of `count` pairs."""
    draws = (rng.choice(codes_N, count, replace=False) for _ in range(DRAWS))
    return float(np.mean([effective_number(drawn) for drawn in draws]))
