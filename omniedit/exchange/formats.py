"""Registry of the formats of pairs, by the names that `omniedit import` and `omniedit export` take."""

from dataclasses import dataclass

from omniedit.exchange.layout import Container, layout_names


@dataclass(frozen=True)
class Format:
    """Format of pairs.

    Args:
        layout: name of the packaged layout that imports and exports use.
        files: container that exports are written to; None for the layout's.
    """

    layout: str
    files: Container | None = None


FORMATS: dict[str, Format] = {name: Format(name) for name in layout_names()} | {
    "jsonl": Format("table", "jsonl"),
    "csv": Format("table", "csv"),
    "parquet": Format("table", "parquet"),
}
"""Formats by name. The path of a YAML file with a layout works in place of a name."""
