"""Self-preference of a judge beyond what people see in the same images."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from omniedit.errors import UserError
from omniedit.evaluation.agreement.correlations import Values
from omniedit.evaluation.agreement.ratings import Key, Rating, Scores
from omniedit.evaluation.trust.families import FAMILIES, find_family
from omniedit.evaluation.trust.self_preference import SelfPreference, measure_self_preference


def judge_family(model: str) -> str:
    """Return the family of a judge's model.

    Raises:
        UserError: the name contains no known family.
    """
    family = find_family(model)
    if family is None:
        raise UserError(f"--judge-model: no known family in {model[:80]!a}; known are: {', '.join(FAMILIES)}")
    return family


def preference_beyond_people(
    ratings: Sequence[Rating], judged: Mapping[Key, Scores], family: str
) -> SelfPreference | None:
    """Compare the judge's O with people's mean O, for models of the judge's family and for others.

    Both are standardised over the images of each task. The result, in standard deviations, says how much higher than
    people the judge scores the edits of its own family. None if no rated image is by a model of the family.
    """
    people: dict[Key, list[float]] = defaultdict(list)
    for rating in ratings:
        if rating.key in judged:
            people[rating.key].append(rating.scores["o"])
    keys = sorted(people)
    is_own_N = np.array([find_family(key[1]) == family for key in keys], bool)
    if not is_own_N.any():
        return None
    tasks_N = np.array([key[2] for key in keys])
    judge_N = np.array([judged[key]["o"] for key in keys])
    people_N = np.array([np.mean(people[key]) for key in keys])
    excess_N = _standardise(judge_N, tasks_N) - _standardise(people_N, tasks_N)
    return measure_self_preference(excess_N, is_own_N, tasks_N)


def _standardise(scores_N: Values, tasks_N: np.ndarray) -> Values:
    """Return scores as standard deviations from their task's mean; NaN where all scores of a task are equal."""
    found_N = np.full(len(scores_N), np.nan)
    for task in np.unique(tasks_N):
        those_N = tasks_N == task
        spread = scores_N[those_N].std()
        if spread > 0:
            found_N[those_N] = (scores_N[those_N] - scores_N[those_N].mean()) / spread
    return found_N
