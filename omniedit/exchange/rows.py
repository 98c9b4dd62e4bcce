"""Row of a data file, as every reader yields it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omniedit.exchange.inputs import DataFile
from omniedit.exchange.layout import Layout
from omniedit.pairs import Rejection
from omniedit.plain_text import clean_line
from omniedit.redaction import redact
from omniedit.sources.archive_items import BadFile


class WrongColumns(BadFile):
    """Error for a data file without a column of the layout, or with two columns of one name."""


UNNAMED = "Unnamed"
"""Name of a column without one, such as an index that pandas wrote, or an empty column of a spreadsheet."""
_SUFFIX = re.compile(r"(?:\.\w{1,8})+$")


@dataclass(frozen=True)
class Row:
    """Row of a data file.

    Args:
        file: the file that holds it.
        number: number of the row in its file, from 0.
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


def reject(place: str, reason: str) -> Rejection:
    """Return the rejection of a row; its texts have one line, a limited length and redacted secrets.

    The reason of an error in a file begins with the file's name. The place repeats it, so it is removed.
    """
    reason = reason.removeprefix(f"{place}: ")
    return Rejection(clean_line(redact(place), 300), clean_line(redact(reason), 500))


def check_columns(columns: list[str] | Any, layout: Layout, name: str) -> None:
    """Check that a file has the columns of a layout.

    Raises:
        WrongColumns: a column is missing, or two have the same name; the message names the file and its columns.
    """
    if twice := [column for column in columns if list(columns).count(column) > 1]:
        raise WrongColumns(f"{name}: has two columns named {twice[0][:60]!a}; rename one")
    if layout.turns and layout.turns in columns:
        return
    present = {column for column in layout.columns if column in columns or column.partition(".")[0] in columns}
    missing = [column for column, about in layout.columns.items() if not about.optional and column not in present]
    fields = {layout.columns[column].field for column in present}
    missing += [f"for {field}" for field in layout.required if field not in fields and not missing]
    if missing:
        exist = clean_line(", ".join(map(str, columns)), 600) or "none"
        remedy = (
            "name other columns with --columns source=...,edited=...,instruction=... or the config's keys of columns"
        )
        raise WrongColumns(f"{name}: has no column {', '.join(missing)}; the columns are {exist}; {remedy}")
