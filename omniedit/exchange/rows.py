"""Rows of data files, read as a stream: Parquet by batch, JSONL and CSV by line, tars by sample."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from omniedit.errors import UserError
from omniedit.exchange.inputs import DataFile, Part
from omniedit.exchange.layout import Layout
from omniedit.pairs import Rejection
from omniedit.plain_text import clean_line
from omniedit.redaction import redact
from omniedit.sources.archived import MAX_BYTES, LeftOut, open_archive
from omniedit.sources.caption_values import marked_encoding, parse_json
from omniedit.sources.decode import SUFFIXES as IMAGE_SUFFIXES
from omniedit.sources.parquet import open_parquet, parquet_rows
from omniedit.sources.webdataset import MAX_TEXT, Member, read_members

LONGEST_LINE = 64 << 20
"""Largest line of a JSONL or CSV file, in bytes, or of an item of a JSON list; an image may be inside as a data URL."""
_HEAD = 4096
_CHUNK = 1 << 20
_SUFFIX = re.compile(r"(?:\.\w{1,8})+$")
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class Row:
    """Row of a data file.

    Args:
        file: the file that holds it.
        number: of the row in its file, from 0.
        values: by column; images of a tar are bytes.
        key: key of a sample in a tar, '' elsewhere.
        turn: number of the turn, from 1, if the row is one of a list of turns.
    """

    file: DataFile
    number: int
    values: Mapping[str, Any]
    key: str = ""
    turn: int | None = None

    @property
    def name(self) -> str:
        """Name by file and number, for a row without an id."""
        stem = _SUFFIX.sub("", self.file.name)
        return self.key or f"{stem}-{self.number}"

    @property
    def place(self) -> str:
        """Place to show: 'train-00000.parquet:7' or '00012.tar/000120345'."""
        place = f"{self.file.name}/{self.key}" if self.key else f"{self.file.name}:{self.number}"
        return f"{place} turn {self.turn}" if self.turn else place


Rows = Iterator[Row | Rejection]


def read_rows(part: Part, layout: Layout) -> Rows:
    """Yield the rows of a part of a file, and a rejection for each row that cannot be read.

    Raises:
        UserError: the file cannot be opened, is not of its format, or lacks a column.
    """
    with open_archive(part.file.address) as file:
        for item in _READERS[part.file.container](file, part, layout):
            yield item if isinstance(item, Row) else reject(item.place, item.reason)


def reject(place: str, reason: str) -> Rejection:
    """Return the rejection of a row; its texts have one line, a limited length and no secrets."""
    return Rejection(clean_line(redact(place), 300), clean_line(redact(reason), 500))


def _read_parquet(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | LeftOut]:
    """Yield the rows of every count-th row group or, if there are too few groups, every count-th row."""
    name = part.file.name
    table = open_parquet(file, name)
    check_columns(table.schema_arrow.names, layout, name)
    by_group = table.num_row_groups >= part.count
    groups = range(table.num_row_groups)[part.index :: part.count] if by_group else range(table.num_row_groups)
    for item in parquet_rows(table, name, table.schema_arrow.names, groups):
        if isinstance(item, LeftOut):
            yield item
        elif by_group or item[0] % part.count == part.index:
            yield Row(part.file, *item)


def _read_jsonl(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | LeftOut]:
    for number, line in _own(enumerate(filter(str.strip, _lines(file, part.file))), part):
        try:
            values = parse_json(line)
        except ValueError as error:
            yield LeftOut(f"{part.file.name}:{number}", f"not JSON: {error}")
            continue
        yield _json_row(values, part.file, number)


def _read_json(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | LeftOut]:
    """Yield the items of the list in a JSON file, one after the other."""
    items = _json_items(io.TextIOWrapper(io.BufferedReader(_Raw(file)), encoding="utf-8-sig", errors="replace"))
    try:
        for number, value in _own(enumerate(items), part):
            yield _json_row(value, part.file, number)
    except ValueError as error:
        raise UserError(f"{part.file.name}: not a list in JSON: {error}") from None


def _json_items(text: io.TextIOWrapper) -> Iterator[Any]:
    """Yield the items of a JSON list with one item and a chunk of the text in memory.

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
            value, start = decoder.raw_decode(buffer, start)
        except (ValueError, RecursionError):
            more = text.read(max(_CHUNK, len(buffer) - start))
            if not more or len(buffer) - start > LONGEST_LINE:
                raise ValueError(f"an item is invalid: {buffer[start : start + 60]!a}") from None
            buffer, start = buffer[start:] + more, 0
            continue
        yield parse_json(json.dumps(value))


def _json_row(values: Any, file: DataFile, number: int) -> Row | LeftOut:
    if not isinstance(values, dict):
        return LeftOut(f"{file.name}:{number}", "not a JSON object")
    return Row(file, number, values)


def _read_csv(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | LeftOut]:
    name = part.file.name
    csv.field_size_limit(LONGEST_LINE)
    delimiter = "\t" if ".tsv" in name.lower() else ","
    reader = csv.DictReader(_lines(file, part.file), delimiter=delimiter, restval=None)
    columns = reader.fieldnames or []
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise UserError(f"{name}: has two columns named {twice[0][:60]!a}; rename one")
    check_columns(columns, layout, name)
    number = 0
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            yield LeftOut(f"{name}:{number}", f"not CSV: {error}")
            number += 1
            continue
        if values is None:
            return
        if number % part.count == part.index:
            yield _csv_row(values, part.file, number, layout)
        number += 1


def _csv_row(values: dict[Any, Any], file: DataFile, number: int, layout: Layout) -> Row | LeftOut:
    if None in values:
        return LeftOut(f"{file.name}:{number}", "more cells than columns; quote cells that contain the separator")
    try:
        return Row(file, number, {name: _typed_cell(name, cell, layout) for name, cell in values.items()})
    except ValueError as error:
        return LeftOut(f"{file.name}:{number}", str(error))


def _typed_cell(name: str, cell: str | None, layout: Layout) -> Any:
    """Convert a cell to the layout's type of its column; an empty cell is None.

    Raises:
        ValueError: the cell is not of that type.
    """
    if not cell:
        return None
    kind = layout.columns[name].type if name in layout.columns else ""
    try:
        if kind in ("int32", "int64"):
            return int(cell)
        if kind == "float64":
            return float(cell)
        return parse_json(cell) if kind in ("list", "json") else cell
    except ValueError:
        raise ValueError(f"column {name[:60]!a}: {cell[:60]!a} is not of type {kind}") from None


@dataclass
class _Sample:
    """Members of one key of a tar."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)
    faults: list[LeftOut] = field(default_factory=list)

    def add(self, member: Member) -> None:
        content, extension = member.content or b"", member.extension
        if extension.endswith("json"):
            self._add_json(content, member.place, extension.removesuffix("json").removesuffix("."))
        elif "." + extension.rpartition(".")[2] in IMAGE_SUFFIXES:
            self.values[extension] = content
        else:
            self.values[extension] = content.decode(errors="replace").strip()

    def _add_json(self, content: bytes, place: str, prefix: str) -> None:
        try:
            values = parse_json(content)
        except ValueError as error:
            self.faults.append(LeftOut(place, f"not JSON: {error}"))
            return
        if isinstance(values, dict) and not prefix:
            self.values = {**values, **self.values}
        else:
            self.values[prefix or "json"] = values


def _read_tar(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | LeftOut]:
    """Yield the samples of a tar; members of one key are adjacent."""
    sample, number = _Sample(""), -1
    for member in read_members(file, part.file.name, _limit):
        if isinstance(member, LeftOut):
            yield member
            continue
        if number < 0 or member.key != sample.key:
            yield from _finish(sample, number, part)
            sample, number = _Sample(member.key), number + 1
        if member.content is not None and number % part.count == part.index:
            sample.add(member)
    yield from _finish(sample, number, part)


def _finish(sample: _Sample, number: int, part: Part) -> Iterator[Row | LeftOut]:
    yield from sample.faults
    if sample.values and not sample.faults:
        yield Row(part.file, number, sample.values, sample.key)


def _limit(extension: str) -> int | None:
    last = extension.rpartition(".")[2]
    if f".{last}" in IMAGE_SUFFIXES:
        return MAX_BYTES
    return MAX_TEXT if last in ("json", "txt", "caption", "cls") else None


def _lines(file: BinaryIO, about: DataFile) -> Iterator[str]:
    """Yield the lines of a text file in its encoding: that of its byte order mark, else UTF-8."""
    if about.address.lower().endswith(".gz"):
        file = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
    buffer = io.BufferedReader(_Raw(file), 1 << 20)
    encoding = marked_encoding(buffer.peek(_HEAD)[:_HEAD]) or "utf-8"
    text = io.TextIOWrapper(buffer, encoding=encoding, errors="replace", newline="")
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise UserError(f"{about.name}: a line has more than {LONGEST_LINE >> 20} MiB; it is not a table of rows")
        yield line


class _Raw(io.RawIOBase):
    """Raw stream over an object that only has `read`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _own(numbered: Iterator[tuple[int, Any]], part: Part) -> Iterator[tuple[int, Any]]:
    return islice(numbered, part.index, None, part.count)


def check_columns(there: list[str] | Any, layout: Layout, name: str) -> None:
    """Check that a file has the columns of a layout.

    Raises:
        UserError: it lacks one; the message names the file, the column and the columns that exist.
    """
    if layout.turns and layout.turns in there:
        return
    lacking = [column for column, about in layout.columns.items() if not about.optional and column not in there]
    fields = {about.field for column, about in layout.columns.items() if column in there}
    lacking += [f"for {field}" for field in ("source", "edited", "instruction") if field not in fields and not lacking]
    if lacking:
        exist = clean_line(", ".join(map(str, there)), 600) or "none"
        remedy = "name others with --columns source=...,edited=...,instruction=..."
        raise UserError(f"{name}: has no column {', '.join(lacking)}; the columns are {exist}; {remedy}")


_READERS: dict[str, Callable[[BinaryIO, Part, Layout], Iterator[Row | LeftOut]]] = {
    "parquet": _read_parquet,
    "jsonl": _read_jsonl,
    "json": _read_json,
    "csv": _read_csv,
    "tar": _read_tar,
}
"""Readers by container."""


def dump_line(values: Mapping[str, Any]) -> str:
    """Return a row as a line of JSONL."""
    return json.dumps(values, ensure_ascii=False)
