"""Readers of ratings and scores: the project's own tables, and the files that VIEScore publishes."""

from collections.abc import Mapping, Sequence
from math import inf, sqrt
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.agreement import viescore_files
from omniedit.evaluation.agreement.ratings import Key, Rating, Scores, build_key, parse_score, read_name
from omniedit.plain_text import clean_line
from omniedit.storage.parquet import read_csv, read_given

MAX_SCORE = 10.0
"""Maximum score of a judge in the project's own tables."""


def read_ratings(path: Path, key: str) -> list[Rating]:
    """Read people's ratings: a folder of ImagenHub's tables, or a CSV or Parquet file.

    The file has columns `key`, rater, sc and pq, and optional columns task and model. A rater has one row for each
    pair, task and model. A row without sc or pq is skipped.

    Raises:
        UserError: the table is invalid; one line names the file, the row and the problem.
    """
    if path.is_dir():
        return viescore_files.read_ratings(path)
    rows: Sequence[Mapping[str, Any]] = read_given(path) if path.suffix.lower() == ".parquet" else read_csv(path)
    if not rows:
        raise UserError(f"{path}: has no rating; each row is one person's rating of one image")
    if missing := [name for name in (key, "rater", "sc", "pq") if name not in rows[0]]:
        problem = f"lacks the column {', '.join(missing)}; available: {clean_line(', '.join(map(str, rows[0])), 200)}"
        raise UserError(f"{path}: {problem}; each row is one person's rating of one image")
    ratings: dict[tuple[str, ...], tuple[int, Rating]] = {}
    for number, row in enumerate(rows, 1):
        if viescore_files.is_unrated(row["sc"]) or viescore_files.is_unrated(row["pq"]):
            continue
        sc, pq = (_number(path, number, row, name) for name in ("sc", "pq"))
        scores = {"sc": sc, "pq": pq, "o": sqrt(sc * pq)}
        rating = Rating(build_key(path, number, row, key), read_name(path, number, row, "rater"), scores)
        first, _ = ratings.setdefault((*rating.key, rating.rater), (number, rating))
        if first != number:
            problem = f"{rating.rater!r} rates {row[key]!r} in row {first} too; remove one of the rows"
            raise UserError(f"{path}: row {number}: {problem}")
    if not ratings:
        raise UserError(f"{path}: has no rating, because no row has both sc and pq")
    return [rating for _, rating in ratings.values()]


def read_judged(path: Path, key: str) -> dict[Key, Scores]:
    """Read a judge's scores from a table (.parquet or .csv), the project's own or VIEScore's.

    Rows without a score are skipped.

    Args:
        key: column that identifies pairs.

    Raises:
        UserError: the table lacks this column or the score columns, has no score, or scores an image twice.
    """
    rows = read_given(path)
    if rows and viescore_files.are_scores(rows[0]):
        return viescore_files.read_judged(path, rows, key)
    if missing := [name for name in (key, "status", "pq_score", "o_score") if rows and name not in rows[0]]:
        own_scores = "in rows with a score, status is scored, and pq_score and o_score are from 0 to 10"
        remedy = "--key names the column that identifies pairs" if key in missing else own_scores
        raise UserError(f"{path}: lacks the column {', '.join(missing)}; {remedy}")
    judged: dict[Key, Scores] = {}
    for number, row in enumerate(rows, 1):
        if row["status"] == "scored":
            image = build_key(path, number, row, key)
            if image in judged:
                problem = f"{key} {row[key]!r} has a score in an earlier row"
                raise UserError(f"{path}: row {number}: {problem}; remove one, or name their models in a column model")
            judged[image] = _scores(path, number, row)
    if not judged:
        raise UserError(f"{path}: none of its {len(rows)} rows has a score; its column status must be scored")
    return judged


def _scores(path: Path, number: int, row: Mapping[str, Any]) -> Scores:
    columns: Sequence[str] = ("sc_score",) if "sc_score" in row else ("sc_score_1", "sc_score_2")
    sc = min(_number(path, number, row, name, MAX_SCORE) for name in columns)
    pq, overall = (_number(path, number, row, name, MAX_SCORE) for name in ("pq_score", "o_score"))
    return {"sc": sc, "pq": pq, "o": overall}


def _number(path: Path, number: int, row: Mapping[str, Any], column: str, highest: float = inf) -> float:
    """Parse a score in a row.

    Raises:
        UserError: it is not a finite number from 0 to `highest`.
    """
    score = parse_score(row.get(column))
    if score is None or score > highest:
        limits = "of at least 0" if highest == inf else f"from 0 to {highest:g}"
        remedy = "; write decimals with a point" if "," in str(row.get(column)) else ""
        problem = f"{row.get(column)!r} must be a number {limits}{remedy}"
        raise UserError(f"{path}: row {number}: column {column}: {problem}")
    return score
