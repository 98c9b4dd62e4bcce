"""Export a run's pairs in the formats that other trainers read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from omniedit.errors import UserError
from omniedit.exchange.candidates import PairSelection, Selector, describe_pairs, make_selector, read_candidates
from omniedit.exchange.data_card import Card, Configuration
from omniedit.exchange.fields import OutColumn, RowMaker, extra_columns
from omniedit.exchange.formats import FORMATS, load_format
from omniedit.exchange.layout import Container, Layout
from omniedit.exchange.out_values import arrow_type
from omniedit.exchange.preferences import COLUMNS, count_preferences, group_edits, preference_rows
from omniedit.exchange.survey import REJECTED_BECAUSE, Survey, survey
from omniedit.exchange.writers import TarWriter, open_writer
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import mark_formula
from omniedit.storage.progress import Progress

ROWS_PER_FILE = 200
"""Default number of rows in a Parquet file or tar: about 500 MB of pairs of a megapixel."""
CARD = "README.md"


class ExportOptions(BaseModel):
    """Options of an export.

    Args:
        format: name of a format, or a YAML file with a layout.
        rows_per_file: rows in each Parquet file or tar.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str
    selection: PairSelection = PairSelection()
    rows_per_file: int = Field(default=ROWS_PER_FILE, ge=1)

    def load_layout(self) -> Layout:
        return load_format(self.format)

    def container(self, layout: Layout) -> Container:
        """Return the kind of file to write."""
        known = FORMATS.get(self.format)
        return known.files if known and known.files else layout.files


def export_run(run: str | Path, options: ExportOptions, out: str | Path) -> int:
    """Write the chosen pairs of a run to a new folder and return the number of rows.

    The folder appears as a whole, with its data card, or not at all. The card lists the fields that the format cannot
    hold.

    Raises:
        UserError: the folder is not empty, no pair is chosen, or the run lacks files that the options need.
    """
    out = Path(out)
    check_empty(out)
    layout = options.load_layout()
    selector = make_selector(run, options.selection)
    takes_rejected = options.selection.kind == "rejected"
    surveyed = survey(selector.split(read_candidates(run)), layout, takes_rejected)
    if not surveyed.pairs:
        raise UserError(f"{run}: none of its {describe_pairs(read_candidates(run), options.selection)}")
    with replace_file(out) as temporary:
        export = _Export(Path(run), options, layout, selector, surveyed, temporary)
        return export.write_preferences() if options.selection.kind == "preference" else export.write_pairs()


def check_empty(out: Path) -> None:
    """Check that a folder can be written.

    Raises:
        UserError: it is a file, or a folder with something in it.
    """
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out}: is not empty; give another folder, or delete this one")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; give a folder")


@dataclass(frozen=True)
class _Export:
    """Export of a run's chosen pairs to a folder; its methods write the rows and the card, and return their number."""

    run: Path
    options: ExportOptions
    layout: Layout
    selector: Selector
    surveyed: Survey
    folder: Path

    def write_pairs(self) -> int:
        layout, rows = self.layout, self.surveyed.pairs
        takes_rejected = self.options.selection.kind == "rejected"
        container = self.options.container(layout)
        columns = [_for_container(each, container, layout) for each in self.surveyed.out_columns(takes_rejected)]
        maker, stem = RowMaker(layout), "metadata" if layout.name == "imagefolder" else "pairs"
        with (
            open_writer(container, self.folder, columns, rows, self.options.rows_per_file, stem) as writer,
            Progress("pairs", total=rows) as progress,
        ):
            for candidate, is_accepted in self.selector.split(read_candidates(self.run)):
                if is_accepted == takes_rejected:
                    continue
                extra = dict(extra_columns(candidate.provenance, layout))
                extra |= {REJECTED_BECAUSE: candidate.reason} if takes_rejected else {}
                writer.add(maker.make(candidate, candidate.shard.encoded_pair(candidate.row), extra))
                progress.advance()
        is_found = container == "folders" or layout.name == "imagefolder"
        configurations = {} if is_found else _configurations(self.folder, container, columns, rows, writer)
        return self._write_card(rows, configurations)

    def write_preferences(self) -> int:
        container = self.options.container(self.layout)
        if container in ("folders", "tar"):
            raise UserError(
                f"--preference cannot be written as {self.options.format}; use --format parquet, jsonl or csv"
            )
        groups = group_edits(self.selector, self.run)
        rows = count_preferences(groups)
        if not rows:
            raise UserError(
                f"{self.run}: no source and instruction has both an accepted edit and a rejected one with a lower score"
            )
        with open_writer(container, self.folder, COLUMNS, rows, self.options.rows_per_file, "pairs") as writer:
            for row in preference_rows(groups):
                writer.add(row)
        return self._write_card(rows, _configurations(self.folder, container, COLUMNS, rows, writer))

    def _write_card(self, rows: int, configurations: Mapping[str, Configuration]) -> int:
        name = f"Edit pairs of {self.run.resolve().name}"
        card = Card(name, self.options.format, self.surveyed, self.options.selection, rows, configurations)
        (self.folder / CARD).write_text(card.render(), encoding="utf-8")
        return rows


def _for_container(column: OutColumn, container: str, layout: Layout) -> OutColumn:
    """Return a column with images inside the file if a layout with paths is written to Parquet."""
    if container == "parquet" and layout.files != "parquet" and column.type == "path":
        return OutColumn(column.name, "image", column.field)
    return column


def _configurations(
    folder: Path, container: str, columns: Sequence[OutColumn], rows: int, writer: object
) -> dict[str, Configuration]:
    """Return the configurations of `load_dataset`: one, or for tars one per kind of sample."""
    if not isinstance(writer, TarWriter):
        data_files = "data/train-*" if container == "parquet" else f"pairs.{container}"
        return {"default": Configuration(data_files, _read_columns(columns, container), rows, _size(folder, "**/*"))}
    found = {}
    for members, count in writer.kinds.items():
        prefix = writer.prefix(members)
        data_files = f"{prefix}{'[0-9]' * 5}.tar"
        name = "default" if prefix == "train-" else prefix.strip("-")
        found[name] = Configuration(data_files, _tar_columns(columns, members), count, _size(folder, data_files))
    return found


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())


def _read_columns(columns: Sequence[OutColumn], container: str) -> Sequence[OutColumn]:
    """Return the columns with the names and types that `datasets` reads from a container."""
    if container == "parquet":
        return columns
    names = [mark_formula(each.name) if container == "csv" else each.name for each in columns]
    texts = ("image", "path", "binary", *(["list"] if container == "csv" else []))
    is_text = [each.type in texts or (container == "csv" and each.is_nested) for each in columns]
    return [
        OutColumn(name, "string") if text else OutColumn(name, each.type, arrow=each.arrow)
        for name, each, text in zip(names, columns, is_text, strict=True)
    ]


def _tar_columns(columns: Sequence[OutColumn], members: Sequence[str]) -> list[OutColumn]:
    """Return the columns that `datasets` reads from tars: key, address, images, and a mapping of the other values."""
    values = [(each.name, arrow_type(each)) for each in columns if each.type not in ("image", "path", "binary")]
    images = [OutColumn(member, "image") for member in members]
    texts = [OutColumn("__key__", "string"), OutColumn("__url__", "string")]
    return [*texts, *images, OutColumn("json", "json", arrow=pa.struct(values))]
