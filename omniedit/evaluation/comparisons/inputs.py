"""Inputs of comparisons: folders of edits with a table of items, or a table that names both edits of each row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import Image
from omniedit.scoring.pairwise import PairwiseItem
from omniedit.sources.photo_file import EncodedPhoto, list_images
from omniedit.storage.atomic import is_file
from omniedit.storage.parquet import SURPLUS_CELLS, read_given

ITEM_COLUMNS = ("id", "source", "instruction")
TABLE_COLUMNS = ("source", "instruction", "edit_a", "edit_b")
EDITORS = ("editor_a", "editor_b")


class BadMatch(Exception):
    """Error for two edits that cannot be compared; its text names the file, the problem and the remedy."""


@dataclass(frozen=True)
class Match:
    """Two edits to compare, by their files.

    Args:
        item: name of the source and instruction; matches of an item are not independent.
        place: the match's place in the input, for messages.
        problem: why the files cannot be determined; '' if they can.
    """

    item: str
    source: Path
    instruction: str
    editors: tuple[str, str]
    edits: tuple[Path, Path]
    texts: tuple[str, str]
    place: str
    problem: str = ""


def read_matches(inputs: Sequence[Path], items: Path | None) -> list[Match]:
    """Return all matches of the inputs of `omniedit compare`.

    Args:
        inputs: two or more folders of edits, or one table.
        items: table of the folders' items.

    Raises:
        UserError: the inputs are of no known form, or lack a column.
    """
    if len(inputs) == 1 and not inputs[0].is_dir():
        if items:
            raise UserError(f"--items: {inputs[0]} is a table, which names its images itself; omit --items")
        return _read_table(inputs[0])
    if wrong := [path for path in inputs if not path.is_dir()]:
        raise UserError(f"{wrong[0]}: not a folder; give two or more folders of edits, or one table")
    if len(inputs) < 2:
        raise UserError(f"{inputs[0]}: is one folder; give the folder of another editor too")
    if items is None:
        raise UserError("folders of edits need --items, a table with the columns id, source and instruction")
    return list(_match_folders(inputs, items))


def load_match(match: Match) -> PairwiseItem:
    """Load the images of a match.

    Raises:
        BadMatch: a file or the instruction is missing, or an image cannot be read.
    """
    if match.problem:
        raise BadMatch(f"{match.place}: {match.problem}")
    source, first, second = (_load(path, match.place) for path in (match.source, *match.edits))
    return PairwiseItem(source, match.instruction, first, second, match.texts)


def _match_folders(folders: Sequence[Path], items: Path) -> Iterator[Match]:
    """Yield a match for each item and each pair of folders."""
    names, images = _name_folders(folders), {folder: list_images(folder) for folder in folders}
    rows = read_columns(items, ITEM_COLUMNS)
    first_rows: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        name, place = _text(row, "id"), f"{items}: row {number}"
        if first_rows.setdefault(name, number) != number:
            raise UserError(f"{place}: id {name[:100]!a} is also in row {first_rows[name]}; give each item its own")
        source, instruction = items.parent / _text(row, "source"), _text(row, "instruction")
        for two in combinations(folders, 2):
            matches = [images[folder].get(name, []) for folder in two]
            missing = [_find_problem(files, folder, name) for files, folder in zip(matches, two, strict=True)]
            problem = next(filter(None, [_missing(row, ITEM_COLUMNS), *missing]), "")
            first, second = (files[0] if files else folder / name for files, folder in zip(matches, two, strict=True))
            editors = names[two[0]], names[two[1]]
            yield Match(name, source, instruction, editors, (first, second), ("", ""), place, problem)


def _name_folders(folders: Sequence[Path]) -> dict[Path, str]:
    """Return the names of the editors: those of the folders, or their paths if two have the same name.

    Raises:
        UserError: a folder is given twice.
    """
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(folders):
        raise UserError(f"{folders[-1]}: a folder is given twice; give each editor's folder once")
    names = [path.name for path in resolved]
    is_clear = len(set(names)) == len(names)
    return {folder: name if is_clear else str(folder) for folder, name in zip(folders, names, strict=True)}


def _find_problem(files: Sequence[Path], folder: Path, name: str) -> str:
    """Return why a folder does not have exactly one image of an item, or ''."""
    if len(files) == 1:
        return ""
    names = " and ".join(file.name for file in files)
    return f"{folder} has {names}; remove one" if files else f"{folder} has no image {name[:100]!a}, such as .png"


def _read_table(table: Path) -> list[Match]:
    """Return the matches of a table, one for each row; rows with the same source and instruction are one item."""
    matches = []
    for number, row in enumerate(read_columns(table, TABLE_COLUMNS), 1):
        source, instruction = _text(row, "source"), _text(row, "instruction")
        first, second = (
            _text(row, name) or default for name, default in zip(EDITORS, ("edit_a", "edit_b"), strict=True)
        )
        problem = f"editor_a and editor_b are both {first!a}" if first == second else _missing(row, TABLE_COLUMNS)
        matches.append(
            Match(
                _text(row, "id") or f"{source} | {instruction}",
                table.parent / source,
                instruction,
                (first, second),
                (table.parent / _text(row, "edit_a"), table.parent / _text(row, "edit_b")),
                (_text(row, "text_a"), _text(row, "text_b")),
                f"{table}: row {number}",
                problem,
            )
        )
    return matches


def read_columns(table: Path, needed: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a table that has the needed columns.

    Raises:
        UserError: it has no row, or lacks a column.
    """
    rows = read_given(table)
    if not rows:
        raise UserError(f"{table}: has no row")
    if missing := [name for name in needed if name not in rows[0]]:
        present = ", ".join(name for name in rows[0] if name)
        raise UserError(f"{table}: lacks the column {', '.join(missing)}; available: {present}")
    return rows


def _missing(row: Mapping[Any, Any], names: Sequence[str]) -> str:
    """Return the name of the value that a row lacks, or ''."""
    if None in row:
        return SURPLUS_CELLS
    empty = [name for name in names if not _text(row, name).strip()]
    return f"column {empty[0]} is empty; fill it in" if empty else ""


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _load(path: Path, place: str) -> Image:
    if not is_file(path):
        raise BadMatch(f"{place}: {str(path)[:200]}: no such file; paths are relative to the table's folder")
    try:
        with EncodedPhoto(path) as photo:
            return photo.decode()
    except UnreadableImage as error:
        raise BadMatch(f"{place}: {path}: {error}; give an image that can be read") from None
