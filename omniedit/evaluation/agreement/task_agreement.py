"""Agreement on each task and its mean over tasks, by a protocol."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from omniedit.evaluation.agreement.correlations import Values, draw_weights, spread
from omniedit.evaluation.agreement.protocol import AgreementProtocol, Average, Draws, ModelScores
from omniedit.evaluation.agreement.raters_protocol import RATERS
from omniedit.evaluation.agreement.ratings import SCORES, Key, Rating, Scores
from omniedit.evaluation.agreement.viescore_protocol import VIESCORE

PROTOCOLS = {protocol.name: protocol for protocol in (RATERS, VIESCORE)}
MEAN = "mean"
"""Name of the row of the mean over tasks."""

Correlations = dict[str, float | None]
"""Correlations of SC, PQ and O; None if undefined."""
Intervals = dict[str, list[float] | None]
"""95 % intervals of SC, PQ and O; None if unknown."""


@dataclass(frozen=True)
class Agreement:
    """Agreement on one task, or its mean over tasks.

    Args:
        images: number of rated images that the judge scored.
        models: number of models, summed over tasks.
        raters: maximum number of raters of a task.
        people: correlations among people.
        judge: correlations of the judge with people.
        people_intervals, judge_intervals: 95 % intervals, from a bootstrap over pairs with all their models.
    """

    task: str
    images: int
    people: Correlations
    judge: Correlations
    models: int = 1
    raters: int = 0
    people_intervals: Intervals = field(default_factory=dict)
    judge_intervals: Intervals = field(default_factory=dict)


def agreements(
    ratings: Sequence[Rating], judged: Mapping[Key, Scores], protocol: AgreementProtocol = RATERS
) -> list[Agreement]:
    """Return a row for each task, then the mean over tasks, which is the row of a single task.

    Args:
        judged: the judge's scores, by the keys of the ratings.
    """
    scored_models = {key[1:] for key in judged}
    tasks: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        if rating.key in judged or (not protocol.scored_only and rating.key[1:] in scored_models):
            tasks[rating.key[2] or "all"].append(rating)
    people, judge, rows = [], [], []
    rng = np.random.default_rng(0)
    for task, task_ratings in tasks.items():
        people_draws, judge_draws = _correlate_task(task_ratings, judged, protocol, rng)
        rows.append(_describe(task, task_ratings, judged, people_draws, judge_draws))
        people.append(people_draws)
        judge.append(judge_draws)
    means = [
        draws[0] if len(draws) == 1 else _average(draws, average)
        for draws, average in _with_averages(people, judge, protocol)
    ]
    return [*rows, _describe(MEAN, [r for task in tasks.values() for r in task], judged, *means)]


def _correlate_task(
    ratings: Sequence[Rating], judged: Mapping[Key, Scores], protocol: AgreementProtocol, rng: np.random.Generator
) -> tuple[Draws, Draws]:
    """Return the correlations among people and of the judge, averaged over the models of one task."""
    pairs = {pair: place for place, pair in enumerate(sorted({rating.key[0] for rating in ratings}))}
    by_model: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_model[rating.key[1]].append(rating)
    weights = draw_weights(len(pairs), rng)
    people, judge = [], []
    for model_ratings in by_model.values():
        scores = _arrange(model_ratings, judged, pairs)
        weights_DN = weights[:, scores.places]
        people.append(protocol.people(scores, weights_DN))
        judge.append(protocol.judge(scores, weights_DN))
    people_draws, judge_draws = (_average(draws, average) for draws, average in _with_averages(people, judge, protocol))
    return people_draws, judge_draws


def _arrange(ratings: Sequence[Rating], judged: Mapping[Key, Scores], pairs: Mapping[str, int]) -> ModelScores:
    keys = {key: place for place, key in enumerate(sorted({rating.key for rating in ratings}))}
    raters = {name: place for place, name in enumerate(sorted({rating.rater for rating in ratings}))}
    people = {score: np.full((len(raters), len(keys)), np.nan) for score in SCORES}
    for rating in ratings:
        for score in SCORES:
            people[score][raters[rating.rater], keys[rating.key]] = rating.scores[score]
    judge = {score: np.array([judged[key][score] if key in judged else np.nan for key in keys]) for score in SCORES}
    return ModelScores(np.array([pairs[key[0]] for key in keys]), people, judge)


def _describe(
    task: str, ratings: Sequence[Rating], judged: Mapping[Key, Scores], people: Draws, judge: Draws
) -> Agreement:
    return Agreement(
        task,
        len({rating.key for rating in ratings if rating.key in judged}),
        {score: _estimate(people[score]) for score in SCORES},
        {score: _estimate(judge[score]) for score in SCORES},
        len({rating.key[1:] for rating in ratings}),
        _count_raters(ratings),
        spread(people),
        spread(judge),
    )


def _count_raters(ratings: Sequence[Rating]) -> int:
    """Return the maximum number of raters of a task."""
    raters: dict[str, set[str]] = defaultdict(set)
    for rating in ratings:
        raters[rating.key[2]].add(rating.rater)
    return max(map(len, raters.values()), default=0)


def _with_averages(
    people: Sequence[Draws], judge: Sequence[Draws], protocol: AgreementProtocol
) -> list[tuple[Sequence[Draws], Average]]:
    return [(people, protocol.mean_people), (judge, protocol.mean_judge)]


def _average(draws: Sequence[Draws], average: Average) -> Draws:
    """Average over models or tasks. If tasks have different numbers of draws, the smallest number is used."""
    if not draws:
        return {score: np.array([np.nan]) for score in SCORES}
    shortest = min(len(of[SCORES[0]]) for of in draws)
    return {score: average([of[score][:shortest] for of in draws]) for score in SCORES}


def _estimate(draws_D: Values) -> float | None:
    return None if np.isnan(draws_D[0]) else float(draws_D[0])
