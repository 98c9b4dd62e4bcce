"""Results of ratings: SC, PQ, O and Acc of each editor with intervals and ranks, reliability, and statistics per rater.

An edit's score is the mean over its raters, and an editor's score is the mean over its edits. O is sqrt(SC x PQ) of
each rating, and Acc the share of ratings with SC = 1 (OmniEdit, section 5). Intervals come from a bootstrap over source
images; an image is resampled together with its edits of all tasks and editors.

D  bootstrap draws (the first weighs all images equally)      E  edits      M  editors      R  raters
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

import numpy as np

from omniedit.errors import UserError
from omniedit.evaluation.agreement.correlations import Values, draw_weights, interval
from omniedit.evaluation.people.answers import Answer
from omniedit.evaluation.people.differences import ScoreDifference, compare_scores
from omniedit.evaluation.people.rated_edits import RatedEdit
from omniedit.evaluation.people.reliability import equal_share, krippendorff_alpha
from omniedit.tasks import ALL_TASKS

SCORE_LABELS = {"pq": "PQ", "sc": "SC", "o": "O", "acc": "Acc"}
"""Columns of the paper's Table 3, in its order, and their labels."""
RATED_SCORES = ("sc", "pq", "o")
ALPHAS = ("ordinal", "interval")


@dataclass(frozen=True)
class PersonRating:
    """Rating of one edit by one person."""

    edit: RatedEdit
    rater: str
    sc: float
    pq: float
    seconds: float | None = None

    @property
    def scores(self) -> Mapping[str, float]:
        return {"sc": self.sc, "pq": self.pq, "o": sqrt(self.sc * self.pq), "acc": float(self.sc == 1)}


@dataclass(frozen=True)
class Estimate:
    """Figure with its 95 % interval; None where unknown."""

    value: float | None
    interval: list[float] | None


@dataclass(frozen=True)
class EditorScores:
    """Scores of an editor on one task, or on all.

    Args:
        rank: rank by O among the editors.
        ranks: 95 % interval of the rank.
    """

    editor: str
    task: str
    edits: int
    ratings: int
    scores: Mapping[str, Estimate]
    rank: int
    ranks: tuple[int, int] | None


@dataclass(frozen=True)
class RaterStats:
    """Statistics of one rater.

    Args:
        unable: number of edits that the rater could not judge.
        seconds: median time of a rating, if known.
        checks, failed: number of attention checks, and of failed ones, with SC above 0.
        equal: share of equal SC in comparisons with other raters of the same edit.
    """

    name: str
    ratings: int
    unable: int
    means: Mapping[str, float]
    seconds: float | None
    checks: int
    failed: int
    equal: float | None


@dataclass(frozen=True)
class RatingResults:
    """Results of all ratings.

    Args:
        edits, images: number of rated edits, and of their source images.
        fewest, most: minimum and maximum number of raters of an edit.
        alphas: Krippendorff's alpha, by kind of scale and score.
        equal: probability that two ratings of an edit give the same score, for each score.
        unable: number of answers of raters who could not judge, by problem.
        outdated: number of answers to edits that are not selected, or have changed.
        differences: score differences between each pair of editors, over all tasks; `first` is the editor with the
            higher O.
    """

    editors: Sequence[EditorScores]
    raters: Sequence[RaterStats]
    ratings: int
    edits: int
    images: int
    fewest: int
    most: int
    alphas: Mapping[str, Mapping[str, Estimate]]
    equal: Mapping[str, Estimate]
    unable: Mapping[str, int]
    outdated: int
    differences: Sequence[ScoreDifference] = ()


def summarize(edits: Mapping[int, RatedEdit], answers: Sequence[Answer], seed: int = 0) -> RatingResults:
    """Compute the results from the answers that are ratings; choices are ignored.

    Args:
        edits: the input's edits, by their number in the store.

    Raises:
        UserError: no edit of the input is rated.
    """
    rated, could_not_judge, outdated = classify_answers(edits, answers)
    ratings = [rating for rating in rated if not rating.edit.is_check]
    if not ratings:
        raise UserError("no edit of this input has been rated yet; start the page with `omniedit rate`")
    table = _RatingTable(ratings, seed)
    names = sorted({rating.rater for rating in rated} | {answer.rater for answer in could_not_judge})
    counts = np.bincount([table.columns[rating.edit.digest, rating.edit.editor] for rating in ratings])
    editors = table.compare_editors()
    order = [row.editor for row in editors if row.task == ALL_TASKS]
    return RatingResults(
        editors,
        [_describe_rater(name, rated, could_not_judge) for name in names],
        len(ratings),
        len(table.edits),
        len({edit.image_group for edit in table.edits}),
        int(counts.min()),
        int(counts.max()),
        {metric: {score: table.alpha(score, metric) for score in RATED_SCORES} for metric in ALPHAS},
        {score: table.equal(score) for score in RATED_SCORES},
        count_problems(could_not_judge),
        outdated,
        compare_scores(table.edits, table.values, order, seed),
    )


def classify_answers(
    edits: Mapping[int, RatedEdit], answers: Sequence[Answer]
) -> tuple[list[PersonRating], list[Answer], int]:
    """Return the ratings, the answers of raters who could not judge, and the number of outdated answers."""
    rated, could_not_judge, outdated = [], [], 0
    for answer in answers:
        if answer.other is not None:  # a choice between two edits, not a rating
            continue
        if answer.edit not in edits:
            outdated += 1
        elif answer.sc is None or answer.pq is None:
            could_not_judge.append(answer)
        else:
            rated.append(PersonRating(edits[answer.edit], answer.rater, answer.sc, answer.pq, answer.seconds))
    return rated, could_not_judge, outdated


def count_problems(could_not_judge: Sequence[Answer]) -> Mapping[str, int]:
    """Return the number of answers by problem."""
    return dict(Counter(answer.problem for answer in could_not_judge))


class _RatingTable:
    """Ratings in arrays: a row for each rater, a column for each edit."""

    def __init__(self, ratings: Sequence[PersonRating], seed: int) -> None:
        edits = {(rating.edit.digest, rating.edit.editor): rating.edit for rating in ratings}
        raters = {name: index for index, name in enumerate(sorted({rating.rater for rating in ratings}))}
        self.edits, self.columns = list(edits.values()), {key: index for index, key in enumerate(edits)}
        self.values = {score: np.full((len(raters), len(edits)), np.nan) for score in SCORE_LABELS}
        for rating in ratings:
            index = raters[rating.rater], self.columns[rating.edit.digest, rating.edit.editor]
            for score, value in rating.scores.items():
                self.values[score][index] = value
        _, group_E = np.unique([edit.image_group for edit in self.edits], return_inverse=True)
        self.weights_DE = draw_weights(group_E.max() + 1, np.random.default_rng(seed))[:, group_E]

    def alpha(self, score: str, metric: str) -> Estimate:
        return estimate(krippendorff_alpha(self.values[score], metric, self.weights_DE))

    def equal(self, score: str) -> Estimate:
        return estimate(equal_share(self.values[score], self.weights_DE))

    def compare_editors(self) -> list[EditorScores]:
        """Return each editor's scores over all tasks, best first, followed by its scores per task."""
        tasks = sorted({edit.task for edit in self.edits})
        return [row for task in [ALL_TASKS, *(tasks if len(tasks) > 1 else [])] for row in self._rank(task)]

    def _rank(self, task: str) -> list[EditorScores]:
        is_of_task_E = np.array([task in (ALL_TASKS, edit.task) for edit in self.edits])
        editor_E = np.array([edit.editor for edit in self.edits])
        masks = {name: is_of_task_E & (editor_E == name) for name in dict.fromkeys(editor_E[is_of_task_E].tolist())}
        draws = {name: {score: self._mean(score, mask_E) for score in SCORE_LABELS} for name, mask_E in masks.items()}
        ranks = rank_draws({name: scores["o"] for name, scores in draws.items()})
        rows = [
            EditorScores(
                name,
                task,
                int(mask_E.sum()),
                int((~np.isnan(self.values["sc"][:, mask_E])).sum()),
                {score: estimate(draws[name][score]) for score in SCORE_LABELS},
                *ranks[name],
            )
            for name, mask_E in masks.items()
        ]
        return sorted(rows, key=lambda row: (row.rank, row.editor))

    def _mean(self, score: str, mask_E: np.ndarray) -> Values:
        """Return the mean over edits of the mean over their raters, for each draw, (D,)."""
        edits_E = np.nanmean(self.values[score][:, mask_E], axis=0)
        weights_DE = self.weights_DE[:, mask_E]
        total_D = weights_DE.sum(axis=1)
        return np.where(total_D > 0, weights_DE @ edits_E / np.maximum(total_D, 1), np.nan)


def estimate(draws_D: Values) -> Estimate:
    """Return the value of the first draw, with the interval of the other draws."""
    return Estimate(None if np.isnan(draws_D[0]) else float(draws_D[0]), interval(draws_D))


def rank_draws(draws: Mapping[str, Values]) -> dict[str, tuple[int, tuple[int, int] | None]]:
    """Return each editor's rank by its mean, 1 for the highest, and the 95 % interval of the rank.

    Equal editors share the better rank. The interval is None if there is only one draw.
    """
    means_MD = np.round(np.array(list(draws.values())), 9)
    rank_MD = 1 + (means_MD[None] > means_MD[:, None]).sum(axis=1)
    return {
        name: (int(rank_D[0]), _span(rank_D[1:][~np.isnan(mean_D[1:])]))
        for name, rank_D, mean_D in zip(draws, rank_MD, means_MD, strict=True)
    }


def _span(rank_D: np.ndarray) -> tuple[int, int] | None:
    if not len(rank_D):
        return None
    low, high = np.percentile(rank_D, [2.5, 97.5], method="inverted_cdf")
    return int(low), int(high)


def _describe_rater(name: str, rated: Sequence[PersonRating], could_not_judge: Sequence[Answer]) -> RaterStats:
    own = [rating for rating in rated if rating.rater == name]
    scored = [rating for rating in own if not rating.edit.is_check]
    checks = [rating for rating in own if rating.edit.is_check]
    seconds = [rating.seconds for rating in own if rating.seconds is not None]
    return RaterStats(
        name,
        len(scored),
        sum(answer.rater == name for answer in could_not_judge),
        {score: sum(rating.scores[score] for rating in scored) / len(scored) for score in SCORE_LABELS}
        if scored
        else {},
        median(seconds) if seconds else None,
        len(checks),
        sum(rating.sc > 0 for rating in checks),
        _equal_to_others(name, rated),
    )


def _equal_to_others(name: str, rated: Sequence[PersonRating]) -> float | None:
    by_edit: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for rating in rated:
        by_edit[rating.edit.digest, rating.edit.editor][rating.rater] = rating.sc
    pairs = [
        own == other
        for scores in by_edit.values()
        if (own := scores.get(name)) is not None
        for rater, other in scores.items()
        if rater != name
    ]
    return sum(pairs) / len(pairs) if pairs else None
