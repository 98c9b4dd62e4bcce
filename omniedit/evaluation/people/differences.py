"""Paired differences of editors in people's scores, with corrected significance."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import fmean

import numpy as np

from omniedit.evaluation.agreement.correlations import Values
from omniedit.evaluation.bench.statistics import compare_editors
from omniedit.evaluation.people.rated_edits import RatedEdit


@dataclass(frozen=True)
class ScoreDifference:
    """Mean difference of two editors in a score, over the items with rated edits of both.

    Args:
        value: difference, positive if it favours `first`.
        interval: 95 % bootstrap interval of the difference over images; None for one image.
        p: p-value of a two-sided sign-flip test over images; None without a common item.
        corrected: p after Holm's correction for all differences in this score.
    """

    score: str
    first: str
    second: str
    value: float | None
    interval: list[float] | None
    items: int
    p: float | None
    corrected: float | None


def compare_scores(
    edits: Sequence[RatedEdit], values: Mapping[str, Values], editors: Sequence[str], seed: int
) -> list[ScoreDifference]:
    """Return the differences between each pair of editors in each score, after averaging over raters.

    Args:
        edits: E rated edits.
        values: (R, E) ratings by score, NaN where a rater has not rated an edit.
        editors: in the order in which they are compared.
    """
    clusters = {edit.item_id: edit.image_group for edit in edits}
    differences = []
    for score, values_RE in values.items():
        results = compare_editors(_average(edits, values_RE, editors), clusters, seed)
        differences += [
            ScoreDifference(
                score,
                result.first,
                result.second,
                _known(result.mean.mean),
                None if isnan(result.mean.low) else [result.mean.low, result.mean.high],
                result.items,
                _known(result.p),
                _known(result.corrected),
            )
            for result in results
        ]
    return differences


def _average(edits: Sequence[RatedEdit], values_RE: Values, editors: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the mean over raters by editor and item. If an editor has several edits of an item, they are averaged."""
    means_E = np.nanmean(values_RE, axis=0)
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for edit, mean in zip(edits, means_E.tolist(), strict=True):
        values[edit.editor, edit.item_id].append(mean)
    return {name: {item: fmean(each) for (editor, item), each in values.items() if editor == name} for name in editors}


def _known(figure: float) -> float | None:
    return None if isnan(figure) else figure
