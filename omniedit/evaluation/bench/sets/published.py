"""Published figures of editors (`published.yaml`), each with its source document."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from omniedit.storage.yaml_tables import parse_yaml

FILE = Path(__file__).parent / "published.yaml"
Cell = tuple[str, str]
"""Row and column of a benchmark's table."""


@dataclass(frozen=True)
class Published:
    """Published figures of one editor; a table shows them marked as published.

    Args:
        values: by row and column of the benchmark's table.
        source: document and table.
        judge: judge of the figures, '' for metrics.
        note: difference from the benchmark's own protocol or items, if there is one.
    """

    editor: str
    values: Mapping[Cell, float]
    source: str
    address: str
    judge: str = ""
    note: str = ""


def load_published(benchmark: str) -> list[Published]:
    """Return the published figures for a benchmark's name, by document and editor."""
    return [
        _to_published(section, editor, numbers)
        for section in _load()
        if section["benchmark"] == benchmark
        for editor, numbers in section["editors"].items()
    ]


@cache
def _load() -> list[dict[str, Any]]:
    sections: list[dict[str, Any]] = parse_yaml(FILE.read_text(encoding="utf-8"))
    return sections


def _to_published(section: Mapping[str, Any], editor: str, numbers: list[float | None]) -> Published:
    cells = [(row, column) for row, column in section["cells"]]
    values = {cell: number for cell, number in zip(cells, numbers, strict=True) if number is not None}
    about = {name: section.get(name) or "" for name in ("source", "address", "judge", "note")}
    return Published(editor, values, **about)
