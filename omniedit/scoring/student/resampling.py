"""Measures of agreement on many resamplings of the same pairs at once, for bootstrap intervals.

D  resamplings     N  pairs     V  different values of one score
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Counts = NDArray[np.int64]
BLOCK = 2_000_000
"""Largest number of counts in one block of resamplings, which limits the memory."""


def resample_clusters(cluster_N: NDArray[np.integer], draws: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Yield blocks of (D, N) counts of the pairs in each resampling. All pairs of a cluster are drawn together.

    Args:
        cluster_N: numbers of the pairs' clusters, from 0.
    """
    clusters = int(cluster_N.max(initial=-1)) + 1
    block = max(1, BLOCK // max(1, len(cluster_N)))
    for first in range(0, draws if clusters else 0, block):
        drawn = [rng.integers(clusters, size=clusters) for _ in range(first, min(draws, first + block))]
        yield np.stack([np.bincount(places, minlength=clusters) for places in drawn])[:, cluster_N]


def resampled_measures(
    teacher_N: Values, student_N: Values, count_DN: Counts, min_score: float
) -> dict[str, list[float | None]]:
    """Return `agreement.measures` of each resampling, computed from the counts of the pairs.

    Args:
        count_DN: how often each pair is in each resampling, at least one pair in each.
    """
    size_D = count_DN.sum(1)
    wanted_N, taken_N = teacher_N >= min_score, student_N >= min_score
    both_D, wanted_D, taken_D = (count_DN[:, chosen].sum(1) for chosen in (wanted_N & taken_N, wanted_N, taken_N))
    return {
        "spearman": spearmans(teacher_N, student_N, count_DN),
        "mean_absolute_error": _ratios(count_DN @ np.abs(teacher_N - student_N), size_D),
        "precision": _ratios(both_D, taken_D),
        "recall": _ratios(both_D, wanted_D),
        "f1": _ratios(2 * both_D, wanted_D + taken_D),
    }


def spearmans(a_N: Values, b_N: Values, count_DN: Counts) -> list[float | None]:
    """Return Spearman's correlation in each resampling; None if either score is constant there."""
    (a_DN, a_varies_D), (b_DN, b_varies_D) = (_ranks(values, count_DN) for values in (a_N, b_N))
    size_D1 = np.maximum(count_DN.sum(1, keepdims=True), 1)
    a_DN = a_DN - (count_DN * a_DN).sum(1, keepdims=True) / size_D1
    b_DN = b_DN - (count_DN * b_DN).sum(1, keepdims=True) / size_D1
    covariance_D = (count_DN * a_DN * b_DN).sum(1)
    scale_D = np.sqrt((count_DN * a_DN**2).sum(1) * (count_DN * b_DN**2).sum(1))
    return _ratios(covariance_D, np.where(a_varies_D & b_varies_D, scale_D, 0))


def _ranks(values_N: Values, count_DN: Counts) -> tuple[Values, NDArray[np.bool_]]:
    """Return the (D, N) ranks in each resampling, ties sharing their mean rank, and (D,) whether the values vary."""
    _, value_N = np.unique(values_N, return_inverse=True)
    order = np.argsort(value_N, kind="stable")
    starts_V = np.flatnonzero(np.diff(value_N[order], prepend=-1))
    count_DV = np.add.reduceat(count_DN[:, order], starts_V, axis=1)
    rank_DV = count_DV.cumsum(1) - (count_DV - 1) / 2
    return rank_DV[:, value_N], (count_DV > 0).sum(1) > 1


def _ratios(above_D: NDArray[np.number], below_D: NDArray[np.number]) -> list[float | None]:
    return [round(float(a / b), 4) if b else None for a, b in zip(above_D, below_D, strict=True)]
