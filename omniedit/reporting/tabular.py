"""Rows of the tables that pages show."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableRow:
    """Cells of one row; `total` sets it apart."""

    cells: list[str]
    total: bool = False
