"""Measures of agreement on many resamplings of the same pairs at once, for bootstrap intervals.

D  resamplings     N  pairs
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from omniedit.scoring.rank_correlation import Values, spearman_correlations

Counts = NDArray[np.int64]
BLOCK = 2_000_000
"""Maximum number of counts in one block of resamplings, which limits the memory."""


def resample_clusters(cluster_N: NDArray[np.integer], draws: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Yield blocks of (D, N) counts of the pairs in each resampling. All pairs of a cluster are drawn together.

    Args:
        cluster_N: index of each pair's cluster.
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
    return [None if np.isnan(value) else round(float(value), 4) for value in spearman_correlations(a_N, b_N, count_DN)]


def _ratios(above_D: NDArray[np.number], below_D: NDArray[np.number]) -> list[float | None]:
    return [round(float(a / b), 4) if b else None for a, b in zip(above_D, below_D, strict=True)]
