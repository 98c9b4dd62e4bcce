"""Registry of the formats of pairs, by the names that `omniedit import` and `omniedit export` take."""

from dataclasses import dataclass

from omniedit.errors import UserError
from omniedit.exchange.layout import YAML_SUFFIXES, Container, Layout, layout_names, load_layout


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


def load_format(name: str) -> Layout:
    """Return the layout of a format, or the one in a user's YAML file.

    Raises:
        UserError: the format does not exist, or the file is missing or invalid.
    """
    if name not in FORMATS and not name.endswith(YAML_SUFFIXES):
        known = ", ".join(sorted(FORMATS))
        raise UserError(f"{name[:100]!a} is not a format; give one of {known}, or a YAML file with a layout")
    return load_layout(FORMATS[name].layout if name in FORMATS else name)
