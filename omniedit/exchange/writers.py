"""Writers of rows by container: Parquet, JSONL, JSON and CSV with image files, tars, and folders.

A writer is a context manager that writes into a folder; `add` takes one row after the other.
"""

import csv
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from omniedit.errors import UserError
from omniedit.exchange.fields import ImageCell, OutColumn, OutRow
from omniedit.exchange.out_values import ImageFolder, plain_value
from omniedit.exchange.parquet_writer import ParquetWriter
from omniedit.imaging.formats import image_suffix
from omniedit.storage.parquet import mark_formula


@dataclass
class TextWriter:
    """Writer of a JSONL, JSON or CSV file, with image files next to it.

    Args:
        file: name of the file; its suffix names the container.
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

    Samples with other members go to separate tars, because Hugging Face `datasets` expects the same members in each
    sample of a tar: train-00000.tar, and train-b-00000.tar for the second kind.
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
            yield {**each, "image": name}

    def _tar(self, kind: tuple[str, ...]) -> tarfile.TarFile:
        """Return the open tar of a kind of sample. When it is full, a new one is opened."""
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
    """Writer of folders whose images have the same names: control, target with .txt files, control_2 ..., mask."""

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
