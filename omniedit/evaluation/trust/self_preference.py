"""Self-preference: the scores that a judge gives edits of its own family, and those of other families."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniedit.evaluation.agreement.correlations import Values
from omniedit.evaluation.reward_benches.result import Z


@dataclass(frozen=True)
class SelfPreference:
    """Difference between the scores of edits of the judge's family and those of other families.

    Args:
        own, others: number of edits in the groups that have both.
        own_mean, others_mean: their mean scores; None without such edits.
        difference: mean difference within groups; positive if the judge prefers its own family. None if no group has
            both.
        interval: 95 % interval of the difference, for independent edits.
    """

    own: int
    others: int
    own_mean: float | None
    others_mean: float | None
    difference: float | None = None
    interval: tuple[float, float] | None = None


def measure_self_preference(scores_N: Values, is_own_N: NDArray[np.bool_], groups_N: NDArray[Any]) -> SelfPreference:
    """Compare the scores of a judge's own family with those of others within each group, such as a task.

    The weight of a group is own * others / (own + others), which is inverse to its variance if all scores scatter
    equally. Differences in the quality of the edits are not removed. Subtract people's scores beforehand, on the same
    scale, to measure a preference that people do not share.

    Args:
        scores_N: NaN for an edit without a score, which is left out.
    """
    known_N = ~np.isnan(scores_N)
    total = weights = variance = 0.0
    own: list[Values] = []
    others: list[Values] = []
    for group in np.unique(groups_N[known_N]):
        task_N = known_N & (groups_N == group)
        own_N, others_N = scores_N[task_N & is_own_N], scores_N[task_N & ~is_own_N]
        if not (len(own_N) and len(others_N)):
            continue
        weight = len(own_N) * len(others_N) / (len(own_N) + len(others_N))
        total, weights = total + weight * (own_N.mean() - others_N.mean()), weights + weight
        variance += weight**2 * (_variance(own_N) / len(own_N) + _variance(others_N) / len(others_N))
        own.append(own_N)
        others.append(others_N)
    if not own:
        return SelfPreference(int((known_N & is_own_N).sum()), int((known_N & ~is_own_N).sum()), None, None)
    own_N, others_N = np.concatenate(own), np.concatenate(others)
    difference, interval = float(total / weights), None
    if min(len(own_N), len(others_N)) > 1:
        half = Z * sqrt(variance) / weights
        interval = difference - half, difference + half
    return SelfPreference(len(own_N), len(others_N), float(own_N.mean()), float(others_N.mean()), difference, interval)


def _variance(scores: Values) -> float:
    """Return the unbiased variance, or 0 for a single score."""
    return float(scores.var(ddof=1)) if len(scores) > 1 else 0.0
