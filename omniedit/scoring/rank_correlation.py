"""Spearman's rank correlation under many weightings of the same items at once.

D  weightings      N  items      G  groups of items with equal values
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def spearman_correlations(a_N: Values, b_N: Values, weights_DN: NDArray[np.number]) -> Values:
    """Return the correlation under each weighting, (D,); NaN where either variable is constant."""
    a_DN, b_DN = _ranks(a_N, weights_DN), _ranks(b_N, weights_DN)
    total_D1 = weights_DN.sum(axis=1, keepdims=True).clip(min=1)
    a_DN, b_DN = (x - (weights_DN * x).sum(axis=1, keepdims=True) / total_D1 for x in (a_DN, b_DN))
    ab, aa, bb = ((weights_DN * x * y).sum(axis=1) for x, y in ((a_DN, b_DN), (a_DN, a_DN), (b_DN, b_DN)))
    varied = (aa > 0) & (bb > 0)
    return np.where(varied, ab / np.sqrt(np.where(varied, aa * bb, 1)), np.nan)


def _ranks(values_N: Values, weights_DN: NDArray[np.number]) -> Values:
    """Rank the items, each counted as often as its weight says; ties share their mean rank."""
    _, group_N = np.unique(values_N, return_inverse=True)
    order = np.argsort(group_N, kind="stable")
    last_G = np.append(np.flatnonzero(np.diff(group_N[order])), len(order) - 1)
    count_DG = np.diff(weights_DN[:, order].cumsum(axis=1)[:, last_G], axis=1, prepend=0)
    rank_DG = count_DG.cumsum(axis=1) - count_DG / 2
    return rank_DG[:, group_N]
