"""Tables with images in their cells: Parquet and Arrow files of Hugging Face data sets.

Texts are read with their row, an image only when it is needed. Rows that are read in order are streamed: memory holds
one batch of rows, or for Parquet one page, which pyarrow makes as large as a row group (100 rows in Hugging Face's
files).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import accumulate, chain
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa

from omniedit.errors import UserError, one_line
from omniedit.evaluation.bench.item import ImageFile
from omniedit.exchange.cells import BadRow
from omniedit.exchange.image_files import BadImage
from omniedit.exchange.inputs import list_inputs
from omniedit.sources.archive_items import MAX_BYTES, SkippedPart
from omniedit.sources.parquet import open_parquet, parquet_rows
from omniedit.storage.arrow_values import to_rows

ARROW = (".arrow",)


class ImageTable:
    """Table in one file, whose columns of images are read by row."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self._open = _open_arrow if path.suffix in ARROW else _open_parquet
        with self._open(path) as (columns, _):
            self.columns = columns
        self._cursors: dict[str, _Cursor] = {}
        self._lock = Lock()

    def rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the place and the values of each row; a column of images holds functions that read them."""
        with self._open(self.path) as (columns, read):
            texts = [name for name, is_image in columns.items() if not is_image]
            images = [name for name, is_image in columns.items() if is_image]
            for number, values in read(texts or images[:1], 0):
                readers = {name: partial(self._read_image, name, number) for name in images}
                yield f"{self.name}:{number}", {**values, **readers}

    def _read_image(self, column: str, row: int) -> bytes:
        with self._lock:  # because the page for ratings reads images in several threads
            value = self._cursors.setdefault(column, _Cursor(self.path, column, self._open)).read(row)
        content = value.get("bytes") if isinstance(value, dict) else value
        if not content:
            raise BadImage(f"{self.name}:{row}: column {column!a} has no image")
        if len(content) > MAX_BYTES:
            raise BadImage(f"{self.name}:{row}: {len(content)} bytes, more than the limit of {MAX_BYTES}")
        return bytes(content)


class _Cursor:
    """Reader of one column that goes forward row by row, and starts again for an earlier row."""

    def __init__(self, path: Path, column: str, opener: "Opener") -> None:
        self._path, self._column, self._open = path, column, opener
        self._values: Iterator[tuple[int, Mapping[str, Any]]] = iter(())
        self._row, self._value = -1, None

    def read(self, row: int) -> Any:
        if row < self._row or self._row < 0:
            self._values = self._start(row)
        while self._row != row:
            self._row, values = next(self._values, (row, {}))
            self._value = values.get(self._column)
        return self._value

    def _start(self, row: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        self._row = -1
        with self._open(self._path) as (_, read):
            yield from read([self._column], row)


Read = Callable[[list[str], int], Iterator[tuple[int, Mapping[str, Any]]]]
"""Function that yields rows with their numbers. Its arguments are the columns to read, and a row: it starts with the
batch that holds this row."""
Opener = Callable[[Path], AbstractContextManager[tuple[dict[str, bool], Read]]]
"""Function that opens a table. It returns whether each column holds images, by name, and the reader of rows."""


@contextmanager
def _open_parquet(path: Path) -> Iterator[tuple[dict[str, bool], Read]]:
    with path.open("rb") as file:
        table = open_parquet(file, path.name)
        counts = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
        ends = list(accumulate(counts))

        def read(columns: list[str], row: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
            first = next((group for group, end in enumerate(ends) if row < end), len(ends))
            for item in parquet_rows(table, path.name, columns, range(first, len(ends))):
                if isinstance(item, SkippedPart):
                    raise UserError(f"{item.place}: {item.reason}; download the file again")
                yield item

        yield {field.name: _holds_bytes(field.type) for field in table.schema_arrow}, read


@contextmanager
def _open_arrow(path: Path) -> Iterator[tuple[dict[str, bool], Read]]:
    """Open an Arrow file or stream, as `datasets.save_to_disk` writes it; it is mapped into memory."""
    try:
        with pa.memory_map(str(path)) as source:
            batches = _list_batches(source)

            def read(columns: list[str], row: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
                start = 0
                for batch in batches:
                    if row < start + len(batch):
                        yield from enumerate(_to_rows(batch.select(columns)), start)
                    start += len(batch)

            schema = batches[0].schema if batches else pa.schema([])
            yield {field.name: _holds_bytes(field.type) for field in schema}, read
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path.name}: not a valid Arrow file ({one_line(error, 200)})") from None


def _list_batches(source: pa.MemoryMappedFile) -> list[pa.RecordBatch]:
    try:
        return list(pa.ipc.open_stream(source))
    except pa.ArrowInvalid:
        source.seek(0)
        file = pa.ipc.open_file(source)
        return [file.get_batch(number) for number in range(file.num_record_batches)]


def _to_rows(batch: pa.RecordBatch) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a batch, each converted when it is needed."""
    return (next(to_rows(batch.slice(number, 1))) for number in range(len(batch)))


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def read_tables(path: Path, pattern: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the rows of a Parquet or Arrow file, or of all files of a folder whose names contain a text.

    Raises:
        UserError: the file does not exist or cannot be read.
    """
    return chain.from_iterable(ImageTable(file).rows() for file in find_tables(path, pattern))


def find_tables(path: Path, pattern: str = "") -> list[Path]:
    """Return the Parquet files at a path, else the Arrow files; in a folder, those whose names contain the pattern.

    Raises:
        UserError: the file does not exist.
    """
    arrow = [path] if path.suffix in ARROW else _list_arrow(path) if path.is_dir() else []
    is_parquet = path.suffix == ".parquet" or (path.is_dir() and any(path.rglob("*.parquet")))
    files = [Path(file.address) for file in list_inputs(str(path), "parquet")] if is_parquet else arrow
    chosen = [file for file in files if pattern in file.name or not path.is_dir()]
    if not chosen or not all(file.is_file() for file in chosen):
        named = f" with '{pattern}' in its name" if pattern else ""
        raise UserError(f"{path}: no Parquet or Arrow file{named}; give the downloaded folder of the data set")
    return chosen


def _list_arrow(folder: Path) -> list[Path]:
    """Return the Arrow files below a folder, without the `cache-*` files of `Dataset.map` and `Dataset.filter`."""
    return sorted(file for file in folder.rglob("*.arrow") if not file.name.startswith("cache-"))


def get_image(row: Mapping[str, Any], *names: str) -> ImageFile:
    """Return the function that reads a row's image, from the first of some columns that holds images.

    Raises:
        BadRow: no such column holds images.
    """
    cell = find_cell(row, *names)
    if cell is None:
        raise BadRow(f"has no image in {' or '.join(names)}")
    return cell


def find_cell(row: Mapping[str, Any], *names: str) -> ImageFile | None:
    """Return the result of `get_image`, or None if no such column holds images."""
    return next((value for name in names if callable(value := row.get(name))), None)
