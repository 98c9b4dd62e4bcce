"""Readers of the files that VIEScore publishes (Ku et al. 2024): ratings of ImagenHub, and replies of a judge.

Ratings are a folder for each task with a TSV file for each rater: a column `uid`, and a column for each model with
cells `[SC, PQ]`. Scores are a CSV file with the columns task, model, uid, sc_scores and pq_scores; the last two hold
lists of sub-scores from 0 to 10, or null for a reply that could not be read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.agreement.ratings import Key, Rating, Scores, build_key, parse_score
from omniedit.plain_text import clean_line
from omniedit.storage.parquet import SURPLUS_CELLS, read_csv

SUB_SCORES = ("sc_scores", "pq_scores")
MAX_SCORE = 10.0
EMPTY_CELLS = ("", "null", "nan", "na", "none")
"""Cells without a rating or a score, in lower case."""


def is_unrated(cell: object) -> bool:
    """Return whether a cell has no rating or score."""
    return str(cell).strip().lower() in EMPTY_CELLS


def are_scores(row: Mapping[str, Any]) -> bool:
    """Return whether a table with this row has VIEScore's columns of sub-scores."""
    return all(name in row for name in SUB_SCORES)


def read_ratings(folder: Path) -> list[Rating]:
    """Read ImagenHub's ratings from the folder of one task, or from the folder of all tasks.

    A task is named after its folder, a rater after the file. Empty cells are skipped.

    Raises:
        UserError: the folder has no TSV file, or a file is invalid.
    """
    files = sorted(folder.glob("*.tsv")) or sorted(folder.glob("[!.]*/*.tsv"))
    if not files:
        raise UserError(
            f"{folder}: neither it nor its subfolders have a .tsv file; give a folder of ImagenHub's ratings"
        )
    return [rating for file in files for rating in _read_rater(file, file.resolve().parent.name)]


def read_judged(path: Path, rows: Sequence[Mapping[str, Any]], key: str) -> dict[Key, Scores]:
    """Read sub-scores as VIEScore's notebook does: SC and PQ are the smallest sub-score, and O is sqrt(SC x PQ).

    An image without both is left out.

    Args:
        key: column that identifies images; `uid` if the table lacks it.

    Raises:
        UserError: a column is missing, a cell is invalid, or an image has two rows.
    """
    key = key if key in rows[0] else "uid"
    if missing := [name for name in ("task", "model", key) if name not in rows[0]]:
        raise UserError(f"{path}: lacks the column {', '.join(missing)}; each row is the scores of one image")
    judged: dict[Key, Scores] = {}
    keys: set[Key] = set()
    for number, row in enumerate(rows, 1):
        place = build_key(path, number, row, key)
        if place in keys:
            raise UserError(f"{path}: row {number}: {key} {row[key]!r} of {place[1]!r} has an earlier row; remove one")
        keys.add(place)
        sc, pq = (_smallest(path, number, name, row[name]) for name in SUB_SCORES)
        if sc is not None and pq is not None:
            judged[place] = {"sc": sc, "pq": pq, "o": sqrt(sc * pq)}
    return judged


def _read_rater(file: Path, task: str) -> Iterator[Rating]:
    rows = read_csv(file, delimiter="\t")
    if rows and "uid" not in rows[0]:
        raise UserError(f"{file}: lacks the column uid; available: {clean_line(', '.join(map(str, rows[0])), 200)}")
    keys: set[str] = set()
    for number, row in enumerate(rows, 1):
        if None in row:
            raise UserError(f"{file}: row {number}: {SURPLUS_CELLS}")
        if row["uid"] in keys:
            raise UserError(f"{file}: row {number}: uid {row['uid']!r} is in an earlier row too; remove one of them")
        keys.add(row["uid"])
        for model, cell in row.items():
            if model != "uid" and not is_unrated(cell):
                sc, pq = _parse_rating(file, number, model, cell)
                scores = {"sc": sc, "pq": pq, "o": sqrt(sc * pq)}
                yield Rating((row["uid"], model.strip(), task), file.stem, scores)


def _parse_rating(file: Path, number: int, model: str, cell: str) -> tuple[float, float]:
    """Parse a cell such as '[0.5, 1]'.

    Raises:
        UserError: it is not a list of two numbers of at least 0.
    """
    values = _load(cell)
    scores = [parse_score(value) for value in values] if isinstance(values, list) else []
    if len(scores) != 2 or scores[0] is None or scores[1] is None:
        problem = f"{clean_line(cell, 60)!r} is no rating; give [SC, PQ], such as [0.5, 1]"
        raise UserError(f"{file}: row {number}: column {model}: {problem}")
    return scores[0], scores[1]


def _smallest(path: Path, number: int, column: str, cell: object) -> float | None:
    """Return the smallest sub-score of a cell, at most `MAX_SCORE`; None for a reply that could not be read.

    As in the notebook, sub-scores in a list are truncated to integers, but a single number is not.

    Raises:
        UserError: the cell is neither a number nor a list of numbers of at least 0.
    """
    if is_unrated(cell):
        return None
    values = _load(cell) if isinstance(cell, str) else cell
    scores = [parse_score(value) for value in values] if isinstance(values, list) else [parse_score(values)]
    read = [score for score in scores if score is not None]
    if not read or len(read) < len(scores):
        problem = f"{clean_line(str(cell), 60)!r} must be a list of numbers of at least 0, or null"
        raise UserError(f"{path}: row {number}: column {column}: {problem}")
    smallest = float(int(min(read))) if isinstance(values, list) else read[0]
    return min(smallest, MAX_SCORE)


def _load(cell: object) -> object:
    try:
        return json.loads(str(cell))
    except (ValueError, RecursionError):
        return None
