"""Agreement among raters: Krippendorff's alpha and the share of equal answers, for all bootstrap draws of the units.

Krippendorff 2011: Computing Krippendorff's Alpha-Reliability. Alpha is 1 - D_o / D_e, where D_o is the disagreement of
raters on the same unit, and D_e that of values drawn from all units. It is 1 if all agree, and 0 for agreement by
chance.

D  bootstrap draws (the first is uniform)      U  units, such as edits
V  values that occur, in their order      R  raters
"""

from collections.abc import Callable, Mapping

import numpy as np

from omniedit.evaluation.agreement.correlations import Values


def count_values(values_RU: Values) -> tuple[Values, Values]:
    """Return the values that occur, (V,), and how often each unit has them, (U, V); NaN is a missing answer."""
    values_V = np.unique(values_RU[~np.isnan(values_RU)])
    return values_V, (values_RU[:, :, None] == values_V).sum(axis=0).astype(float)


def krippendorff_alpha(values_RU: Values, metric: str, weights_DU: Values | None = None) -> Values:
    """Return alpha for each bootstrap draw, shape (D,).

    NaN if fewer than two answers share a unit, or if all answers are equal.

    Args:
        metric: a key of `METRICS`.
        weights_DU: how often each unit counts; None for once.
    """
    values_V, counts_UV = count_values(values_RU)
    weights_DU = np.ones((1, values_RU.shape[1])) if weights_DU is None else weights_DU
    coincidences_DVV = np.tensordot(weights_DU, coincidences(counts_UV), axes=1)
    totals_DV = coincidences_DVV.sum(axis=2)
    distance_DVV = METRICS[metric](values_V, totals_DV) ** 2
    observed_D = (coincidences_DVV * distance_DVV).sum(axis=(1, 2))
    expected_D = (totals_DV[:, :, None] * totals_DV[:, None, :] * distance_DVV).sum(axis=(1, 2))
    pairable_D = totals_DV.sum(axis=1)
    known_D = expected_D > 0
    return np.where(known_D, 1 - (pairable_D - 1) * observed_D / np.where(known_D, expected_D, 1), np.nan)


def coincidences(counts_UV: Values) -> Values:
    """Return the coincidences of each unit, (U, V, V): the counts of its ordered pairs of answers, divided by its
    number of answers minus one.
    """
    answers_U = counts_UV.sum(axis=1)
    pairs_UVV = counts_UV[:, :, None] * counts_UV[:, None, :]
    diagonal = np.arange(counts_UV.shape[1])
    pairs_UVV[:, diagonal, diagonal] -= counts_UV
    return np.where(answers_U > 1, 1 / np.maximum(answers_U - 1, 1), 0)[:, None, None] * pairs_UVV


def equal_share(values_RU: Values, weights_DU: Values | None = None) -> Values:
    """Return the share of equal answers among all pairs of answers to the same unit, shape (D,); NaN if there is no
    such pair.
    """
    _, counts_UV = count_values(values_RU)
    weights_DU = np.ones((1, values_RU.shape[1])) if weights_DU is None else weights_DU
    answers_U = counts_UV.sum(axis=1)
    pairs_D = weights_DU @ (answers_U * (answers_U - 1))
    equal_D = weights_DU @ (counts_UV * (counts_UV - 1)).sum(axis=1)
    return np.where(pairs_D > 0, equal_D / np.maximum(pairs_D, 1), np.nan)


def _ordinal(values_V: Values, totals_DV: Values) -> Values:
    """Return the number of answers between two values, counting half of the answers that equal one of the two."""
    middles_DV = totals_DV.cumsum(axis=1) - totals_DV / 2
    return middles_DV[:, :, None] - middles_DV[:, None, :]


METRICS: Mapping[str, Callable[[Values, Values], Values]] = {
    "nominal": lambda values_V, _: 1 - np.eye(len(values_V))[None],
    "ordinal": _ordinal,
    "interval": lambda values_V, _: (values_V[:, None] - values_V[None, :])[None],
}
"""Distance of two values, shape (D, V, V), by the kind of scale."""
