"""Readers of data files by container: Parquet by batch, JSONL and CSV by line, tars by sample."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from omniedit.exchange.inputs import Part
from omniedit.exchange.layout import Layout
from omniedit.exchange.rows import Row, Rows, check_columns, reject
from omniedit.exchange.text_rows import read_csv, read_json, read_jsonl
from omniedit.sources.archive_items import MAX_BYTES, BadFile, SkippedPart, open_archive
from omniedit.sources.metadata_values import parse_json
from omniedit.sources.parquet import open_parquet, parquet_rows
from omniedit.sources.photo_file import SUFFIXES as IMAGE_SUFFIXES
from omniedit.sources.webdataset import MAX_TEXT, Member, read_members


def read_rows(part: Part, layout: Layout) -> Rows:
    """Yield the rows of a part of a file, and a rejection for each row, or end of a file, that cannot be read.

    Raises:
        BadFile: the file is not of its format, or lacks a column.
        UserError: the file cannot be opened.
    """
    has_rows = False
    with open_archive(part.file.address) as file:
        try:
            for item in _READERS[part.file.container](file, part, layout):
                yield item if isinstance(item, Row) else reject(item.place, item.reason)
                has_rows = True
        except BadFile as error:
            if not has_rows:
                raise
            yield reject(part.file.name, f"{error}; the rest of the file is lost")


def _read_parquet(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | SkippedPart]:
    """Yield the rows of every count-th row group or, if there are too few groups, every count-th row."""
    name = part.file.name
    table = open_parquet(file, name)
    check_columns(table.schema_arrow.names, layout, name)
    by_group = table.num_row_groups >= part.count
    groups = range(table.num_row_groups)[part.index :: part.count] if by_group else range(table.num_row_groups)
    for item in parquet_rows(table, name, table.schema_arrow.names, groups):
        if isinstance(item, SkippedPart):
            yield item
        elif by_group or item[0] % part.count == part.index:
            yield Row(part.file, *item)


@dataclass
class _Sample:
    """Members of one key of a tar."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)
    faults: list[SkippedPart] = field(default_factory=list)
    extensions: set[str] = field(default_factory=set)

    def is_next(self, member: Member) -> bool:
        """Return whether a member belongs to the next sample: it has another key, or repeats a kind of member.

        Keys repeat in tars that were joined, such as X2Edit's.
        """
        return member.key != self.key or member.extension in self.extensions

    def add(self, member: Member) -> None:
        content, extension = member.content or b"", member.extension.lstrip(".")  # X2Edit has members KEY..1.jpg
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
            self.faults.append(SkippedPart(place, f"not JSON: {error}"))
            return
        if isinstance(values, dict) and not prefix:
            self.values = {**values, **self.values}
        else:
            self.values[prefix or "json"] = values


def _read_tar(file: BinaryIO, part: Part, layout: Layout) -> Iterator[Row | SkippedPart]:
    """Yield the samples of a tar; members of one sample are adjacent."""
    sample, number = _Sample(""), -1
    for member in read_members(file, part.file.name, _limit):
        if isinstance(member, SkippedPart):
            yield member
            continue
        if number < 0 or sample.is_next(member):
            yield from _finish(sample, number, part)
            sample, number = _Sample(member.key), number + 1
        sample.extensions.add(member.extension)
        if member.content is not None and number % part.count == part.index:
            sample.add(member)
    yield from _finish(sample, number, part)


def _finish(sample: _Sample, number: int, part: Part) -> Iterator[Row | SkippedPart]:
    yield from sample.faults
    if sample.values and not sample.faults:
        yield Row(part.file, number, sample.values, sample.key)


def _limit(extension: str) -> int | None:
    last = extension.rpartition(".")[2]
    if f".{last}" in IMAGE_SUFFIXES:
        return MAX_BYTES
    return MAX_TEXT if last in ("json", "txt", "caption", "cls") else None


_READERS: dict[str, Callable[[BinaryIO, Part, Layout], Iterator[Row | SkippedPart]]] = {
    "parquet": _read_parquet,
    "jsonl": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "tar": _read_tar,
}
"""Readers by container."""
