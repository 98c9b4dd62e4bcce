"""Rank correlations under many weightings of the images at once, and their averages.

D  weightings: the first weighs all images equally, the others are draws of a bootstrap
N  images      G  groups of images with equal scores
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

DRAWS = 500
"""Number of draws of a bootstrap."""
MAX_IMAGES = 10_000
"""Largest number of images of a task for which intervals are computed."""
MIN_PAIRS = 3
"""Smallest number of common images for a meaningful correlation."""
MAX_CORRELATION = 0.9999
"""Bound on correlations, because Fisher's z of a perfect one is infinite and would dominate the mean."""


def draw_weights(clusters: int, rng: np.random.Generator) -> Values:
    """Return how often each cluster of images is drawn, shape (D, clusters): once each, then draws of a bootstrap."""
    once = np.ones((1, clusters))
    if not 1 < clusters <= MAX_IMAGES:
        return once
    counts = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=DRAWS)
    return np.concatenate([once, counts.astype(np.float64)])


def rank_correlations(a_N: Values, b_N: Values, weights_DN: Values) -> Values:
    """Return Spearman's correlation under each weighting.

    Images that lack either score (NaN) are left out. A correlation is NaN for fewer than `MIN_PAIRS` images, or if
    either is constant.
    """
    both_N = ~(np.isnan(a_N) | np.isnan(b_N))
    if both_N.sum() < MIN_PAIRS:
        return np.full(len(weights_DN), np.nan)
    weights_DN = weights_DN[:, both_N]
    return _pearson(_ranks(a_N[both_N], weights_DN), _ranks(b_N[both_N], weights_DN), weights_DN)


def mean_z(correlations: Sequence[Values]) -> Values:
    """Average correlations as Fisher's z: tanh of the mean of atanh. NaN is skipped."""
    z = np.arctanh(np.clip(np.array(correlations), -MAX_CORRELATION, MAX_CORRELATION))
    return np.tanh(_mean(z))


def mean_tanh(correlations: Sequence[Values]) -> Values:
    """Average correlations as VIEScore's notebook does: tanh of their mean, without atanh before. NaN is skipped."""
    return np.tanh(_mean(np.array(correlations)))


def interval(draws_D: Values) -> list[float] | None:
    """Return the 95 % percentile interval of a bootstrap (Efron 1979), whose first value is the estimate.

    None if fewer than half of the draws give a value, or all give the same value: an interval would be meaningless.
    """
    values = draws_D[1:][~np.isnan(draws_D[1:])]
    if len(values) < DRAWS / 2:
        return None
    low, high = (round(float(end), 4) for end in np.percentile(values, [2.5, 97.5]))
    return [low, high] if low < high else None


def spread(values: Mapping[str, Values]) -> dict[str, list[float] | None]:
    """Return the interval of each score."""
    return {score: interval(draws_D) for score, draws_D in values.items()}


def _mean(values: Values) -> Values:
    """Average over the first axis, ignoring NaN; NaN where all values are NaN."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    return np.where(count, np.where(known, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _ranks(values_N: Values, weights_DN: Values) -> Values:
    """Rank the images where each counts as often as its weight says; ties share their mean rank."""
    _, group_N = np.unique(values_N, return_inverse=True)
    order = np.argsort(group_N, kind="stable")
    last_G = np.append(np.flatnonzero(np.diff(group_N[order])), len(order) - 1)
    count_DG = np.diff(weights_DN[:, order].cumsum(axis=1)[:, last_G], axis=1, prepend=0)
    rank_DG = count_DG.cumsum(axis=1) - count_DG / 2
    return rank_DG[:, group_N]


def _pearson(a_DN: Values, b_DN: Values, weights_DN: Values) -> Values:
    total_D1 = weights_DN.sum(axis=1, keepdims=True).clip(min=1)
    a_DN, b_DN = (x - (weights_DN * x).sum(axis=1, keepdims=True) / total_D1 for x in (a_DN, b_DN))
    ab, aa, bb = ((weights_DN * x * y).sum(axis=1) for x, y in ((a_DN, b_DN), (a_DN, a_DN), (b_DN, b_DN)))
    varied = (aa > 0) & (bb > 0)
    return np.where(varied, ab / np.sqrt(np.where(varied, aa * bb, 1)), np.nan)
