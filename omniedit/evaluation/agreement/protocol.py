"""Protocol of agreement: which scores are compared, and how their correlations are averaged.

R  raters      N  images of one model on one task      D  bootstrap draws (see `correlations`)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omniedit.evaluation.agreement.correlations import Values

Draws = dict[str, Values]
"""Correlations of SC, PQ and O for each bootstrap draw, shape (D,)."""
Average = Callable[[Sequence[Values]], Values]


@dataclass(frozen=True)
class ModelScores:
    """Scores of one model's images on one task; NaN where there is none.

    Args:
        places: index of each image's pair among the pairs of the task.
        people: SC, PQ and O, each of shape (R, N); raters are in the order of their names.
        judge: SC, PQ and O, each of shape (N,).
    """

    places: np.ndarray
    people: Mapping[str, Values]
    judge: Mapping[str, Values]


@dataclass(frozen=True)
class AgreementProtocol:
    """Comparison of a judge with people, and of people with each other.

    Args:
        reason: one sentence about the difference from the other protocol.
        judge, people: correlations of one model, for each draw.
        mean_judge, mean_people: averages over models, then over tasks.
        scored_only: use only images that the judge scored.
        digits: number of decimals to print.
    """

    name: str
    reason: str
    judge: Callable[[ModelScores, Values], Draws]
    people: Callable[[ModelScores, Values], Draws]
    mean_judge: Average
    mean_people: Average
    scored_only: bool
    digits: int
