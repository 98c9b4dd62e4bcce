"""Rows of a benchmark's files, and their items; an unusable row is recorded with its reason."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet, ImageFile
from omniedit.exchange.cells import MAX_TEXT_LENGTH, BadRow
from omniedit.exchange.image_files import BadImage, check_path
from omniedit.exchange.rows import reject
from omniedit.plain_text import clean, split_lines
from omniedit.sources.metadata_values import parse_json

Rows = Iterable[tuple[str, Mapping[str, Any]]]
"""Rows with their places, such as 'basic_edit.json: 1082'."""


def make_set(
    name: str, rows: Rows, to_item: Callable[[Mapping[str, Any]], BenchItem], path: Path, chained: bool = False
) -> BenchSet:
    """Build a set from rows; a row without an item, or with the id of an earlier one, is rejected with its reason.

    Args:
        path: the user's path, to name in the error.

    Raises:
        UserError: no row makes an item.
    """
    items: dict[str, BenchItem] = {}
    rejected: dict[str, str] = {}
    for place, row in rows:
        try:
            item = to_item(row)
            if item.item_id in items:
                raise BadRow(f"repeats the id {item.item_id[:100]!a}")
            items[item.item_id] = item
        except (BadRow, BadImage) as error:
            rejection = reject(place, str(error))
            rejected[rejection.source_id] = rejection.reason
    if not items:
        place, reason = next(iter(rejected.items()), ("its files", "have no row"))
        raise UserError(f"{path}: no row makes an item of {name}; the first problem: {place}: {reason}")
    return BenchSet(name, digest_items(items.values()), list(items.values()), rejected, chained)


def digest_items(items: Iterable[BenchItem]) -> str:
    """Return the SHA-256 of all texts and image files of items, in their order."""
    digest = hashlib.sha256()
    for item in items:
        images = {"source": item.source, "target": item.target, "mask": item.mask, **dict(item.references)}
        digests = {name: hashlib.sha256(read()).hexdigest() for name, read in images.items() if read is not None}
        texts = [item.item_id, item.task, item.instruction, item.captions.source, item.captions.edited]
        data = [*texts, item.session, item.turn, dict(item.extra), digests]
        digest.update(json.dumps(data, sort_keys=True).encode())
    return digest.hexdigest()


def read_text(row: Mapping[str, Any], *names: str) -> str:
    """Return the first text in the given columns of a row.

    Raises:
        BadRow: all are empty, or the text is too long.
    """
    text = find_text(row, *names)
    if text is None:
        raise BadRow(f"has no text in {' or '.join(names)}")
    return text


def find_text(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the first text in the given columns of a row, or None, as `read_text` does."""
    texts = (clean(value).strip() for name in names if isinstance(value := row.get(name), str))
    text = next((text for text in texts if text), None)
    if text is not None and len(text) > MAX_TEXT_LENGTH:
        raise BadRow(f"a text of {len(text):,} characters, more than {MAX_TEXT_LENGTH:,}")
    return text


def make_id(*parts: object) -> str:
    """Join parts to an item's id, which is also the path of its output without the suffix.

    Raises:
        BadRow: the path would be absolute or leave its folder, or has characters that cannot be printed.
    """
    path = "/".join(str(part).strip() for part in parts)
    try:
        check_path(path)
    except BadImage as error:
        raise BadRow(f"the id is not a path of an output: {error}") from None
    if not path.isprintable() or "\\" in path or any(part in ("", ".") for part in path.split("/")):
        raise BadRow(f"the id {path[:100]!a} is not a path of an output")
    return path


def find_image(root: Path, path: object) -> ImageFile:
    """Return the function that reads an image file below a folder.

    Raises:
        BadImage: the file does not exist, or the path or a link leaves the folder.
    """
    if not isinstance(path, str):
        raise BadImage(f"names an image by {type(path).__name__}, not by a path")
    relative = check_path(path)
    file = root / relative
    try:
        if not file.is_file():
            raise BadImage(f"{relative[:200]!a}: no such file below {root.name!a}")
        if not file.resolve().is_relative_to(root.resolve()):
            raise BadImage(f"{relative[:200]!a} is a link to a file outside the folder")
    except OSError as error:
        raise BadImage(f"{relative[:200]!a}: {error.strerror}") from None
    return file.read_bytes


def find_first_image(roots: Iterable[Path], path: object) -> ImageFile:
    """Return the result of `find_image` for the first of several folders that has the file. It raises the same
    errors.
    """
    problem = BadImage("no folder to search")
    for root in roots:
        try:
            return find_image(root, path)
        except BadImage as error:
            problem = error
    raise problem


def read_json(file: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: it is missing, unreadable or not JSON.
    """
    try:
        return parse_json(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such file") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{file}: not JSON: {str(error)[:200]}") from None


def list_entries(file: Path) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    """Yield place, key and entry of a JSON object of objects, of a list of them or of JSON Lines.

    The keys of a list and of lines are their numbers, from 0. Some benchmarks call JSON Lines `.json`.

    Raises:
        UserError: as in `read_json`, or the file holds other values.
    """
    content = _read_lines(file) or read_json(file)
    if not isinstance(content, dict | list):
        raise UserError(f"{file}: holds neither a list nor an object of rows")
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, entry in pairs:
        yield f"{file.name}: {key}", str(key), entry if isinstance(entry, dict) else {}


def _read_lines(file: Path) -> list[Any]:
    """Return the rows of JSON Lines; an empty list if the file has another format, or one line."""
    try:
        lines = [line for line in split_lines(file.read_text(encoding="utf-8-sig")) if line.strip()]
        rows = [parse_json(line) for line in lines]
    except (OSError, ValueError):
        return []
    return rows if len(rows) > 1 else []
