"""EditPair, what every stage after synthesis works on, and its shard file `candidates/{task}/{shard}.h5`.

One HDF5 file holds the pairs of one task and shard, a row a pair, pictures as encoded bytes:

    pair_id, instruction, source, edited, mask, provenance     as DESIGN.md says; mask is empty for a global edit
    phrasings                                                   JSON list: every wording of the instruction, the first
                                                                being `instruction`
    refused_source, refused_reason                              photos that did not suit the task, and why

The file's attributes hold task, specialist, seed, versions (JSON) and format. The same pairs give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from omniedit.errors import UserError
from omniedit.files import replaced
from omniedit.images import Image, Mask, decode_image, decode_mask, encode_mask, encode_png
from omniedit.tasks import Task

FORMAT = 1
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


@dataclass(frozen=True)
class EditPair:
    """One edit: a photo, what was asked, the edited photo.

    Args:
        pair_id: unique in a run, the same for the same seed (see `make_pair_id`).
        instructions: wordings of one instruction; the first is the one to train on.
        source, edited: (H, W, 3) RGB of equal size.
        mask: (H, W), True where the edit may change pixels; None for a global edit.
        provenance: JSON values: source_id, licence, author, specialist, models, seed, and `request`, what the
            specialist meant to do (object, colour, style, ...), the truth that the reference judge measures against.
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
    """A photo that did not suit a task."""

    source_id: str
    reason: str


def make_pair_id(task: Task, source_id: str, seed: int, attempt: int) -> str:
    """`{task}-{source}-{attempt}-{8 hex digits}`: stable for a seed, readable, safe as a file name."""
    digest = hashlib.sha256(f"{task}|{source_id}|{seed}|{attempt}".encode()).hexdigest()[:8]
    safe = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in source_id)[:40]
    return f"{task}-{safe}-{attempt:02d}-{digest}"


@dataclass
class ShardWriter:
    """Writes pairs to a shard file one by one; only encoded pairs of the shard are held, never decoded ones.

    >>> with replaced(path) as temporary, ShardWriter(temporary, Task.OBJECT_SWAP, "embedded", seed=0) as writer:
    ...     writer.add(pair)
    """

    path: str | Path
    task: Task
    specialist: str
    seed: int
    versions: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> "ShardWriter":
        self._file = h5py.File(self.path, "w", libver="v110", track_order=True)
        for name, dtype in _COLUMNS.items():
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
            self._file.attrs["format"] = FORMAT
            self._file.attrs["task"] = str(self.task)
            self._file.attrs["specialist"] = self.specialist
            self._file.attrs["seed"] = self.seed
            self._file.attrs["versions"] = json.dumps(self.versions, sort_keys=True)
        self._file.close()

    def add(self, pair: EditPair) -> None:
        row: dict[str, Any] = {
            "pair_id": pair.pair_id,
            "instruction": pair.instruction,
            "source": np.frombuffer(encode_png(pair.source), np.uint8),
            "edited": np.frombuffer(encode_png(pair.edited), np.uint8),
            "mask": np.frombuffer(b"" if pair.mask is None else encode_mask(pair.mask), np.uint8),
            "provenance": json.dumps(pair.provenance, sort_keys=True),
            "phrasings": json.dumps(pair.instructions),
        }
        for name, value in row.items():
            column = self._file[name]
            column.resize(column.shape[0] + 1, axis=0)
            column[-1] = value

    def refuse(self, refusal: Refusal) -> None:
        self._refusals.append(refusal)


def write_shard(
    path: str | Path,
    task: Task,
    specialist: str,
    seed: int,
    pairs: Sequence[EditPair],
    refusals: Sequence[Refusal] = (),
    versions: dict[str, str] | None = None,
) -> None:
    """Write a whole shard file, atomically."""
    with (
        replaced(path) as temporary,
        ShardWriter(temporary, task, specialist, seed, versions or {}) as writer,
    ):
        for pair in pairs:
            writer.add(pair)
        for refusal in refusals:
            writer.refuse(refusal)


class Shard:
    """A shard file opened for reading; a context manager, a sequence of `EditPair` decoded on access.

    The pair read last is kept decoded, for judges that look at one pair in several ways; do not write to its arrays.

    Raises:
        UserError: the file is missing, is not HDF5, is cut off, or lacks a column; the text names file and remedy.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        remedy = "delete it and run snakemake again to make it anew"
        try:
            self._file = h5py.File(self.path, "r")
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; ask snakemake for it by this name") from None
        except OSError as error:
            raise UserError(f"{path}: not a whole HDF5 file ({error}); {remedy}") from None
        missing = [name for name in _COLUMNS if name not in self._file]
        if missing or "task" not in self._file.attrs:
            self._file.close()
            raise UserError(f"{path}: not a candidate shard, it lacks {', '.join(missing) or 'task'}; {remedy}")
        self.task = Task(self._file.attrs["task"])
        self.specialist = str(self._file.attrs["specialist"])
        self.seed = int(self._file.attrs["seed"])
        self.versions: dict[str, str] = json.loads(self._file.attrs["versions"])
        self._last: tuple[int, EditPair] | None = None
        self.pair_ids: list[str] = [p.decode() for p in self._file["pair_id"][:]]

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
        if self._last is None or self._last[0] != row:
            self._last = (row, self._decoded(row))
        return self._last[1]

    def _decoded(self, row: int) -> EditPair:
        pair_id = self.pair_ids[row]
        where = f"{self.path}: {pair_id}"
        mask = self.encoded("mask", row)
        return EditPair(
            pair_id=pair_id,
            task=self.task,
            instructions=self.instructions(row),
            source=decode_image(self.encoded("source", row), f"{where}: source"),
            edited=decode_image(self.encoded("edited", row), f"{where}: edited"),
            mask=decode_mask(mask, f"{where}: mask") if mask else None,
            provenance=self.provenance(row),
        )

    def instructions(self, row: int) -> tuple[str, ...]:
        """All wordings of a row's instruction, without decoding its pictures."""
        return tuple(json.loads(self._file["phrasings"][row]))

    def provenance(self, row: int) -> dict[str, Any]:
        """A row's provenance, without decoding its pictures."""
        return json.loads(self._file["provenance"][row])

    @property
    def refusals(self) -> list[Refusal]:
        names, reasons = self._file["refused_source"][:], self._file["refused_reason"][:]
        return [Refusal(n.decode(), r.decode()) for n, r in zip(names, reasons, strict=True)]

    def encoded(self, column: str, row: int) -> bytes:
        """A row's picture as stored: `column` is source, edited or mask; b'' for the mask of a global edit."""
        return self._file[column][row].tobytes()
