"""Rank correlations for all bootstrap draws of the images at once, and their averages.

D  bootstrap draws (the first weighs all images equally)
N  images
"""

from collections.abc import Mapping, Sequence

import numpy as np

from omniedit.scoring.rank_correlation import Values, spearman_correlations

DRAWS = 500
"""Number of bootstrap draws."""
MAX_IMAGES = 10_000
"""Maximum number of images of a task for which intervals are computed."""
MIN_PAIRS = 3
"""Minimum number of common images for a meaningful correlation."""
MAX_CORRELATION = 0.9999
"""Bound on correlations, because Fisher's z of a perfect one is infinite and would dominate the mean."""


def draw_weights(clusters: int, rng: np.random.Generator) -> Values:
    """Return how often each cluster of images is drawn, (D, clusters). The first row draws each cluster once; the
    others are bootstrap draws.
    """
    once = np.ones((1, clusters))
    if not 1 < clusters <= MAX_IMAGES:
        return once
    counts = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=DRAWS)
    return np.concatenate([once, counts.astype(np.float64)])


def rank_correlations(a_N: Values, b_N: Values, weights_DN: Values) -> Values:
    """Return Spearman's correlation for each draw.

    Images that lack either score (NaN) are left out. A correlation is NaN for fewer than `MIN_PAIRS` images, or if
    either is constant.
    """
    both_N = ~(np.isnan(a_N) | np.isnan(b_N))
    if both_N.sum() < MIN_PAIRS:
        return np.full(len(weights_DN), np.nan)
    return spearman_correlations(a_N[both_N], b_N[both_N], weights_DN[:, both_N])


def mean_z(correlations: Sequence[Values]) -> Values:
    """Average correlations as Fisher's z: tanh of the mean of atanh. NaN is skipped."""
    z = np.arctanh(np.clip(np.array(correlations), -MAX_CORRELATION, MAX_CORRELATION))
    return np.tanh(_mean(z))


def mean_tanh(correlations: Sequence[Values]) -> Values:
    """Average correlations as VIEScore's notebook does: the tanh of their mean, without a preceding atanh. NaN is
    skipped.
    """
    return np.tanh(_mean(np.array(correlations)))


def interval(draws_D: Values) -> list[float] | None:
    """Return the 95 % percentile interval of a bootstrap (Efron 1979). The first value is the estimate itself and does
    not count as a draw.

    Return None if fewer than half of the draws give a value, or if all give the same value, because an interval would
    be meaningless.
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
