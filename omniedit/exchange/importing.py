"""Import edit pairs: convert a data set's rows to shards of candidates, as its layout describes."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from omniedit import __version__
from omniedit.config.pairs import ImportConfig, PairFormat
from omniedit.errors import UserError
from omniedit.exchange.convert import PairMaker
from omniedit.exchange.folders import list_folder_files, read_folders
from omniedit.exchange.formats import load_format
from omniedit.exchange.image_files import ImageFiles
from omniedit.exchange.inputs import DataFile, Part, deal, find_file, list_inputs, share_limit
from omniedit.exchange.layout import Layout, replace_columns
from omniedit.exchange.outcome import ImportOutcome
from omniedit.exchange.perception import pairs as perception
from omniedit.exchange.perception import questions
from omniedit.exchange.readers import read_rows
from omniedit.exchange.rows import Row, Rows, WrongColumns, reject
from omniedit.exchange.seed_folders import find_seeds, read_seeds
from omniedit.pairs import Rejection, ShardWriter
from omniedit.redaction import redact
from omniedit.sources.archive_items import BadFile
from omniedit.sources.file_identity import Identity, identify, read_content, record_file
from omniedit.sources.listing import list_folder
from omniedit.storage.archives import is_remote
from omniedit.storage.atomic import replace_file
from omniedit.storage.locks import hold_lock
from omniedit.tasks import Task

SPECIALIST = "import"
"""Value of the specialist field in a shard of imported pairs."""
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,60}", re.ASCII)


class ImportOptions(PairFormat):
    """Options of an import: those of the config, a name and a limit.

    Args:
        name: name of the data set in the run; '' for the format's name.
        limit: maximum number of rows to read, over all shards.
    """

    format: str
    name: str = ""
    limit: int | None = Field(default=None, ge=1)

    @property
    def data_set(self) -> str:
        """Name of the data set in the run; also that of its folder in `candidates/`."""
        return self.name or Path(self.format).stem

    def load_layout(self) -> Layout:
        """Return the layout of the format, with the user's columns."""
        return replace_columns(load_format(self.format), self.columns)


def parse_options(text: str) -> ImportOptions:
    """Parse the options from the JSON object that the Snakemake rule passes.

    Raises:
        UserError: an option is unknown or invalid.
    """
    try:
        return ImportOptions.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise UserError(f"import option {key}: {problem['msg']}") from None


class RowReader:
    """Reader of a data set's rows, distributed over shards.

    Args:
        path: file, folder, glob, range such as {00000..00009}, or URL for fsspec.

    Raises:
        UserError: the file does not exist, no file has rows, or it is the test set.
    """

    def __init__(self, path: str, layout: Layout) -> None:
        self.path, self.layout = path, layout
        self._read: Callable[[Part], Rows]
        if layout.test_set and (test_file := find_file(path, layout.test_set)):
            unpack = "unpack it and " if test_file.endswith(".zip") else ""
            remedy = f"{unpack}run omniedit bench {layout.name} --data FOLDER; import only the other splits"
            raise UserError(f"{test_file}: the test set of {layout.about} is a benchmark; {remedy}")
        if layout.files == "folders":
            self.files, self._read = list_folder_files(path), read_folders
        elif layout.has_seeds and (seeds := find_seeds(path)):
            self.files, self._read = seeds, read_seeds
        else:
            self.files, self._read = list_inputs(path, layout.files), partial(read_rows, layout=layout)

    def shard(self, index: int, count: int = 1) -> Rows:
        """Yield the rows of a shard. Each row is in exactly one shard.

        A shard reads whole files if there are enough. Otherwise shards share a file by row groups, lines or samples. If
        there are several files, an unreadable one is yielded as a rejection.

        Raises:
            BadFile: the only file cannot be read, or no file of the shard has the layout's columns.
        """
        wrong, has_rows = None, False
        for part in deal(self.files, index, count):
            try:
                for item in self._read(part):
                    has_rows = has_rows or isinstance(item, Row)
                    yield item
            except BadFile as error:
                if len(self.files) == 1:
                    raise
                wrong = error if isinstance(error, WrongColumns) else wrong
                if part.index == 0:
                    yield reject(part.file.name, str(error))
        if wrong and not has_rows:
            raise wrong

    @property
    def images_root(self) -> str:
        """Folder or URL in which image files are looked up."""
        if not is_remote(self.path) and Path(self.path).is_dir():
            return self.path
        return DataFile(self.files[0].address, "").folder


def identify_import(data_set: ImportConfig, shard: int, shards: int, out: Path) -> Identity:
    """Identify the row files that a shard of a data set reads (`omniedit.sources.file_identity`).

    A URL is not opened, but identified by its text without secrets. Image files that rows name are not compared.

    Args:
        out: the shard's file of candidates.
    """
    if is_remote(data_set.path):
        return Identity(record_file(out), redact(data_set.path), None)
    return identify(_local_files(data_set.path, data_set.extract(ImportOptions), shard, shards), {}, record_file(out))


def record_import(path: str, options: ImportOptions, shard: int, shards: int, out: Path) -> None:
    """Record the row files that a shard is made from, for `identify_import`."""
    if not is_remote(path):
        read_content(_local_files(path, options, shard, shards), {}, record_file(out)).write(record_file(out))


def _local_files(path: str, options: ImportOptions, shard: int, shards: int) -> dict[str, Path]:
    """Return the row files of a shard by name; for folders of images, all files in them."""
    if options.format in perception.FORMATS:
        return {Path(file).name: Path(file) for file in perception.data_files(options.format, path)}
    reader = RowReader(path, options.load_layout())
    parts = [part.file for part in deal(reader.files, shard, shards)]
    if reader.layout.files == "folders":
        folders = [Path(part.folder) for part in parts]
        return {f"{folder}/{file}": folder / file for folder in folders for file in list_folder(folder).files}
    return {part.name: Path(part.address) for part in parts}


def import_shard(
    path: str, options: ImportOptions, shard: int, shards: int, out: str | Path, ids: set[str] | None = None
) -> ImportOutcome:
    """Write one shard of a data set to `out`, a file of candidates, and return the counts.

    Args:
        ids: ids that other shards have used; those of this shard are added. Without them, ids are unique only in the
            shard.

    Raises:
        UserError: the data set cannot be read, or an option does not fit it.
    """
    check_name(options.data_set)
    items, files = _open_items(path, options, shard, shards, set() if ids is None else ids)
    outcome = ImportOutcome()
    try:
        with (
            replace_file(out) as temporary,
            ShardWriter(temporary, Task(options.data_set), SPECIALIST, 0, {"omniedit": __version__}) as writer,
        ):
            for item in items:
                writer.add(item)
                if isinstance(item, Rejection):
                    outcome.reject(item)
                else:
                    outcome.tasks[item.task] += 1
    finally:
        files.close()
    return outcome


def _open_items(
    path: str, options: ImportOptions, shard: int, shards: int, ids: set[str]
) -> tuple[Iterator[Any], ImageFiles]:
    """Return the pairs and rejections of a shard, and the open image files, which must be closed after the last pair.

    Raises:
        UserError: the data set cannot be read, or has no pairs.
    """
    share = share_limit(options.limit, shard, shards)
    if options.format == questions.FORMAT:
        remedy = "run omniedit import llava, which writes a table for language models"
        raise UserError(f"{options.data_set}: questions and answers have no edited image; {remedy}")
    if options.format in perception.FORMATS:
        root = options.images or DataFile(perception.data_files(options.format, path)[0], "").folder
        files = ImageFiles(root)
        painter = perception.PairPainter(options.data_set, options.format, files, options.licence, ids)
        return map(painter.make, islice(painter.read(path, shard, shards), share)), files
    layout = options.load_layout()
    reader = RowReader(path, layout)
    root = options.images or reader.images_root
    files = ImageFiles(root, options.images is not None, reader.layout.from_parent)
    task = options.task or layout.task
    check_tasks([task, *options.task_names.values()])
    maker = PairMaker(layout, options.data_set, files, task, options.task_names, options.sizes, options.licence, ids)
    return _make_pairs(islice(reader.shard(shard, shards), share), maker), files


def _make_pairs(rows: Rows, maker: PairMaker) -> Iterator[Any]:
    for row in rows:
        if isinstance(row, Row):
            yield from maker.make(row)
        else:
            yield row


def check_tasks(names: Iterable[str]) -> None:
    """Check that names are valid names of tasks.

    Raises:
        UserError: a name is invalid.
    """
    for name in names:
        try:
            Task(name)
        except ValueError as error:
            raise UserError(f"{error}; give another --task, or correct the map of tasks") from None


def check_name(name: str) -> None:
    """Check a data set's name, which is also a folder and the beginning of ids.

    Raises:
        UserError: it has characters other than letters, digits, '_', '.' and '-', or is too long.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"--name: {name[:80]!a} is not a name; use letters, digits, '_', '.' and '-', 61 at most")


def import_pairs(path: str, options: ImportOptions, run: str | Path, shards: int = 1) -> ImportOutcome:
    """Write a data set to `{run}/candidates/{name}/{shard}.h5` and return the counts of all shards.

    The shards appear together, after the last row; an interrupted import leaves none.

    Raises:
        UserError: as in `import_shard`, or no row makes a pair, the run already has candidates of this name, or another
            process is importing them.
    """
    check_name(options.data_set)
    folder = Path(run) / "candidates" / options.data_set
    hold_lock(folder.with_name(f".{folder.name}.lock"), "another import of this name is running")
    if folder.is_dir() and any(folder.glob("*.h5")):
        raise UserError(f"{folder}: already has candidates; give another --name, or delete the folder")
    outcome, ids = ImportOutcome(), set[str]()
    try:
        with ExitStack() as files:
            for shard in range(shards):
                temporary = files.enter_context(replace_file(folder / f"{shard:05d}.h5"))
                outcome.add(import_shard(path, options, shard, shards, temporary, ids))
            require_pairs(outcome, path)
    finally:
        with suppress(OSError):  # not empty, because it holds other candidates
            folder.rmdir()
    return outcome


def require_pairs(outcome: ImportOutcome, path: str) -> None:
    """Check that an import made pairs.

    Raises:
        UserError: it made none; the message gives the first reason.
    """
    if outcome.tasks:
        return
    if not outcome.reasons:
        raise UserError(f"{redact(path)}: has no rows; give a file or folder that has some")
    first = next(iter(outcome.examples.values()))
    counted = f"none of {outcome.reasons.total()} rows makes a pair; the first problem"
    raise UserError(f"{counted}: {first.source_id}: {first.reason}")
