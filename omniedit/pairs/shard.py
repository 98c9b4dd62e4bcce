"""Reader of shard files of the formats 2 and 3 (`omniedit.pairs.columns`)."""

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from omniedit.errors import DamagedFile, UserError, missing
from omniedit.imaging.images import Image, Mask, decode_mask, encoded_size
from omniedit.pairs.columns import (
    CHECKSUMS,
    COLUMNS_2,
    COLUMNS_3,
    FORMAT,
    OLDEST_FORMAT,
    parse_captions,
    parse_instructions,
    parse_references,
    parse_scores,
    parse_turn,
    sha256,
)
from omniedit.pairs.pair import Captions, EditPair, EncodedPair, Reference, Rejection, Score
from omniedit.pairs.provenance import check_provenance
from omniedit.tasks import Task

_SOURCES = 8
"""Number of decoded sources to keep: the specialists visit the photos in turn, so a photo's edits lie apart."""


class Shard:
    """Shard file opened for reading: a context manager, and a sequence of `EditPair` decoded on access.

    The last pair read stays decoded, for judges that read one pair several times, and so do the last sources, which
    are photos with several edits. Sources cannot be written to; do not write to the other arrays. Only `shard[row]`,
    iteration and `mask` decode images.

    Args:
        keeps_last: whether the last images stay decoded; pass False to keep many shards open.

    Attributes:
        task: name of the shard's folder.
        pair_ids, tasks: id and task of each row; the tasks may differ in an imported shard.
        specialist, seed, versions: of the program that wrote the file.

    Raises:
        DamagedFile: the file is not HDF5, is truncated or lacks a column, or a value that is read fails its checksum.
        UserError: the file is missing or cannot be read, is of a newer format, or has an invalid provenance.
    """

    def __init__(self, path: str | Path, keeps_last: bool = True) -> None:
        self.path, self.keeps_last = Path(path), keeps_last
        try:
            self._file = h5py.File(self.path, "r")
        except FileNotFoundError:
            raise missing(path) from None
        except OSError as error:
            raise _unreadable(self.path, error) from None
        try:
            self._read_about()
            self._read_rows()
        except UserError:
            self._file.close()
            raise
        self._last: tuple[int, EditPair] | None = None
        self._sources: dict[str, Image] = {}

    def _read_about(self) -> None:
        """Read the file's attributes."""
        about = self._hdf5(lambda file: dict(file.attrs))
        self._check_columns(COLUMNS_2)
        about = {name: value.item() if isinstance(value, np.generic) else value for name, value in about.items()}
        if about.pop(CHECKSUMS, None) != sha256(json.dumps(about, sort_keys=True, default=str)):
            raise DamagedFile(self.path, "its attributes do not match their checksum")
        self.format = int(about["format"])
        if not OLDEST_FORMAT <= self.format <= FORMAT:
            known = f"formats {OLDEST_FORMAT} to {FORMAT} can be read"
            raise UserError(f"{self.path}: has format {self.format}; {known}; use the OmniEdit that wrote it")
        self._columns = COLUMNS_2 if self.format == OLDEST_FORMAT else COLUMNS_3
        self._check_columns(self._columns)
        self.task, self.specialist = Task(about["task"]), about["specialist"]
        self.seed, self.versions = int(about["seed"]), json.loads(about["versions"])

    def _check_columns(self, columns: dict[str, Any]) -> None:
        names = self._hdf5(set)
        if missing := [name for name in (*columns, CHECKSUMS) if name not in names]:
            raise DamagedFile(self.path, f"not a candidate shard, it lacks {', '.join(missing)}")

    def _read_rows(self) -> None:
        """Read each row's checksums, id and task."""
        checksums = self._hdf5(lambda file: file[CHECKSUMS][:])
        pair_ids = self._hdf5(lambda file: file["pair_id"][:])
        try:
            self._checksums: list[dict[str, str]] = [json.loads(checksum) for checksum in checksums]
            intact = all(row["pair_id"] == sha256(id) for row, id in zip(self._checksums, pair_ids, strict=True))
        except (ValueError, KeyError, TypeError):
            intact = False
        if not intact:
            raise DamagedFile(self.path, "its pair ids do not match their checksums")
        self.pair_ids: list[str] = [pair_id.decode() for pair_id in pair_ids]
        self.tasks = [Task(task.decode()) if task else self.task for task in self._read_column("task")]

    def __enter__(self) -> "Shard":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.pair_ids)

    def __iter__(self) -> Iterator[EditPair]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, row: int) -> EditPair:
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        if not self.keeps_last:
            return self._decode_row(row % len(self))
        last = self._last  # read once, because another thread may change it
        if last is None or last[0] != row:
            self._last = last = (row, self._decode_row(row))
        return last[1]

    def _decode_row(self, row: int) -> EditPair:
        label, key = f"{self.path}: {self.pair_ids[row]}", self.sha256("source", row)
        pair = self.encoded_pair(row).decode(label, self._sources.get(key))
        if self.keeps_last:
            pair.source.flags.writeable = False
            others = [item for item in self._sources.items() if item[0] != key]
            self._sources = dict([*others, (key, pair.source)][-_SOURCES:])  # replaced: other threads may read it
        return pair

    def find(self, pair_id: str) -> int:
        """Return the row of a pair.

        Raises:
            UserError: the shard has no such pair.
        """
        if pair_id not in self.pair_ids:
            raise UserError(f"{self.path}: has no pair {pair_id}; the file was replaced, run the command again")
        return self.pair_ids.index(pair_id)

    def encoded_pair(self, row: int) -> EncodedPair:
        """Return a row with its image files as stored."""
        return EncodedPair(
            pair_id=self.pair_ids[row],
            task=self.tasks[row],
            instructions=self.instructions(row),
            source=self.encoded("source", row),
            edited=self.encoded("edited", row),
            mask=self.encoded("mask", row) or None,
            provenance=self.provenance(row),
            references=self.references(row),
            captions=self.captions(row),
            session=self.session(row),
            turn=self.turn(row),
            imported_scores=self.imported_scores(row),
        )

    def mask(self, row: int) -> Mask | None:
        """Return a row's mask, or None for a global edit."""
        encoded = self.encoded("mask", row)
        return decode_mask(encoded, f"{self.path}: {self.pair_ids[row]}: mask") if encoded else None

    def size(self, row: int) -> tuple[int, int]:
        """Return width and height of a row's images."""
        return encoded_size(self.encoded("source", row), f"{self.path}: {self.pair_ids[row]}: source")

    def instructions(self, row: int) -> tuple[str, ...]:
        """Return a row's instruction and paraphrases."""
        return parse_instructions(self._value("phrasings", row))

    def provenance(self, row: int) -> dict[str, Any]:
        """Return a row's provenance, checked against its schema."""
        return self._parse_provenance(row, self._value("provenance", row))

    def references(self, row: int) -> tuple[Reference[bytes], ...]:
        """Return a row's references as stored."""
        return parse_references(self._value("reference_roles", row), lambda: self._value("references", row))

    def reference_roles(self, row: int) -> list[str]:
        """Return the roles of a row's references, without their images."""
        return [reference.role for reference in self._describe_references(row)]

    def reference_captions(self, row: int) -> list[str | None]:
        """Return the caption of each of a row's references, None where it has none."""
        return [reference.caption for reference in self._describe_references(row)]

    def _describe_references(self, row: int) -> tuple[Reference[bytes], ...]:
        """Return a row's references without their images."""
        return parse_references(self._value("reference_roles", row), bytes)

    def captions(self, row: int) -> Captions:
        return parse_captions(self._value("captions", row))

    def session(self, row: int) -> str | None:
        return self._value("session", row).decode() or None

    def turn(self, row: int) -> int | None:
        return parse_turn(self._value("turn", row))

    def imported_scores(self, row: int) -> dict[str, Score]:
        """Return the scores that came with an imported pair."""
        return parse_scores(self._value("imported_scores", row))

    def read_instructions(self) -> list[tuple[str, ...]]:
        """Return the instruction and paraphrases of all rows, in one read."""
        return [parse_instructions(value) for value in self._read_column("phrasings")]

    def read_provenance(self) -> list[dict[str, Any]]:
        """Return the provenance of all rows, in one read."""
        return [self._parse_provenance(row, value) for row, value in enumerate(self._read_column("provenance"))]

    @property
    def refusals(self) -> list[Rejection]:
        """Earlier name of `rejections`."""
        return self.rejections

    @property
    def rejections(self) -> list[Rejection]:
        """Photos or rows without a pair."""
        prefix = "refused" if self.format == OLDEST_FORMAT else "rejected"
        names, reasons = self._hdf5(lambda file: (file[f"{prefix}_source"][:], file[f"{prefix}_reason"][:]))
        return [Rejection(name.decode(), reason.decode()) for name, reason in zip(names, reasons, strict=True)]

    def encoded(self, column: str, row: int) -> bytes:
        """Return a row's image as stored. `column` is source, edited or mask; the mask of a global edit is b''."""
        return self._value(column, row)

    def sha256(self, column: str, row: int) -> str:
        """Return the recorded checksum of a value, without reading the value."""
        return self._checksums[row].get(column, "")

    @cached_property
    def digest(self) -> str:
        """Digest of all rows, by their checksums."""
        return sha256(json.dumps(self._checksums, sort_keys=True))

    def _parse_provenance(self, row: int, value: bytes) -> dict[str, Any]:
        provenance = json.loads(value)
        check_provenance(provenance, f"{self.path}: {self.pair_ids[row]}")
        return provenance

    def _value(self, column: str, row: int) -> bytes:
        """Return one value's bytes after comparing them with their checksum; b'' if the format has no such column."""
        if column not in self._columns:
            return b""
        return self._check_value(column, row, self._hdf5(lambda file: file[column][row]))

    def _read_column(self, column: str) -> list[bytes]:
        """Return the values of all rows, as `_value` does, in one read."""
        if column not in self._columns:
            return [b""] * len(self)
        values = self._hdf5(lambda file: file[column][:])
        if len(values) != len(self):
            raise DamagedFile(self.path, f"{column} has {len(values)} rows, pair_id {len(self)}")
        return [self._check_value(column, row, value) for row, value in enumerate(values)]

    def _check_value(self, column: str, row: int, value: bytes | np.ndarray) -> bytes:
        value = value if isinstance(value, bytes) else value.tobytes()
        if sha256(value) != self.sha256(column, row):
            raise DamagedFile(self.path, f"{self.pair_ids[row]}: {column} does not match its checksum")
        return value

    def _hdf5(self, read: Callable[[h5py.File], Any]) -> Any:
        """Call `read` on the file. For invalid bytes h5py raises several kinds of errors, which become one."""
        try:
            return read(self._file)
        except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
            raise _unreadable(self.path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a failed read. HDF5 gives an error number only if the bytes cannot be read, not if they are
    invalid.
    """
    if getattr(error, "errno", None) is None and "errno" not in str(error):
        return DamagedFile(path, f"not a valid HDF5 file ({error})")
    return UserError(f"{path}: cannot be read: {error}")
