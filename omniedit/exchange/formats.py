"""Registry of the formats of pairs, by the names that `omniedit import` and `omniedit export` take."""

from dataclasses import dataclass

from omniedit.config.schema import Config
from omniedit.errors import UserError
from omniedit.exchange.layout import YAML_SUFFIXES, Container, Layout, layout_names, load_layout
from omniedit.exchange.perception import pairs as perception


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


def check_formats(config: Config) -> None:
    """Check the formats of a run's imports and exports.

    Raises:
        UserError: as in `load_format`, with the config key.
    """
    sources = {"sources.format": config.sources.pairs.format} if config.sources.kind == "pairs" else {}
    imports = {f"imports.{name}.format": options.format for name, options in config.imports.items()}
    named = {key: name for key, name in (sources | imports).items() if name not in perception.FORMATS}
    for key, name in [*named.items(), *(("export.formats", name) for name in config.export.formats)]:
        try:
            load_format(name)
        except UserError as error:
            raise UserError(f"config: {key}: {error}") from None
