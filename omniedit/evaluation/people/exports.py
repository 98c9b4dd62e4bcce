"""Exports of ratings: the CSV that `omniedit agree` and the report read, and ImagenHub's TSV files."""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omniedit.evaluation.people.rating_results import PersonRating
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import write_csv

COLUMNS = ("pair_id", "rater", "sc", "pq", "task", "model")
NO_TASK = "ratings"
"""Folder of ImagenHub's files for edits without a task."""


def write_ratings(path: Path, ratings: Sequence[PersonRating]) -> None:
    """Write a row for each rating, without attention checks."""
    write_csv(path, [_to_row(rating) for rating in ratings if not rating.edit.is_check], COLUMNS)


def write_imagenhub(folder: Path, ratings: Sequence[PersonRating]) -> list[Path]:
    """Write `{task}/{rater}.tsv` with a row for each item and a column for each editor; return the files.

    Cells are `[SC, PQ]`, empty without a rating. If the names of raters give the same file name, a number is added.
    """
    names = _file_names(sorted({rating.rater for rating in ratings}))
    files: dict[tuple[str, str], list[PersonRating]] = defaultdict(list)
    for rating in ratings:
        if not rating.edit.is_check:
            files[_file_name(rating.edit.task or NO_TASK), names[rating.rater]].append(rating)
    return [_write_rater(folder / task / f"{name}.tsv", own) for (task, name), own in sorted(files.items())]


def _to_row(rating: PersonRating) -> dict[str, Any]:
    edit = rating.edit
    values = (edit.item_id, rating.rater, rating.sc, rating.pq, edit.task, edit.editor)
    return dict(zip(COLUMNS, values, strict=True))


def _write_rater(file: Path, ratings: Sequence[PersonRating]) -> Path:
    editors = sorted({rating.edit.editor for rating in ratings})
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    for rating in ratings:
        cells[rating.edit.item_id][rating.edit.editor] = json.dumps([rating.sc, rating.pq])
    with replace_file(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, delimiter="\t", lineterminator="\n")
        writer.writerow(["uid", *editors])
        writer.writerows(
            [item, *(item_cells.get(name, "") for name in editors)] for item, item_cells in sorted(cells.items())
        )
    return file


def _file_names(raters: Sequence[str]) -> dict[str, str]:
    """Return a file name for each rater, all distinct even without regard to case."""
    names: dict[str, str] = {}
    for rater in raters:
        base = name = _file_name(rater)
        number = 2
        while name.casefold() in {other.casefold() for other in names.values()}:
            name, number = f"{base}-{number}", number + 1
        names[rater] = name
    return names


def _file_name(text: str) -> str:
    """Convert a text to the name of a file or folder, with only letters, digits, '-' and '_'."""
    return re.sub(r"[^\w-]+", "_", text).strip("_")[:80] or "unnamed"
