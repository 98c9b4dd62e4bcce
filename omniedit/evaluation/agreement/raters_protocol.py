"""Default protocol: rater by rater, averaged as Fisher's z."""

from itertools import combinations

import numpy as np

from omniedit.evaluation.agreement.correlations import Values, mean_z, rank_correlations
from omniedit.evaluation.agreement.protocol import AgreementProtocol, Draws, ModelScores
from omniedit.evaluation.agreement.ratings import SCORES


def _correlate_judge(scores: ModelScores, weights_DN: Values) -> Draws:
    """Correlate the judge with each rater."""
    return {
        score: mean_z([rank_correlations(rater_N, scores.judge[score], weights_DN) for rater_N in scores.people[score]])
        for score in SCORES
    }


def _correlate_people(scores: ModelScores, weights_DN: Values) -> Draws:
    """Correlate each pair of raters."""
    nothing = np.full(len(weights_DN), np.nan)
    return {
        score: mean_z(
            [nothing, *(rank_correlations(a_N, b_N, weights_DN) for a_N, b_N in combinations(scores.people[score], 2))]
        )
        for score in SCORES
    }


RATERS = AgreementProtocol(
    name="raters",
    reason="Each rater is compared with the judge and with each other rater, and correlations are averaged as Fisher's "
    "z; --protocol viescore compares with the mean rater, which has less noise, and takes tanh of means without atanh, "
    "so the two cannot be compared.",
    judge=_correlate_judge,
    people=_correlate_people,
    mean_judge=mean_z,
    mean_people=mean_z,
    scored_only=True,
    digits=3,
)
