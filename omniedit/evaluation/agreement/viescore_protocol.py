"""Protocol of VIEScore's notebook (Ku et al. 2024, `analyze_json.ipynb`): the mean rater, averaged by tanh without
atanh.

R  raters      N  images of one model on one task      D  bootstrap draws (see `correlations`)
"""

from collections.abc import Sequence

import numpy as np

from omniedit.evaluation.agreement.correlations import Values, mean_tanh, rank_correlations
from omniedit.evaluation.agreement.protocol import AgreementProtocol, Draws, ModelScores
from omniedit.evaluation.agreement.ratings import SCORES


def _correlate_judge(scores: ModelScores, weights_DN: Values) -> Draws:
    """Correlate the judge with the mean rater. The judge's O is computed from SC / 10 and PQ / 10, because their
    rounding decides ties.
    """
    judge = {**scores.judge, "o": np.sqrt((scores.judge["sc"] / 10) * (scores.judge["pq"] / 10))}
    return {score: rank_correlations(judge[score], _mean_rater(scores.people[score]), weights_DN) for score in SCORES}


def _correlate_people(scores: ModelScores, weights_DN: Values) -> Draws:
    """Correlate each rater with the mean of the others, rounded to the four digits that the notebook prints."""
    return {score: _mean_rounded(_correlate_rest(scores.people[score], weights_DN)) for score in SCORES}


def _correlate_rest(people_RN: Values, weights_DN: Values) -> list[Values]:
    return [
        rank_correlations(rater_N, _mean_rater(np.delete(people_RN, place, axis=0)), weights_DN)
        for place, rater_N in enumerate(people_RN)
    ]


def _mean_rater(people_RN: Values) -> Values:
    """Average over the raters of each image; NaN if there is none.

    Sums start with the last rater: their rounding decides ties of O, and this order gives the published digits.
    """
    known_RN = ~np.isnan(people_RN)
    total_N = np.zeros(people_RN.shape[1])
    for rater_N in people_RN[::-1]:
        total_N = total_N + np.nan_to_num(rater_N)
    count_N = known_RN.sum(axis=0)
    return np.where(count_N, total_N / np.maximum(count_N, 1), np.nan)


def _mean_rounded(correlations: Sequence[Values]) -> Values:
    return mean_tanh(correlations).round(4)


VIESCORE = AgreementProtocol(
    name="viescore",
    reason="The judge is compared with the mean rater and each rater with the mean of the others; averages are tanh "
    "of means without atanh, for people twice (VIEScore's notebook); --protocol raters compares rater by rater and "
    "averages Fisher's z, so the two cannot be compared.",
    judge=_correlate_judge,
    people=_correlate_people,
    mean_judge=mean_tanh,
    mean_people=_mean_rounded,
    scored_only=False,
    digits=4,
)
