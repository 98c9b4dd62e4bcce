"""Writers of rows, one for each container: Parquet, JSONL, JSON and CSV with image files, tars, and folders.

A writer is a context manager that writes into a folder; `add` takes one row after the other.
"""

import csv
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.errors import UserError
from omniedit.exchange.fields import ImageCell, OutColumn, OutRow
from omniedit.exchange.survey import is_json_text
from omniedit.imaging.formats import image_suffix
from omniedit.storage.parquet import mark_formula

IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""An image as Hugging Face `datasets` stores it."""
_GROUP = 32
"""Rows in a row group, and most rows in memory."""
_ARROW = {
    "image": IMAGE_TYPE,
    "binary": pa.binary(),
    "list": pa.list_(pa.string()),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
}
IMAGE_FOLDER = "images"


class Writer(Protocol):
    """Writer of rows into a folder."""

    def __enter__(self) -> "Writer": ...
    def __exit__(self, *_: object) -> None: ...
    def add(self, row: OutRow) -> None: ...


def arrow_type(column: OutColumn) -> pa.DataType:
    """Return the type of a column in Parquet; texts, paths and JSON are strings."""
    if column.arrow is not None:
        return pa.string() if is_json_text(column.arrow) or pa.types.is_null(column.arrow) else column.arrow
    return _ARROW.get(column.type, pa.string())


def plain_value(value: Any, column: OutColumn) -> Any:
    """Return a value, which is no image, as its column's type; None if it does not fit.

    JSON is written as text, because `datasets` expects the same keys in each row of a mapping.
    """
    if value is None:
        return None
    if column.type == "json" or is_json_text(column.arrow):
        return json.dumps(value, ensure_ascii=False)
    try:
        if column.type in ("int32", "int64"):
            return int(value)
        if column.type == "float64":
            return float(value)
    except ValueError:
        return None
    return str(value) if column.type == "string" else value


@dataclass
class ImageFolder:
    """Folder of image files, which rows name by path: images/{column}/{key}.png."""

    root: Path

    def put(self, cell: ImageCell, column: str, name: str) -> str:
        """Write an image file and return its path relative to the root."""
        relative = f"{IMAGE_FOLDER}/{column}/{name}{image_suffix(cell.content)}"
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cell.content)
        return relative

    def replace(self, value: Any, column: str, key: str) -> Any:
        """Return a value with each image in it written and replaced by its path."""
        column = column.removesuffix("_file_name")
        if isinstance(value, ImageCell):
            return self.put(value, column, key)
        if isinstance(value, list) and any(isinstance(each, ImageCell | dict) for each in value):
            names = [key, *(f"{key}_{number}" for number in range(1, len(value)))]
            return [self.replace(each, column, name) for each, name in zip(value, names, strict=True)]
        if isinstance(value, Mapping):
            return {
                name: self.put(each, column, key) if isinstance(each, ImageCell) else each
                for name, each in value.items()
            }
        return value


@dataclass
class ParquetWriter:
    """Writer of data/train-00000-of-00003.parquet files that Hugging Face `datasets` and its viewer open.

    Args:
        rows: number of all rows, which the file names need.
    """

    root: Path
    columns: Sequence[OutColumn]
    rows: int
    rows_per_file: int
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _done: int = 0
    _file: pq.ParquetWriter | None = None

    def __enter__(self) -> "ParquetWriter":
        (self.root / "data").mkdir(parents=True)
        features = {column.name: describe_feature(arrow_type(column)) for column in self.columns}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        self.schema = pa.schema([(column.name, arrow_type(column)) for column in self.columns], metadata=metadata)
        self._images = ImageFolder(self.root)
        if not self.rows:
            self._open()
        return self

    def __exit__(self, exc_type: object, *_: object) -> None:
        if exc_type is None:
            self._flush()
        if self._file is not None:
            self._file.close()

    def add(self, row: OutRow) -> None:
        if self._done + len(self._waiting) == self._end():
            self._flush()
            self._open()
        self._waiting.append({column.name: self._value(row, column) for column in self.columns})
        if len(self._waiting) == _GROUP:
            self._flush()

    def _value(self, row: OutRow, column: OutColumn) -> Any:
        value = row.values.get(column.name)
        if column.type == "image":
            return value and {"bytes": value.content, "path": value.path}
        if column.type == "binary":
            return value and value.content
        return plain_value(self._images.replace(value, column.name, row.key), column)

    def _end(self) -> int:
        """Return the number of rows up to the end of the open file."""
        return 0 if self._file is None else self._opened * self.rows_per_file

    def _open(self) -> None:
        if self._file is not None:
            self._file.close()
        number = self._done // self.rows_per_file
        count = max(1, -(-self.rows // self.rows_per_file))
        path = self.root / f"data/train-{number:05d}-of-{count:05d}.parquet"
        self._opened = number + 1
        self._file = pq.ParquetWriter(path, self.schema, write_page_checksum=True)

    def _flush(self) -> None:
        if self._waiting and self._file is not None:
            self._file.write_table(pa.Table.from_pylist(self._waiting, self.schema))
            self._done += len(self._waiting)
            self._waiting = []


def describe_feature(kind: pa.DataType) -> Any:
    """Return a type as Hugging Face `datasets` describes it."""
    if kind == IMAGE_TYPE:
        return {"_type": "Image"}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return {"feature": describe_feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {each.name: describe_feature(each.type) for each in kind}
    return {"dtype": dtype_name(kind), "_type": "Value"}


def dtype_name(kind: pa.DataType) -> str:
    """Return a plain type's name in `datasets`."""
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return names.get(str(kind), str(kind))


@dataclass
class TextWriter:
    """Writer of a JSONL, JSON or CSV file, with image files next to it.

    Args:
        file: name of the file; its suffix says the container.
    """

    root: Path
    columns: Sequence[OutColumn]
    file: str
    _rows: int = 0

    def __enter__(self) -> "TextWriter":
        self.root.mkdir(parents=True, exist_ok=True)
        self._images = ImageFolder(self.root)
        self._kind = self.file.rpartition(".")[2]
        self._text: TextIO = (self.root / self.file).open("w", encoding="utf-8", newline="")
        if self._kind == "csv":
            self._csv = csv.writer(self._text)
            self._csv.writerow([mark_formula(column.name) for column in self.columns])
        if self._kind == "json":
            self._text.write("[")
        return self

    def __exit__(self, exc_type: object, *_: object) -> None:
        if self._kind == "json" and exc_type is None:
            self._text.write("\n]\n")
        self._text.close()

    def add(self, row: OutRow) -> None:
        values = {column.name: self._value(row, column) for column in self.columns}
        if self._kind == "csv":
            self._csv.writerow([self._cell(value) for value in values.values()])
        else:
            line = json.dumps(values, ensure_ascii=False)
            self._text.write(f"{line}\n" if self._kind == "jsonl" else f"{',' * (self._rows > 0)}\n{line}")
        self._rows += 1

    def _value(self, row: OutRow, column: OutColumn) -> Any:
        return plain_value(self._images.replace(row.values.get(column.name), column.name, row.key), column)

    def _cell(self, value: Any) -> Any:
        return mark_formula(json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value)


@dataclass
class TarWriter:
    """Writer of tars in the WebDataset layout: KEY.source.png, KEY.edited.jpg, KEY.json.

    Samples with other members go to other tars, because Hugging Face `datasets` expects the same ones in each sample of
    a tar: train-00000.tar, and train-b-00000.tar for the second kind.
    """

    root: Path
    columns: Sequence[OutColumn]
    rows_per_file: int
    kinds: dict[tuple[str, ...], int] = field(default_factory=dict)
    _open: dict[tuple[str, ...], tarfile.TarFile] = field(default_factory=dict)

    def __enter__(self) -> "TarWriter":
        self.root.mkdir(parents=True, exist_ok=True)
        self._order: dict[tuple[str, ...], int] = {}
        return self

    def __exit__(self, *_: object) -> None:
        for tar in self._open.values():
            tar.close()

    def add(self, row: OutRow) -> None:
        images, values = self._split(row)
        kind = tuple(images)
        tar = self._tar(kind)
        for name, content in {**images, "json": json.dumps(values, ensure_ascii=False).encode()}.items():
            member = tarfile.TarInfo(f"{row.key}.{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            tar.members.clear()  # type: ignore[attr-defined]  # otherwise every header stays in memory
        self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def _split(self, row: OutRow) -> tuple[dict[str, bytes], dict[str, Any]]:
        """Return the members of images by extension, and the values of the JSON member."""
        images: dict[str, bytes] = {}
        values: dict[str, Any] = {}
        for column in self.columns:
            value = row.values.get(column.name)
            if isinstance(value, ImageCell):
                images[f"{column.name}{image_suffix(value.content)}"] = value.content
            elif isinstance(value, list) and column.field == "references":
                values[column.name] = plain_value(list(self._put_references(value, images)), column)
            elif column.type not in ("image", "path", "binary"):
                values[column.name] = plain_value(value, column)
        return images, values

    def _put_references(self, value: list[dict[str, Any]], images: dict[str, bytes]) -> Iterator[dict[str, str]]:
        for number, each in enumerate(value):
            name = f"reference.{number}{image_suffix(each['image'].content)}"
            images[name] = each["image"].content
            yield {"role": each["role"], "image": name}

    def _tar(self, kind: tuple[str, ...]) -> tarfile.TarFile:
        """Return the open tar of a kind of sample, a new one when it is full."""
        count = self.kinds.get(kind, 0)
        if count % self.rows_per_file == 0:
            if kind in self._open:
                self._open[kind].close()
            path = self.root / f"{self.prefix(kind)}{count // self.rows_per_file:05d}.tar"
            self._open[kind] = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        return self._open[kind]

    def prefix(self, kind: tuple[str, ...]) -> str:
        """Return the beginning of the file names of a kind of sample."""
        number = self._order.setdefault(kind, len(self._order))
        return "train-" if number == 0 else f"train-{number + 1}-"


@dataclass
class FolderWriter:
    """Writer of folders of images with the same names: control, target with .txt files, control_2 ..., mask."""

    root: Path

    def __enter__(self) -> "FolderWriter":
        for name in ("control", "target"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None: ...

    def add(self, row: OutRow) -> None:
        references = [each["image"] for each in row.values.get("references") or ()]
        cells = {"control": row.values["source"], "target": row.values["edited"], "mask": row.values["mask"]}
        cells |= {f"control_{number}": cell for number, cell in enumerate(references, 2)}
        for folder, cell in cells.items():
            if cell is not None:
                path = self.root / folder / f"{row.key}{image_suffix(cell.content)}"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(cell.content)
        (self.root / f"target/{row.key}.txt").write_text(f"{row.values['instruction']}\n", encoding="utf-8")


def open_writer(
    container: str, root: Path, columns: Sequence[OutColumn], rows: int, rows_per_file: int, stem: str
) -> Any:
    """Return the writer of a container.

    Args:
        rows: number of all rows.
        stem: name of a JSONL, JSON or CSV file, without suffix.
    """
    if container == "parquet":
        return ParquetWriter(root, columns, rows, rows_per_file)
    if container == "tar":
        return TarWriter(root, columns, rows_per_file)
    if container == "folders":
        return FolderWriter(root)
    if container not in ("jsonl", "json", "csv"):
        raise UserError(f"{container!a} cannot be written")
    return TextWriter(root, columns, f"{stem}.{container}")
