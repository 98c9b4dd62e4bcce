"""Export of a run's pairs in the formats that other trainers read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from omniedit.errors import UserError
from omniedit.exchange.candidates import Candidate, Choice, Chooser, make_chooser, read_candidates
from omniedit.exchange.card import Card
from omniedit.exchange.fields import OutColumn, RowMaker, extra_columns
from omniedit.exchange.formats import FORMATS
from omniedit.exchange.layout import Container, Layout, load_layout
from omniedit.exchange.preferences import COLUMNS, count_preferences, group_edits, preference_rows
from omniedit.exchange.survey import REJECTED_BECAUSE, Survey, survey
from omniedit.exchange.writers import TarWriter, open_writer
from omniedit.storage.atomic import replace_file
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
    choice: Choice = Choice()
    rows_per_file: int = Field(default=ROWS_PER_FILE, ge=1)

    def load_layout(self) -> Layout:
        return load_layout(FORMATS[self.format].layout if self.format in FORMATS else self.format)

    def container(self, layout: Layout) -> Container:
        """Return the kind of file to write."""
        known = FORMATS.get(self.format)
        return known.files if known and known.files else layout.files


def export_run(run: str | Path, options: ExportOptions, out: str | Path) -> int:
    """Write the chosen pairs of a run to a new folder and return the number of rows.

    The folder appears as a whole, with its data card, or not at all.

    Raises:
        UserError: the folder is not empty, no pair is chosen, or the run lacks what the options need.
    """
    out = Path(out)
    check_empty(out)
    layout = options.load_layout()
    chooser = make_chooser(run, options.choice)
    takes_rejected = options.choice.kind == "rejected"
    surveyed = survey(chooser.split(read_candidates(run)), layout, takes_rejected)
    if not surveyed.pairs:
        raise UserError(f"{run}: none of its pairs is chosen; {surveyed.rejected.total()} do not fit the options")
    with replace_file(out) as temporary:
        write = _write_preferences if options.choice.kind == "preference" else _write_pairs
        written = write(Path(run), options, layout, chooser, surveyed, temporary)
        _write_card(temporary, Path(run), options, surveyed, written)
        return written.rows


@dataclass(frozen=True)
class _Written:
    """Data files of an export.

    Args:
        rows: number of rows, which for preference pairs is not that of pairs.
        data_files: pattern of the data files by name of the configuration.
        columns: columns that the card describes.
        samples: number of rows by configuration, if there are several.
    """

    rows: int
    data_files: Mapping[str, str]
    columns: Sequence[OutColumn]
    samples: Mapping[str, int]


def check_empty(out: Path) -> None:
    """Check that a folder can be written.

    Raises:
        UserError: it is a file, or a folder with something in it.
    """
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out}: is not empty; give another folder, or delete this one")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; give a folder")


def _write_pairs(
    run: Path, options: ExportOptions, layout: Layout, chooser: Chooser, surveyed: Survey, folder: Path
) -> _Written:
    takes_rejected = options.choice.kind == "rejected"
    container = options.container(layout)
    columns = surveyed.out_columns(takes_rejected)
    columns = [_for_container(column, container, layout) for column in columns]
    maker = RowMaker(layout)
    with (
        open_writer(container, folder, columns, surveyed.pairs, options.rows_per_file, _stem(layout)) as writer,
        Progress("pairs", total=surveyed.pairs) as progress,
    ):
        for candidate in _chosen(chooser, run, takes_rejected):
            extra = dict(extra_columns(candidate.provenance, layout))
            extra |= {REJECTED_BECAUSE: candidate.reason} if takes_rejected else {}
            writer.add(maker.make(candidate, candidate.shard.encoded_pair(candidate.row), extra))
            progress.advance()
    data_files = _data_files(container, writer, layout)
    shown = _shown(columns, container) if data_files else []
    samples = _configurations(writer) if isinstance(writer, TarWriter) else {}
    return _Written(surveyed.pairs, data_files, shown, {each: count for each, (_, count) in samples.items()})


def _write_preferences(
    run: Path, options: ExportOptions, layout: Layout, chooser: Chooser, surveyed: Survey, folder: Path
) -> _Written:
    container = options.container(layout)
    if container in ("folders", "tar"):
        raise UserError(f"--preference cannot be written as {options.format}; use --format parquet, jsonl or csv")
    groups = group_edits(chooser, run)
    rows = count_preferences(groups)
    if not rows:
        raise UserError(
            f"{run}: no source and instruction has both an accepted edit and a rejected one of a lower score"
        )
    with open_writer(container, folder, COLUMNS, rows, options.rows_per_file, "pairs") as writer:
        for row in preference_rows(groups):
            writer.add(row)
    return _Written(rows, _data_files(container, writer, None), _shown(COLUMNS, container), {})


def _chosen(chooser: Chooser, run: Path, takes_rejected: bool) -> Iterator[Candidate]:
    for candidate, is_accepted in chooser.split(read_candidates(run)):
        if is_accepted != takes_rejected:
            yield candidate


def _for_container(column: OutColumn, container: str, layout: Layout) -> OutColumn:
    """Return a column with images inside the file, if Parquet holds a layout of paths."""
    if container == "parquet" and layout.files != "parquet" and column.type == "path":
        return OutColumn(column.name, "image", column.field)
    return column


def _shown(columns: Sequence[OutColumn], container: str) -> list[OutColumn]:
    """Return the columns that the card describes, with the types that a container gives them; none for tars."""
    if container == "parquet":
        return list(columns)
    texts = ("image", "path", "binary", *(["list"] if container == "csv" else []))
    known = [OutColumn(each.name, "string" if each.type in texts else each.type, arrow=each.arrow) for each in columns]
    return known if container in ("jsonl", "json", "csv") else []


def _stem(layout: Layout) -> str:
    return "metadata" if layout.name == "imagefolder" else "pairs"


def _data_files(container: str, writer: object, layout: Layout | None) -> dict[str, str]:
    """Return the pattern of the data files by configuration, as `load_dataset` needs them."""
    if isinstance(writer, TarWriter):
        return {name: f"{prefix}{'[0-9]' * 5}.tar" for name, (prefix, _) in _configurations(writer).items()}
    if container == "folders" or (layout and layout.name == "imagefolder"):
        return {}
    return {"default": "data/train-*" if container == "parquet" else f"pairs.{container}"}


def _configurations(writer: TarWriter) -> dict[str, tuple[str, int]]:
    """Return the beginning of the file names and the number of samples of each configuration."""
    kinds = {writer.prefix(kind): count for kind, count in writer.kinds.items()}
    return {"default" if each == "train-" else each.strip("-"): (each, count) for each, count in kinds.items()}


def _write_card(folder: Path, run: Path, options: ExportOptions, surveyed: Survey, written: _Written) -> None:
    name = f"Edit pairs of {run.resolve().name}"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    of_files = written.rows, written.data_files, written.columns, size, written.samples
    card = Card(name, options.format, surveyed, options.choice, *of_files)
    (folder / CARD).write_text(card.render(), encoding="utf-8")
