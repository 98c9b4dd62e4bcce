"""Rows of a bucket's pairs, read on demand: opening takes the same time for any number of pairs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from omniedit.buckets.store_layout import PAIRS_AT_ONCE
from omniedit.errors import DamagedFile, UserError
from omniedit.storage.parquet import read_table


class PairRows(Protocol):
    def read(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return some rows, in the order given."""
        ...

    def table(self) -> pa.Table:
        """Return all rows."""
        ...


class MappedRows:
    """Rows of pairs.arrow, which is mapped into memory.

    Raises:
        DamagedFile: the file differs from what `write_arrow` wrote.
        UserError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = pa.ipc.open_file(pa.memory_map(str(path)))
        except pa.ArrowInvalid as error:
            raise DamagedFile(path, f"not an Arrow file ({error})") from None
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error}") from None
        self._batches: dict[int, pa.RecordBatch] = {}

    def read(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        indices = (divmod(row, PAIRS_AT_ONCE) for row in rows)
        return [self._batch(number).slice(index, 1).to_pylist()[0] for number, index in indices]

    def _batch(self, number: int) -> pa.RecordBatch:
        """Return a record batch. Its columns point into the mapped file, so open batches take little memory."""
        if number not in self._batches:
            self._batches[number] = self._file.get_batch(number)
        return self._batches[number]

    def table(self) -> pa.Table:
        return self._file.read_all()


class ParquetRows:
    """Rows of pairs.parquet, all in memory, for a store of format 1."""

    def __init__(self, path: Path) -> None:
        self._table = read_table(path)

    def read(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        return self._table.take(pa.array(rows, pa.int64())).to_pylist()

    def table(self) -> pa.Table:
        return self._table


def open_pair_rows(bucket: Path) -> PairRows:
    """Open the rows of a bucket, from the file of its format."""
    mapped = bucket / "pairs.arrow"
    return MappedRows(mapped) if mapped.is_file() else ParquetRows(bucket / "pairs.parquet")
