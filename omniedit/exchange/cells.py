"""Values of a row, read as the fields of a pair: texts, lists, numbers, scores, images."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from omniedit.exchange.image_files import BadImage, ImageFiles, decode_base64
from omniedit.exchange.layout import FALLBACK, Column, Layout
from omniedit.exchange.rows import UNNAMED, Row
from omniedit.pairs.pair import Score
from omniedit.plain_text import clean
from omniedit.sources.archive_items import MAX_BYTES
from omniedit.sources.metadata_values import parse_json, to_text
from omniedit.sources.photo_file import SUFFIXES

MAX_TEXT_LENGTH = 20_000
"""Length limit of an instruction, a caption and a reasoning, in characters."""
MAX_VALUE_LENGTH = 100_000
"""Length limit of an extra column's value, as JSON, in characters."""
JsonT = TypeVar("JsonT", dict, list)
_TEXT_MEMBERS = ("txt", "caption")
"""Members of a tar's sample that hold its text, as trainers write them."""
_NO_FILE = ("none", "null", "nan")
"""Texts that data sets write in place of an image's path if a row lacks that image."""


class BadRow(Exception):
    """Error for a row that cannot become a pair; the message gives the reason."""


def find_value(row: Row, column: str) -> Any:
    """Return a row's value of a column, or None if it is missing.

    `source` also finds a tar's member `source.png`, and `images.0` or `image.before` finds a part of a list or mapping.
    """
    value = row.values.get(column)
    if value is None and row.key:
        values = (row.values.get(f"{column}{suffix}") for suffix in (*SUFFIXES, ".txt"))
        value = next((each for each in values if each is not None), None)
    if value is None and "." in column and column not in row.values:
        value = _find_part(row.values, column.split("."))
    return None if _is_missing(value) else value


def _find_part(value: Any, names: Sequence[str]) -> Any:
    """Return the part of nested mappings and lists at a path of keys and numbers, None if there is none."""
    for name in names:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def find_json(row: Row, column: str, kind: type[JsonT]) -> JsonT:
    """Return the mapping or list in a column, which may also be JSON as text; an empty one if there is none.

    Raises:
        BadRow: the value is of a different kind.
    """
    value = find_value(row, column)
    try:
        value = parse_json(value) if isinstance(value, str) else value
    except ValueError as error:
        raise BadRow(f"column {column[:60]!a}: not JSON: {error}") from None
    if value is not None and not isinstance(value, kind):
        raise BadRow(f"column {column[:60]!a} holds {type(value).__name__}, not {kind.__name__}")
    return kind() if value is None else value


def read_text(row: Row, layout: Layout, field: str) -> str | None:
    """Return the first text of a field's columns, None if all are empty.

    Raises:
        BadRow: a text is too long or not a text.
    """
    for name, _ in layout.find(field):
        if (value := find_value(row, name)) is not None and (text := to_clean_text(value, name)):
            return text
    return None


def read_instructions(row: Row, layout: Layout) -> list[str]:
    """Return the instruction and its paraphrases without repeats, or else the text of the fallback column or of the
    tar's sample.
    """
    columns = [*layout.find("instruction"), *layout.find("paraphrases")]
    texts = _read_texts(row, [name for name, column in columns if column.name != FALLBACK])
    if not texts:
        texts = _read_texts(row, [name for name, column in columns if column.name == FALLBACK])
    if not texts and row.key:
        texts |= dict.fromkeys(text for name in _TEXT_MEMBERS for text in _read_list(find_value(row, name), name))
    return list(texts)


def _read_texts(row: Row, columns: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(text for name in columns for text in _read_list(find_value(row, name), name))


def _read_list(value: Any, column: str) -> list[str]:
    """Return the texts of a value: one, a list, or a list of texts in JSON."""
    if isinstance(value, str) and value.startswith("["):
        value = _parse_texts(value)
    values = value if isinstance(value, list) else [value]
    return [text for each in values if each is not None and (text := to_clean_text(each, column))]


def _parse_texts(text: str) -> str | list[Any]:
    """Return a JSON list of texts as a list, and any other text unchanged."""
    try:
        texts = parse_json(text)
    except ValueError:
        return text
    return texts if isinstance(texts, list) and all(isinstance(each, str) for each in texts) else text


def to_clean_text(value: Any, column: str) -> str:
    """Return a value as clean text.

    Raises:
        BadRow: it is too long, or not a text or number.
    """
    if isinstance(value, Mapping | list):
        raise BadRow(f"column {column[:60]!a} holds {type(value).__name__}, not a text")
    text = clean(to_text(value)).strip()
    if len(text) > MAX_TEXT_LENGTH:
        raise BadRow(f"column {column[:60]!a} has {len(text)} characters, more than {MAX_TEXT_LENGTH}")
    return text


def read_turn(row: Row, layout: Layout) -> int | None:
    """Return the number of the turn, from 1, None if no column gives it.

    Raises:
        BadRow: it is not a whole number, or is below the data set's first turn.
    """
    for name, _ in layout.find("turn"):
        value = find_value(row, name)
        if value is None:
            continue
        try:
            turn = int(value) - layout.first_turn + 1
        except (TypeError, ValueError, OverflowError):
            turn = 0
        if turn < 1 or (isinstance(value, float) and value != int(value)):
            raise BadRow(f"column {name[:60]!a}: {str(value)[:30]!a} is not a turn from {layout.first_turn} on")
        return turn
    return None


def read_scores(row: Row, layout: Layout) -> dict[str, Score]:
    """Return the scores of a row by name: numbers and texts; lists and mappings as JSON. Infinite ones are left out.

    Raises:
        BadRow: a text is too long.
    """
    scores: dict[str, Score] = {}
    for name, column in layout.find("score"):
        if (score := _to_score(row.values.get(name), name)) is not None:
            scores[column.name or name] = score
    for name, _ in layout.find("scores"):
        for each, score in find_json(row, name, dict).items():
            if (number := _to_score(score, name)) is not None:
                scores[str(each)[:100]] = number
    return scores


def _to_score(value: Any, column: str) -> Score | None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, int | float):
        return int(value) if isinstance(value, bool) else value
    is_nested = isinstance(value, Mapping | list)
    text = clean(json.dumps(to_json_value(value), ensure_ascii=False) if is_nested else str(value))
    if len(text) > MAX_TEXT_LENGTH:
        raise BadRow(f"column {column[:60]!a} has {len(text)} characters, more than {MAX_TEXT_LENGTH}")
    return text


def read_images(row: Row, columns: Iterator[tuple[str, Column]], files: ImageFiles) -> tuple[list[bytes], str]:
    """Return the images of the first column with images, and the first image's file name or ''.

    Raises:
        BadRow: an image's file cannot be read, or a value is not an image.
    """
    for name, _ in columns:
        if (value := find_value(row, name)) is None:
            continue
        values = [each for each in (value if isinstance(value, list) else [value]) if not _is_not_a_file(each)]
        try:
            read = [_read_image(each, row, files) for each in values if not _is_missing(each)]
        except BadImage as error:
            raise BadRow(f"column {name[:60]!a}: {error}") from None
        if read:
            return [content for content, _ in read], read[0][1]
    return [], ""


def _is_not_a_file(value: Any) -> bool:
    return isinstance(value, str) and value.strip().casefold() in _NO_FILE


def _read_image(value: Any, row: Row, files: ImageFiles) -> tuple[bytes, str]:
    """Return an image's bytes and its file name.

    Raises:
        BadImage: it cannot be read.
    """
    path = ""
    if isinstance(value, Mapping):
        keys = ", ".join(map(str, value)) or "nothing"
        path, value = value.get("path") or "", value.get("bytes") or value.get("path")
        if value is None:
            raise BadImage(f"a mapping of {keys[:100]}, not of bytes and path; name a part of it as COLUMN.KEY")
    if isinstance(value, str):
        content = decode_base64(value)
        return (files.read(value, row.file.folder), value) if content is None else (content, "")
    if not isinstance(value, bytes) or not value:
        raise BadImage(f"a value of type {type(value).__name__}, not an image")
    if len(value) > MAX_BYTES:
        raise BadImage(f"{len(value)} bytes, more than the limit of {MAX_BYTES}")
    return value, path if isinstance(path, str) else ""


def read_extra(row: Row, layout: Layout) -> tuple[dict[str, Any], list[str]]:
    """Return the values of the columns without a field, and the names of columns that JSON cannot represent."""
    extra, left_out = {}, []
    fallbacks = {name for name, column in layout.find("instruction") if column.name == FALLBACK}
    is_second = bool(_read_texts(row, [name for name, _ in layout.find("instruction") if name not in fallbacks]))
    fields = [name for name in layout.columns if not (is_second and name in fallbacks)]
    known = _reference_members(row, layout) | {
        name for name in row.values if any(_is_column(name, column, row) for column in fields)
    }
    for name, value in row.values.items():
        if name in known or value is None or value == b"":
            continue
        try:
            converted = to_json_value(value)
        except RecursionError:
            converted = None
        if isinstance(value, float) and converted is None:  # NaN or infinite
            continue
        if converted is None or len(str(converted)) > MAX_VALUE_LENGTH:
            left_out.append(str(name)[:60])
        else:
            extra[name or UNNAMED] = converted
    return extra, left_out


def _reference_members(row: Row, layout: Layout) -> set[str]:
    """Return the members of a tar's sample that its references name."""
    listed = [each for name, _ in layout.find("references") for each in find_json(row, name, list)] if row.key else []
    images = [each.get("image") for each in listed if isinstance(each, dict)]
    return {image for image in images if isinstance(image, str)}


def _is_column(name: str, column: str, row: Row) -> bool:
    is_member = bool(row.key) and name in {f"{column}{suffix}" for suffix in (*SUFFIXES, ".txt")}
    return name == column or is_member or (column.startswith(f"{name}.") and column not in row.values)


def to_json_value(value: Any) -> Any:
    """Convert a value to JSON's types: clean texts, finite numbers, lists and mappings; None for bytes."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return _keep_nulls(value, [to_json_value(item) for item in value])
    if isinstance(value, Mapping):
        converted = {clean(str(name)): to_json_value(item) for name, item in value.items()}
        return None if value and all(item is None for item in converted.values()) else converted
    return None if isinstance(value, bytes | bytearray | memoryview) else clean(str(value))


def _keep_nulls(values: Sequence[Any], items: list[Any]) -> list[Any] | None:
    """Return the converted items of a list, or None if JSON cannot represent one of its values."""
    unreadable = [each for each, item in zip(values, items, strict=True) if item is None and each is not None]
    return None if unreadable else items


def _is_missing(value: Any) -> bool:
    """Return whether a cell has no value: null, NaN, an empty text or list, or an image without bytes and path."""
    if isinstance(value, Mapping):
        return set(value) == {"bytes", "path"} and not any(value.values())
    return value is None or (isinstance(value, float) and math.isnan(value)) or value in ("", [], b"")
