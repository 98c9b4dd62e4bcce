"""Means with intervals, and paired differences of editors with corrected significance, over clusters of items.

Items of one image, and turns of one session, are not independent: bootstrap and test draw whole clusters.

C  clusters      D  bootstrap draws of the clusters (the first weighs all equally)      N  items      S  sign flips
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import nan

import numpy as np
from numpy.typing import NDArray

from omniedit.evaluation.agreement.correlations import Values, draw_weights, interval
from omniedit.evaluation.table3 import Interval

EXACT_CLUSTERS = 12
"""Maximum number of clusters for which all sign flips are tried."""
FLIPS = 10_000


@dataclass(frozen=True)
class Difference:
    """Mean difference of two editors over the items for which both have scores.

    Args:
        first, second: the editors; a positive mean favours `first`.
        p: two-sided p-value of the sign-flip test.
        corrected: p after Holm's correction over all differences of the table.
    """

    first: str
    second: str
    mean: Interval
    items: int
    p: float
    corrected: float = nan


def cluster_mean(values_N: Sequence[float], clusters_N: Sequence[str], seed: int) -> Interval:
    """Return the mean over items, with its 95 % bootstrap interval over clusters; NaN for values that cannot be
    computed.
    """
    if not values_N:
        return Interval(nan)
    sums_C, counts_C = sum_clusters(values_N, clusters_N)
    weights_DC = draw_weights(len(sums_C), np.random.default_rng(seed))
    draws_D = (weights_DC @ sums_C) / (weights_DC @ counts_C)
    low, high = interval(draws_D) or (nan, nan)
    return Interval(float(draws_D[0]), low, high)


def sum_clusters(values_N: Sequence[float], clusters_N: Sequence[str]) -> tuple[Values, Values]:
    """Return the sum of the values and the number of items of each cluster, each (C,)."""
    places = {name: place for place, name in enumerate(dict.fromkeys(clusters_N))}
    index_N = np.array([places[name] for name in clusters_N])
    sums_C = np.bincount(index_N, np.asarray(values_N, np.float64), len(places)).astype(np.float64)
    return sums_C, np.bincount(index_N, minlength=len(places)).astype(np.float64)


def compare_editors(
    scores: Mapping[str, Mapping[str, float]],
    clusters: Mapping[str, str],
    seed: int,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> list[Difference]:
    """Return the differences between each pair of editors, or the given pairs only, corrected together.

    Args:
        scores: editor -> item -> score.
        clusters: item -> cluster.
        pairs: first and second editor of each difference.
    """
    chosen = combinations(scores, 2) if pairs is None else pairs
    differences = [_compare(first, second, scores, clusters, seed) for first, second in chosen]
    corrected = correct_holm([difference.p for difference in differences])
    return [
        Difference(each.first, each.second, each.mean, each.items, each.p, p)
        for each, p in zip(differences, corrected, strict=True)
    ]


def _compare(
    first: str, second: str, scores: Mapping[str, Mapping[str, float]], clusters: Mapping[str, str], seed: int
) -> Difference:
    common = [item for item in scores[first] if item in scores[second]]
    values_N = [scores[first][item] - scores[second][item] for item in common]
    clusters_N = [clusters[item] for item in common]
    mean = cluster_mean(values_N, clusters_N, seed)
    p = flip_signs(sum_clusters(values_N, clusters_N)[0], np.random.default_rng(seed)) if common else nan
    return Difference(first, second, mean, len(common), p)


def flip_signs(sums_C: Values, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of the sum under random signs of the clusters (Fisher 1935).

    For few clusters, all signs are tried. Otherwise `FLIPS` signs are drawn, and the observed signs count as one of
    them.
    """
    observed = abs(sums_C.sum()) * (1 - 1e-12)
    if len(sums_C) <= EXACT_CLUSTERS:
        signs_SC = np.array(list(product((1.0, -1.0), repeat=len(sums_C))))
        return float((np.abs(signs_SC @ sums_C) >= observed).mean())
    signs_SC = rng.choice((1.0, -1.0), (FLIPS, len(sums_C)))
    return float(((np.abs(signs_SC @ sums_C) >= observed).sum() + 1) / (FLIPS + 1))


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple comparisons by Holm's step-down method (Holm 1979); NaN stays NaN."""
    known: NDArray[np.intp] = np.flatnonzero(~np.isnan(p_values))
    corrected = np.full(len(p_values), nan)
    order = known[np.argsort(np.asarray(p_values)[known], kind="stable")]
    steps = [(len(order) - rank) * p_values[place] for rank, place in enumerate(order)]
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1) if steps else []
    return corrected.tolist()


def warn_of_few(images: int) -> list[str]:
    """Return a sentence for tables over so few images that no difference can be significant, otherwise nothing."""
    least = 2.0 ** (1 - images)
    if least < 0.05:
        return []
    return [
        f"Too few images ({images}): intervals are too narrow, and a sign-flip test gives p >= {min(least, 1):.2g}."
    ]
