"""Table rows of report pages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableRow:
    """Cells of one row; `total` marks a row of totals."""

    cells: list[str]
    total: bool = False
