"""A judge beside human raters, in the form of VIEScore's Table 1 (Ku et al. 2024): `omniedit agree`.

Spearman's rank correlation of SC, PQ and O, judge with each rater and each pair of raters, within each task and model;
means over raters, then models, then tasks, all of Fisher's z.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import atanh, isfinite, sqrt, tanh
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.scoring.agreement import spearman
from omniedit.tables import read_csv, read_given

SCORES = ("sc", "pq", "o")
MIN_PAIRS = 3
"""Fewer pictures in common have no correlation worth a number."""
_LARGEST = 0.9999
"""Fisher's z of a perfect correlation is infinite and would hide all others."""

Scores = Mapping[str, float]
"""SC, PQ and O of one picture."""
Correlations = dict[str, float | None]
"""Of SC, PQ and O; None where there is none."""


@dataclass(frozen=True)
class Rating:
    """What one person says of one picture, on any scale."""

    picture: str
    task: str
    model: str
    rater: str
    scores: Scores


@dataclass(frozen=True)
class Agreement:
    """Of one task, or of the mean over tasks: pictures, and correlations among people and of the judge with them."""

    task: str
    pictures: int
    people: Correlations
    judge: Correlations


def read_ratings(path: Path, key: str) -> list[Rating]:
    """A CSV file with columns `key`, rater, sc and pq; task and model too where there are several. A rater has one row
    for each picture of a task and a model; one without sc or pq says nothing and is left out.

    Raises:
        UserError: one line with the file, the row and what is wrong.
    """
    rows = read_csv(path)
    if lacking := [name for name in (key, "rater", "sc", "pq") if rows and name not in rows[0]]:
        raise UserError(f"{path}: lacks the column {', '.join(lacking)}; a row is one person's view of one picture")
    ratings: dict[tuple[str, ...], tuple[int, Rating]] = {}
    for number, row in enumerate(rows, 1):
        if not (row["sc"].strip() and row["pq"].strip()):
            continue
        sc, pq = (_number(path, number, row, name) for name in ("sc", "pq"))
        scores = {"sc": sc, "pq": pq, "o": sqrt(sc * pq)}
        rating = Rating(row[key], row.get("task") or "all", row.get("model") or "", row["rater"], scores)
        about = rating.picture, rating.task, rating.model, rating.rater
        first, _ = ratings.setdefault(about, (number, rating))
        if first != number:
            told = f"{rating.rater!r} rates {rating.picture!r} in row {first} too; leave one of the rows"
            raise UserError(f"{path}: row {number}: {told}")
    return [rating for _, rating in ratings.values()]


def read_judged(path: Path, key: str) -> dict[str, Scores]:
    """What a judge gave, of a table of scores (.parquet or .csv), by the column `key`; no picture without a score.

    Raises:
        UserError: it has no such column, or is no table of scores.
    """
    rows = read_given(path)
    if lacking := [name for name in (key, "status", "pq_score", "o_score") if rows and name not in rows[0]]:
        raise UserError(f"{path}: lacks the column {', '.join(lacking)}; --key names the one that tells pictures apart")
    judged: dict[str, Scores] = {}
    for number, row in enumerate(rows, 1):
        if row["status"] == "scored":
            columns = ("sc_score",) if "sc_score" in row else ("sc_score_1", "sc_score_2")
            sc = min(_number(path, number, row, name) for name in columns)
            pq, overall = (_number(path, number, row, name) for name in ("pq_score", "o_score"))
            if str(row[key]) in judged:
                raise UserError(f"{path}: row {number}: {key} {row[key]!r} has a score in an earlier row; leave one")
            judged[str(row[key])] = {"sc": sc, "pq": pq, "o": overall}
    return judged


def agreements(ratings: Sequence[Rating], judged: Mapping[str, Scores]) -> list[Agreement]:
    """A row a task, then the mean over tasks."""
    tasks: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        if rating.picture in judged:
            tasks[rating.task].append(rating)
    rows = [_of_task(task, of_task, judged) for task, of_task in tasks.items()]
    people, judge = (_means(getattr(row, who) for row in rows) for who in ("people", "judge"))
    return [*rows, Agreement("mean", sum(row.pictures for row in rows), people, judge)]


def fisher_mean(correlations: Iterable[float | None]) -> float | None:
    """tanh of the mean of atanh, over the correlations that there are."""
    z = [atanh(max(-_LARGEST, min(_LARGEST, r))) for r in correlations if r is not None]
    return tanh(sum(z) / len(z)) if z else None


def markdown(rows: Sequence[Agreement]) -> list[str]:
    """Lines of the table."""
    head = [f"{who} {score.upper()}" for who in ("people", "judge") for score in SCORES]
    lines = [f"| task | pictures | {' | '.join(head)} |", "|---|---" + "|---" * len(head) + "|"]
    for row in rows:
        cells = [_cell(of[score]) for of in (row.people, row.judge) for score in SCORES]
        lines.append(f"| {row.task} | {row.pictures} | {' | '.join(cells)} |")
    return lines


def report(scores: Path, ratings: Path, key: str) -> list[str]:
    """Lines for `omniedit agree`.

    Raises:
        UserError: the two tables have no picture in common, or as their readers.
    """
    judged, rated = read_judged(scores, key), read_ratings(ratings, key)
    if not any(rating.picture in judged for rating in rated):
        raise UserError(f"{scores} and {ratings} have no picture in common; their columns {key} must tell the same")
    left_out = len({rating.picture for rating in rated} - set(judged))
    told = f"{left_out} rated pictures have no score of the judge and are left out"
    return [*markdown(agreements(rated, judged)), told]


def _of_task(task: str, ratings: Sequence[Rating], judged: Mapping[str, Scores]) -> Agreement:
    by_model: dict[str, dict[str, dict[str, Scores]]] = defaultdict(lambda: defaultdict(dict))
    for rating in ratings:
        by_model[rating.model][rating.rater][rating.picture] = rating.scores
    models = [list(by_rater.values()) for by_rater in by_model.values()]
    people = [_means(_correlations(a, b) for a, b in combinations(raters, 2)) for raters in models]
    judge = [_means(_correlations(rater, judged) for rater in raters) for raters in models]
    return Agreement(task, len({rating.picture for rating in ratings}), _means(people), _means(judge))


def _correlations(a: Mapping[str, Scores], b: Mapping[str, Scores]) -> Correlations:
    """Over the pictures that both have."""
    common = [picture for picture in a if picture in b]
    if len(common) < MIN_PAIRS:
        return dict.fromkeys(SCORES)
    return {score: spearman(_values(a, common, score), _values(b, common, score)) for score in SCORES}


def _values(of: Mapping[str, Scores], pictures: Sequence[str], score: str) -> NDArray[np.float64]:
    return np.array([of[picture][score] for picture in pictures])


def _means(correlations: Iterable[Correlations]) -> Correlations:
    of_all = list(correlations)
    return {score: fisher_mean(of[score] for of in of_all) for score in SCORES}


def _number(path: Path, number: int, row: Mapping[str, Any], column: str) -> float:
    """A score of a row.

    Raises:
        UserError: it is none.
    """
    value = row.get(column)
    try:
        score = float(value) if value is not None else -1.0
    except ValueError:
        score = -1.0
    if not (isfinite(score) and score >= 0):
        raise UserError(f"{path}: row {number}: column {column}: {value!r} must be a number of at least 0")
    return score


def _cell(correlation: float | None) -> str:
    return "-" if correlation is None else f"{correlation:.3f}"
