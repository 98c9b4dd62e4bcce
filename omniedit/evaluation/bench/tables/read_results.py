"""Read the results of a bench from its folder."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from omniedit.errors import UserError
from omniedit.evaluation.agreement.ratings import Rating
from omniedit.evaluation.agreement.readers import read_ratings
from omniedit.evaluation.bench.edit_records import EditFolder
from omniedit.evaluation.bench.editors.entries import Entry
from omniedit.evaluation.bench.item import BenchSet
from omniedit.evaluation.bench.metrics import read_metrics
from omniedit.evaluation.bench.scores import item_columns
from omniedit.evaluation.bench.tables.results import BenchResults, EditorResult
from omniedit.plain_text import clean_line
from omniedit.storage.parquet import read_rows

BASELINES = ("no_edit", "target")
"""Kinds of editors that are only reference points and are not ranked."""
RATED_ITEM = "pair_id"
"""Column of the items in a table of ratings."""


def read_results(
    folder: Path, bench: BenchSet, entries: Mapping[str, Entry], judges: Sequence[str], ratings: Path | None, seed: int
) -> BenchResults:
    """Return the results of the given editors and judges.

    Args:
        ratings: people's ratings, columns pair_id (the item), model (the editor), rater, sc and pq from 0 to 1.

    Raises:
        UserError: an editor's scores by a judge are missing, or the ratings are invalid.
    """
    items = [item_columns(item) for item in bench.items]
    editors = [_read_editor(folder / name, name, entry, judges) for name, entry in entries.items()]
    rated = _read_ratings(ratings, {item["item_id"] for item in items}, list(entries)) if ratings else {}
    sections = list(dict.fromkeys(editor.section for editor in editors))  # in the order of their first editors
    editors.sort(key=lambda editor: sections.index(editor.section))
    return BenchResults(bench.name, bench.version, items, editors, rated, seed)


def _read_editor(folder: Path, name: str, entry: Entry, judges: Sequence[str]) -> EditorResult:
    scores = {}
    for judge in judges:
        table = folder / "scores" / f"{judge}.parquet"
        if not table.is_file():
            raise UserError(f"{table}: no such file; score the editor {name} by {judge} first, with --only score")
        scores[judge] = read_rows(table)
    records = EditFolder(folder).records
    label, sizes = entry.label or name, entry.sizes.describe()
    metrics, measured = read_metrics(folder)
    return EditorResult(name, label, entry.group, entry.kind in BASELINES, sizes, records, scores, metrics, measured)


def _read_ratings(path: Path, items: Collection[str], editors: Collection[str]) -> dict[str, list[Rating]]:
    """Return the ratings by editor.

    Raises:
        UserError: a rating is above 1 or names no editor, no rating is of these items and editors, or as in
            `read_ratings`.
    """
    ratings: dict[str, list[Rating]] = defaultdict(list)
    for rating in read_ratings(path, RATED_ITEM):
        if max(rating.scores.values()) > 1:
            raise UserError(f"{path}: has ratings above 1; divide sc and pq by the largest score that people may give")
        if not rating.key[1]:
            raise UserError(f"{path}: has a rating without an editor; name it in a column model")
        ratings[rating.key[1]].append(rating)
    if not any(rating.key[0] in items for editor in editors for rating in ratings.get(editor, ())):
        named = ", ".join(sorted(ratings)[:10])
        remedy = f"model must be one of {', '.join(editors)}, and pair_id an item of the set"
        raise UserError(f"{path}: has no rating of these edits; it rates the models {clean_line(named, 200)}; {remedy}")
    return dict(ratings)
