"""Rows of JSONL, JSON and CSV files, read line by line or item by item."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, BinaryIO

from omniedit.exchange.inputs import DataFile, Part
from omniedit.exchange.layout import Layout
from omniedit.exchange.rows import UNNAMED, Row, check_columns
from omniedit.sources.archive_items import BadFile, SkippedPart
from omniedit.sources.metadata_values import marked_encoding, parse_json
from omniedit.storage.parquet import find_delimiter, find_separator_line, unmark_formula

MAX_LINE_LENGTH = 64 << 20
"""Maximum length in bytes of a line of JSONL or CSV, or of an item of a JSON list; it may contain a base64 image."""
_HEAD = 4096
_CHUNK = 1 << 20
_BETWEEN = re.compile(r"[\s,]*")


def read_jsonl(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | SkippedPart]:
    for number, line in _select_part(enumerate(filter(str.strip, _lines(file, part.file))), part):
        yield _json_row(line, part.file, number)


def read_json(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | SkippedPart]:
    """Yield the items of the list in a JSON file, one after the other."""
    try:
        for number, item in read_items(file, part):
            yield _json_row(item, part.file, number)
    except ValueError as error:
        raise BadFile(f"{part.file.name}: not a list in JSON: {error}") from None


def read_items(file: BinaryIO, part: Part) -> Iterator[tuple[int, str]]:
    """Yield number and text of the items of the list in a JSON file.

    Raises:
        ValueError: the text is not a list, or an item is invalid or too long.
    """
    return _select_part(enumerate(_json_items(_open_text(file, part.file))), part)


def _json_items(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield the items of a JSON list as text, with one item and a chunk of the file in memory.

    Raises:
        ValueError: the text is not a list, or an item is invalid or too long.
    """
    buffer, decoder = text.read(_CHUNK).lstrip(), json.JSONDecoder()
    if not buffer.startswith("["):
        raise ValueError(f"begins with {buffer[:20]!a}")
    start = 1
    while True:
        start = _BETWEEN.match(buffer, start).end()  # type: ignore[union-attr]
        if buffer.startswith("]", start):
            return
        try:
            _, end = decoder.raw_decode(buffer, start)
        except (ValueError, RecursionError):
            more = text.read(max(_CHUNK, len(buffer) - start))
            if not more or len(buffer) - start > MAX_LINE_LENGTH:
                raise ValueError(f"an item is invalid: {buffer[start : start + 60]!a}") from None
            buffer, start = buffer[start:] + more, 0
            continue
        yield buffer[start:end]
        start = end


def _json_row(text: str, file: DataFile, number: int) -> Row | SkippedPart:
    place, remedy = f"{file.name}:{number}", "; if the file is one list, rename it to .json"
    try:
        values = parse_json(check_utf8(text))
    except ValueError as error:
        return SkippedPart(place, f"not JSON: {error}{remedy if number == 0 and text.strip() in ('[', '{') else ''}")
    if not isinstance(values, dict):
        is_list = isinstance(values, list) and file.container == "jsonl"
        return SkippedPart(place, f"not a JSON object{remedy if is_list else ''}")
    return Row(file, number, values)


def read_csv(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | SkippedPart]:
    name = part.file.name
    csv.field_size_limit(MAX_LINE_LENGTH)
    lines = _lines(file, part.file)
    header = next(lines, "")
    if delimiter := find_separator_line(header):
        header = next(lines, "")
    delimiter = delimiter or find_delimiter(header)
    reader = csv.DictReader(chain([header], lines), delimiter=delimiter, restval=None, strict=True)
    names = [unmark_formula(name).strip() for name in reader.fieldnames or []]
    columns = [name or f"{UNNAMED}: {index}" for index, name in enumerate(names)]
    reader.fieldnames = columns
    check_columns(columns, layout, name)
    number = 0
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            yield SkippedPart(f"{name}:{number}", f"not CSV: {error}")
            number += 1
            continue
        if values is None:
            return
        if number % part.count == part.index:
            yield _csv_row(values, part.file, number, layout)
        number += 1


def _csv_row(values: dict[Any, Any], file: DataFile, number: int, layout: Layout) -> Row | SkippedPart:
    if None in values:
        return SkippedPart(f"{file.name}:{number}", "more cells than columns; quote cells that contain the separator")
    try:
        check_utf8("".join(filter(None, values.values())))
        return Row(file, number, {name: _typed_cell(name, cell, layout) for name, cell in values.items()})
    except ValueError as error:
        return SkippedPart(f"{file.name}:{number}", str(error))


def _typed_cell(name: str, cell: str | None, layout: Layout) -> Any:
    """Return a cell in the type that the layout gives its column; an empty cell is None.

    Raises:
        ValueError: the cell is not of that type.
    """
    if not cell:
        return None
    cell = unmark_formula(cell)
    kind = layout.columns[name].type if name in layout.columns else ""
    try:
        if kind in ("int32", "int64"):
            return int(cell)
        if kind == "float64":
            return float(cell)
        return parse_json(cell) if kind in ("list", "json") else cell
    except ValueError:
        raise ValueError(f"column {name[:60]!a}: {cell[:60]!a} is not of type {kind}") from None


def _lines(file: BinaryIO, about: DataFile) -> Iterator[str]:
    """Yield the lines of a text file."""
    text = _open_text(file, about)
    while line := _read_line(text, about):
        if len(line) == MAX_LINE_LENGTH:
            raise BadFile(f"{about.name}: a line has more than {MAX_LINE_LENGTH >> 20} MiB; it is not a table of rows")
        yield line


def _open_text(file: BinaryIO, about: DataFile) -> io.TextIOWrapper:
    """Open a text file in its encoding: that of its byte order mark, else UTF-8.

    Bytes that are not UTF-8 become lone surrogates, which `check_utf8` finds.
    """
    if about.address.lower().endswith(".gz"):
        file = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
    buffer = io.BufferedReader(_RawStream(file), 1 << 20)
    with _bad_gzip(about.name):
        encoding = marked_encoding(buffer.peek(_HEAD)[:_HEAD]) or "utf-8"
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    return io.TextIOWrapper(buffer, encoding=encoding, errors=errors, newline="")


def _read_line(text: io.TextIOWrapper, about: DataFile) -> str:
    with _bad_gzip(about.name):
        return text.readline(MAX_LINE_LENGTH)


@contextmanager
def _bad_gzip(name: str) -> Iterator[None]:
    """Raise `BadFile` for damaged gzip data."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(f"{name}: damaged gzip: {error}; copy the file again") from None


def check_utf8(text: str) -> str:
    """Return the text of a line.

    Raises:
        ValueError: it has bytes that are not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text is not UTF-8; save the file as UTF-8") from None
    return text


class _RawStream(io.RawIOBase):
    """Raw stream over an object that only has `read`."""

    def __init__(self, file: BinaryIO) -> None:
        self._read = getattr(
            file, "read1", file.read
        )  # `read` of damaged gzip data would lose the data before the damage

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _select_part(numbered: Iterator[tuple[int, Any]], part: Part) -> Iterator[tuple[int, Any]]:
    return islice(numbered, part.index, None, part.count)
