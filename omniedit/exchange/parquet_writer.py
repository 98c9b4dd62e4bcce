"""Writer of Parquet files that Hugging Face `datasets` and its viewer open."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.exchange.fields import OutColumn, OutRow
from omniedit.exchange.out_values import ImageFolder, arrow_type, describe_feature, plain_value

_GROUP = 32
"""Number of rows in a row group, which is also the maximum number in memory."""


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
    _end: int = 0
    """Number of rows up to the end of the open file."""
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
        if self._done + len(self._waiting) == self._end:
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

    def _open(self) -> None:
        if self._file is not None:
            self._file.close()
        number = self._done // self.rows_per_file
        count = max(1, -(-self.rows // self.rows_per_file))
        path = self.root / f"data/train-{number:05d}-of-{count:05d}.parquet"
        self._end = (number + 1) * self.rows_per_file
        self._file = pq.ParquetWriter(path, self.schema, write_page_checksum=True)

    def _flush(self) -> None:
        if self._waiting and self._file is not None:
            self._file.write_table(pa.Table.from_pylist(self._waiting, self.schema))
            self._done += len(self._waiting)
            self._waiting = []
