"""EditPair, the data type of every stage after synthesis, and its shard file `candidates/{task}/{shard}.h5`.

One HDF5 file holds the pairs of one task and shard, one row per pair, with images as encoded bytes:

    pair_id, instruction, source, edited, mask, provenance     as in `EditPair`; mask is empty for a global edit
    phrasings                                                   JSON list: `instruction` and its paraphrases
    sha256                                                      JSON: checksum of each of the row's other columns; the
                                                                file attribute of this name is that of the other
                                                                attributes
    refused_source, refused_reason                              photos that do not suit the task, and why

The file's attributes are task, specialist, seed, versions (JSON) and format. The same pairs give the same bytes.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from omniedit.errors import Damaged, UserError, missing
from omniedit.imaging.images import Image, Mask, decode_image, decode_mask, encode_mask, encode_png
from omniedit.plain_text import clean
from omniedit.storage.atomic import replace_file
from omniedit.tasks import Task

FORMAT = 2
_TEXT = h5py.string_dtype("utf-8")
_BYTES = h5py.vlen_dtype(np.uint8)
_COLUMNS = {
    "pair_id": _TEXT,
    "instruction": _TEXT,
    "source": _BYTES,
    "edited": _BYTES,
    "mask": _BYTES,
    "provenance": _TEXT,
    "phrasings": _TEXT,
}
_CHECKSUMS = "sha256"


@dataclass(frozen=True)
class EditPair:
    """Edit pair: source image, instruction and edited image.

    Args:
        pair_id: unique in a run, the same for the same seed (see `make_pair_id`).
        instructions: an instruction and its paraphrases; the first is the main one.
        source, edited: (H, W, 3) RGB of equal size.
        mask: (H, W), True where the edit may change pixels; None for a global edit.
        provenance: JSON values: source_id, licence, author, specialist, models, seed, and `truth`, the edit that the
            specialist intended (object, colour, style, ...), against which the reference judge measures.
    """

    pair_id: str
    task: Task
    instructions: tuple[str, ...]
    source: Image
    edited: Image
    mask: Mask | None
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        assert self.source.shape == self.edited.shape, (self.source.shape, self.edited.shape)
        assert self.mask is None or self.mask.shape == self.source.shape[:2]
        assert self.instructions

    @property
    def instruction(self) -> str:
        return self.instructions[0]


@dataclass(frozen=True)
class Refusal:
    """Photo that does not suit a task."""

    source_id: str
    reason: str


def make_pair_id(task: Task, source_id: str, seed: int, attempt: int) -> str:
    """Return `{task}-{source}-{attempt}-{8 hex digits}`: stable for a seed, readable, safe as a file name."""
    digest = hashlib.sha256(f"{task}|{source_id}|{seed}|{attempt}".encode()).hexdigest()[:8]
    safe = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in source_id)[:40]
    return f"{task}-{safe}-{attempt:02d}-{digest}"


@dataclass
class ShardWriter:
    """Writer of a shard file, pair by pair. It holds the shard's encoded pairs, never decoded ones.

    >>> with replace_file(path) as temporary, ShardWriter(temporary, Task.OBJECT_SWAP, "embedded", seed=0) as writer:
    ...     writer.add(pair)
    """

    path: str | Path
    task: Task
    specialist: str
    seed: int
    versions: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> "ShardWriter":
        self._file = h5py.File(self.path, "w", libver="v110", track_order=True)
        for name, dtype in {**_COLUMNS, _CHECKSUMS: _TEXT}.items():
            self._file.create_dataset(name, (0,), maxshape=(None,), chunks=(16,), dtype=dtype, track_times=False)
        self._refusals: list[Refusal] = []
        return self

    def __exit__(self, exc_type: object, *_: object) -> None:
        if exc_type is None:
            for column in ("source_id", "reason"):
                values = [getattr(r, column) for r in self._refusals]
                name = f"refused_{column.removesuffix('_id')}"
                data = np.array(values, dtype=object)
                self._file.create_dataset(name, (len(values),), dtype=_TEXT, data=data, track_times=False)
            about = {"format": FORMAT, "task": str(self.task), "specialist": self.specialist, "seed": self.seed}
            about["versions"] = json.dumps(self.versions, sort_keys=True)
            self._file.attrs.update({**about, _CHECKSUMS: _sha256(json.dumps(about, sort_keys=True))})
        self._file.close()

    def add(self, pair: EditPair) -> None:
        row: dict[str, Any] = {
            "pair_id": pair.pair_id,
            "instruction": clean(pair.instruction),
            "source": np.frombuffer(encode_png(pair.source), np.uint8),
            "edited": np.frombuffer(encode_png(pair.edited), np.uint8),
            "mask": np.frombuffer(b"" if pair.mask is None else encode_mask(pair.mask), np.uint8),
            "provenance": json.dumps(pair.provenance, sort_keys=True),
            "phrasings": json.dumps([clean(instruction) for instruction in pair.instructions]),
        }
        row[_CHECKSUMS] = json.dumps({name: _sha256(value) for name, value in row.items()}, sort_keys=True)
        for name, value in row.items():
            column = self._file[name]
            column.resize(column.shape[0] + 1, axis=0)
            column[-1] = value

    def refuse(self, refusal: Refusal) -> None:
        self._refusals.append(Refusal(refusal.source_id, clean(refusal.reason)))


def write_shard(
    path: str | Path,
    task: Task,
    specialist: str,
    seed: int,
    pairs: Sequence[EditPair],
    refusals: Sequence[Refusal] = (),
    versions: dict[str, str] | None = None,
) -> None:
    """Write a whole shard file atomically."""
    with (
        replace_file(path) as temporary,
        ShardWriter(temporary, task, specialist, seed, versions or {}) as writer,
    ):
        for pair in pairs:
            writer.add(pair)
        for refusal in refusals:
            writer.refuse(refusal)


class Shard:
    """Shard file opened for reading: a context manager, and a sequence of `EditPair` decoded on access.

    The last pair read stays decoded, for judges that read one pair several times; do not write to its arrays.

    Args:
        keeps_last: False where many shards stay open.

    Raises:
        Damaged: the file is not HDF5, is truncated, lacks a column or, on reading, a value does not match its checksum.
        UserError: the file is missing or cannot be read.
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
        except UserError:
            self._file.close()
            raise
        self._last: tuple[int, EditPair] | None = None

    def _read_about(self) -> None:
        """Read the file's attributes, pair ids and checksums."""
        about = self._hdf5(lambda file: dict(file.attrs))
        names = self._hdf5(set)
        if lacking := [name for name in (*_COLUMNS, _CHECKSUMS) if name not in names]:
            raise Damaged(self.path, f"not a candidate shard, it lacks {', '.join(lacking)}")
        about = {name: value.item() if isinstance(value, np.generic) else value for name, value in about.items()}
        if about.pop(_CHECKSUMS, None) != _sha256(json.dumps(about, sort_keys=True, default=str)):
            raise Damaged(self.path, "its attributes do not match their checksum")
        self.task, self.specialist = Task(about["task"]), about["specialist"]
        self.seed, self.versions = int(about["seed"]), json.loads(about["versions"])
        checksums = self._hdf5(lambda file: file[_CHECKSUMS][:])
        pair_ids = self._hdf5(lambda file: file["pair_id"][:])
        try:
            self._checksums: list[dict[str, str]] = [json.loads(checksum) for checksum in checksums]
            intact = all(row["pair_id"] == _sha256(id) for row, id in zip(self._checksums, pair_ids, strict=True))
        except (ValueError, KeyError, TypeError):
            intact = False
        if not intact:
            raise Damaged(self.path, "its pair ids do not match their checksums")
        self.pair_ids: list[str] = [pair_id.decode() for pair_id in pair_ids]

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
        last = self._last  # read once: another thread may change it
        if last is None or last[0] != row:
            self._last = last = (row, self._decode_row(row))
        return last[1]

    def _decode_row(self, row: int) -> EditPair:
        pair_id = self.pair_ids[row]
        where = f"{self.path}: {pair_id}"
        return EditPair(
            pair_id=pair_id,
            task=self.task,
            instructions=self.instructions(row),
            source=decode_image(self.encoded("source", row), f"{where}: source"),
            edited=decode_image(self.encoded("edited", row), f"{where}: edited"),
            mask=self.mask(row),
            provenance=self.provenance(row),
        )

    def mask(self, row: int) -> Mask | None:
        """Return a row's mask, or None for a global edit, without decoding its images."""
        encoded = self.encoded("mask", row)
        return decode_mask(encoded, f"{self.path}: {self.pair_ids[row]}: mask") if encoded else None

    def instructions(self, row: int) -> tuple[str, ...]:
        """Return a row's instruction and paraphrases, without decoding its images."""
        return tuple(json.loads(self._value("phrasings", row)))

    def provenance(self, row: int) -> dict[str, Any]:
        """Return a row's provenance, without decoding its images."""
        return json.loads(self._value("provenance", row))

    @property
    def refusals(self) -> list[Refusal]:
        names, reasons = self._hdf5(lambda file: (file["refused_source"][:], file["refused_reason"][:]))
        return [Refusal(n.decode(), r.decode()) for n, r in zip(names, reasons, strict=True)]

    def encoded(self, column: str, row: int) -> bytes:
        """Return a row's image as stored. `column` is source, edited or mask; the mask of a global edit is b''."""
        return self._value(column, row)

    def sha256(self, column: str, row: int) -> str:
        """Return the recorded checksum of a value, without reading the value."""
        return self._checksums[row].get(column, "")

    @cached_property
    def digest(self) -> str:
        """Digest of all rows, by their checksums."""
        return _sha256(json.dumps(self._checksums, sort_keys=True))

    def _value(self, column: str, row: int) -> bytes:
        """Return one value's bytes after comparing them with their checksum."""
        value = self._hdf5(lambda file: file[column][row])
        value = value if isinstance(value, bytes) else value.tobytes()
        if _sha256(value) != self.sha256(column, row):
            raise Damaged(self.path, f"{self.pair_ids[row]}: {column} does not match its checksum")
        return value

    def _hdf5(self, read: Callable[[h5py.File], Any]) -> Any:
        """Return what `read` takes from the file; h5py raises several kinds of errors for invalid bytes."""
        try:
            return read(self._file)
        except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
            raise _unreadable(self.path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a failed read. HDF5 gives an error number for unreadable bytes, none for invalid ones."""
    if getattr(error, "errno", None) is None and "errno" not in str(error):
        return Damaged(path, f"not a valid HDF5 file ({error})")
    return UserError(f"{path}: cannot be read: {error}")


def _sha256(value: str | bytes | np.ndarray) -> str:
    return hashlib.sha256(value.encode() if isinstance(value, str) else bytes(value)).hexdigest()
