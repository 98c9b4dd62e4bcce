"""Agreement of a judge with human raters, in the form of VIEScore's Table 1 (Ku et al. 2024): `omniedit agree`.

Within each task and model, Spearman's rank correlation of SC, PQ and O is computed between the judge and each rater,
and between each two raters. It is averaged over raters, then models, then tasks, each time as Fisher's z.
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
from omniedit.plain_text import markdown_cell
from omniedit.scoring.student.agreement import spearman
from omniedit.storage.parquet import read_csv, read_given

SCORES = ("sc", "pq", "o")
MIN_PAIRS = 3
"""Smallest number of common images for a meaningful correlation."""
_LARGEST = 0.9999
"""Bound on correlations, because Fisher's z of a perfect one is infinite and would hide all others."""

Key = tuple[str, str, str]
"""Pair, model and task of an edited image; model and task are '' if a table does not name them."""
NAMES = ("model", "task")
"""Columns of a key after the first one."""
Scores = Mapping[str, float]
"""SC, PQ and O of one image."""
Correlations = dict[str, float | None]
"""Correlations of SC, PQ and O; None if undefined."""


@dataclass(frozen=True)
class Rating:
    """Scores that one person gives one edited image, on any scale."""

    key: Key
    rater: str
    scores: Scores


@dataclass(frozen=True)
class Agreement:
    """Agreement on one task, or its mean over tasks.

    Args:
        images: number of images.
        people: correlations among people.
        judge: correlations of the judge with people.
    """

    task: str
    images: int
    people: Correlations
    judge: Correlations


def read_ratings(path: Path, key: str) -> list[Rating]:
    """Read a CSV file with columns `key`, rater, sc and pq, and optional columns task and model.

    A rater has one row for each pair, task and model. A row without sc or pq is skipped.

    Raises:
        UserError: the table is invalid; one line names the file, the row and the problem.
    """
    rows = read_csv(path)
    if lacking := [name for name in (key, "rater", "sc", "pq") if rows and name not in rows[0]]:
        raise UserError(f"{path}: lacks the column {', '.join(lacking)}; each row is one person's rating of one image")
    ratings: dict[tuple[str, ...], tuple[int, Rating]] = {}
    for number, row in enumerate(rows, 1):
        if not (row["sc"].strip() and row["pq"].strip()):
            continue
        sc, pq = (_number(path, number, row, name) for name in ("sc", "pq"))
        scores = {"sc": sc, "pq": pq, "o": sqrt(sc * pq)}
        rating = Rating(_key(row, key), row["rater"], scores)
        first, _ = ratings.setdefault((*rating.key, rating.rater), (number, rating))
        if first != number:
            problem = f"{rating.rater!r} rates {row[key]!r} in row {first} too; remove one of the rows"
            raise UserError(f"{path}: row {number}: {problem}")
    return [rating for _, rating in ratings.values()]


def read_judged(path: Path, key: str) -> dict[Key, Scores]:
    """Read a judge's scores from a table (.parquet or .csv). Rows without a score are skipped.

    Args:
        key: column that identifies pairs.

    Raises:
        UserError: the table lacks this column or the score columns, or scores an image twice.
    """
    rows = read_given(path)
    if lacking := [name for name in (key, "status", "pq_score", "o_score") if rows and name not in rows[0]]:
        raise UserError(f"{path}: lacks the column {', '.join(lacking)}; --key names the column that identifies pairs")
    judged: dict[Key, Scores] = {}
    for number, row in enumerate(rows, 1):
        if row["status"] == "scored":
            columns = ("sc_score",) if "sc_score" in row else ("sc_score_1", "sc_score_2")
            sc = min(_number(path, number, row, name) for name in columns)
            pq, overall = (_number(path, number, row, name) for name in ("pq_score", "o_score"))
            if _key(row, key) in judged:
                problem = f"{key} {row[key]!r} has a score in an earlier row"
                raise UserError(f"{path}: row {number}: {problem}; remove one, or name their models in a column model")
            judged[_key(row, key)] = {"sc": sc, "pq": pq, "o": overall}
    return judged


def match_keys(a: Path, a_keys: Iterable[Key], b: Path, b_keys: Iterable[Key]) -> dict[Key, Key]:
    """Match the keys of `a` to those of `b`: same pair, and same model and task if both tables name them.

    Keys without a match are left out.

    Raises:
        UserError: one table names several models or tasks of a pair and the other does not name them.
    """
    a_set, b_set = set(a_keys), set(b_keys)
    common = [place for place in (1, 2) if any(key[place] for key in a_set) and any(key[place] for key in b_set)]
    a_groups, b_groups = (_group(keys, common) for keys in (a_set, b_set))
    for path, groups, other, others in ((a, a_groups, b, b_groups), (b, b_groups, a, a_groups)):
        for shared, keys in groups.items():
            if len(keys) > 1 and shared in others:
                named = next(NAMES[place - 1] for place in (1, 2) if len({key[place] for key in keys}) > 1)
                problem = f"has several {named}s of the pair {shared[0]!r} and {other} names none"
                raise UserError(f"{path}: {problem}; add a column {named} to {other}")
    return {key: b_groups[shared][0] for shared, (key, *_) in a_groups.items() if shared in b_groups}


def agreements(ratings: Sequence[Rating], judged: Mapping[Key, Scores]) -> list[Agreement]:
    """Return a row for each task, then the mean over tasks.

    Args:
        judged: the judge's scores, by the keys of the ratings.
    """
    tasks: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        if rating.key in judged:
            tasks[rating.key[2] or "all"].append(rating)
    rows = [_of_task(task, of_task, judged) for task, of_task in tasks.items()]
    people, judge = (_means(getattr(row, who) for row in rows) for who in ("people", "judge"))
    return [*rows, Agreement("mean", sum(row.images for row in rows), people, judge)]


def fisher_mean(correlations: Iterable[float | None]) -> float | None:
    """Average correlations as Fisher's z: tanh of the mean of atanh. None values are skipped."""
    z = [atanh(max(-_LARGEST, min(_LARGEST, r))) for r in correlations if r is not None]
    return tanh(sum(z) / len(z)) if z else None


def markdown(rows: Sequence[Agreement]) -> list[str]:
    """Format the agreements as lines of a Markdown table."""
    head = [f"{who} {score.upper()}" for who in ("people", "judge") for score in SCORES]
    lines = [f"| task | images | {' | '.join(head)} |", "|---|---" + "|---" * len(head) + "|"]
    for row in rows:
        cells = [_cell(of[score]) for of in (row.people, row.judge) for score in SCORES]
        lines.append(f"| {markdown_cell(row.task)} | {row.images} | {' | '.join(cells)} |")
    return lines


def report(scores: Path, ratings: Path, key: str) -> list[str]:
    """Return the lines that `omniedit agree` prints for a judge and people.

    Raises:
        UserError: the tables have no image in common, or as `read_judged`, `read_ratings` and `match_keys`.
    """
    judged, rated = read_judged(scores, key), read_ratings(ratings, key)
    rated_keys = {rating.key for rating in rated}
    matches = match_keys(ratings, rated_keys, scores, judged)
    if not matches:
        raise UserError(f"{scores} and {ratings} have no image in common; {must_agree(key)}")
    note = f"{len(rated_keys - set(matches))} rated images have no score from the judge and are skipped"
    return [*markdown(agreements(rated, {mine: judged[theirs] for mine, theirs in matches.items()})), note]


def must_agree(key: str) -> str:
    """Return the remedy for tables without common images."""
    return f"their columns {key} must have the same values, and model and task too if both have them"


def _group(keys: Iterable[Key], places: Sequence[int]) -> dict[tuple[str, ...], list[Key]]:
    """Group keys by pair, and by model and task where `places` includes them."""
    groups: dict[tuple[str, ...], list[Key]] = defaultdict(list)
    for key in sorted(keys):
        groups[(key[0], *(key[place] for place in places))].append(key)
    return dict(groups)


def _key(row: Mapping[str, Any], key: str) -> Key:
    model, task = (str(row.get(name) or "").strip() for name in NAMES)
    return str(row[key]), model, task


def _of_task(task: str, ratings: Sequence[Rating], judged: Mapping[Key, Scores]) -> Agreement:
    by_model: dict[str, dict[str, dict[Key, Scores]]] = defaultdict(lambda: defaultdict(dict))
    for rating in ratings:
        by_model[rating.key[1]][rating.rater][rating.key] = rating.scores
    models = [list(by_rater.values()) for by_rater in by_model.values()]
    people = [_means(_correlations(a, b) for a, b in combinations(raters, 2)) for raters in models]
    judge = [_means(_correlations(rater, judged) for rater in raters) for raters in models]
    return Agreement(task, len({rating.key for rating in ratings}), _means(people), _means(judge))


def _correlations(a: Mapping[Key, Scores], b: Mapping[Key, Scores]) -> Correlations:
    """Correlate the scores of the images that both have; None for fewer than `MIN_PAIRS`."""
    common = [key for key in a if key in b]
    if len(common) < MIN_PAIRS:
        return dict.fromkeys(SCORES)
    return {score: spearman(_values(a, common, score), _values(b, common, score)) for score in SCORES}


def _values(of: Mapping[Key, Scores], keys: Sequence[Key], score: str) -> NDArray[np.float64]:
    return np.array([of[key][score] for key in keys])


def _means(correlations: Iterable[Correlations]) -> Correlations:
    of_all = list(correlations)
    return {score: fisher_mean(of[score] for of in of_all) for score in SCORES}


def _number(path: Path, number: int, row: Mapping[str, Any], column: str) -> float:
    """Parse a score in a row.

    Raises:
        UserError: it is not a finite number of at least 0.
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
