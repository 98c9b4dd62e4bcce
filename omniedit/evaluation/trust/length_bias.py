"""Length bias of single scores: the rank correlation of a score with the length of a text, within groups."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import atanh, sqrt, tanh
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniedit.evaluation.agreement.correlations import MAX_CORRELATION, Values, rank_correlations
from omniedit.evaluation.reward_benches.result import Z

MIN_PAIRS = 5
"""Minimum number of pairs in a group for its correlation to have an interval."""


@dataclass(frozen=True)
class LengthBias:
    """Rank correlation of a score with a length; 0 without bias.

    Args:
        correlation: mean over the groups; None if no group has a correlation.
        interval: 95 % interval, for independent pairs.
        pairs: number of pairs in the groups that have a correlation.
    """

    correlation: float | None
    interval: tuple[float, float] | None
    pairs: int


def measure_length_bias(scores_N: Values, lengths_N: Values, groups_N: NDArray[Any]) -> LengthBias:
    """Correlate scores with lengths within each group, and average the correlations as Fisher's z.

    Groups, such as tasks, are kept apart, because both the length of instructions and the success of edits depend on
    the task. The mean weighs each group by its pairs. The variance of z is that of Bonett and Wright (2000) for
    Spearman's correlation, (1 + r^2 / 2) / (n - 3).

    Args:
        scores_N: NaN for a pair without a score, which is left out.
    """
    correlations = list(_correlate_groups(scores_N, lengths_N, groups_N))
    pairs = sum(count for _, count in correlations)
    if not correlations:
        return LengthBias(None, None, 0)
    centre = sum(count * atanh(r) for r, count in correlations) / pairs
    variance = sum((count / pairs) ** 2 * (1 + r * r / 2) / (count - 3) for r, count in correlations)
    half = Z * sqrt(variance)
    return LengthBias(tanh(centre), (tanh(centre - half), tanh(centre + half)), pairs)


def _correlate_groups(scores_N: Values, lengths_N: Values, groups_N: NDArray[Any]) -> Iterator[tuple[float, int]]:
    """Yield Spearman's correlation and the number of pairs of each group in which it is defined."""
    known_N = ~(np.isnan(scores_N) | np.isnan(lengths_N))
    for group in np.unique(groups_N[known_N]):
        those_N = known_N & (groups_N == group)
        count = int(those_N.sum())
        if count < MIN_PAIRS:
            continue
        (r,) = rank_correlations(scores_N[those_N], lengths_N[those_N], np.ones((1, count)))
        if not np.isnan(r):
            yield float(np.clip(r, -MAX_CORRELATION, MAX_CORRELATION)), count
