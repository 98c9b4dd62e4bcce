"""Writer of shard files, one HDF5 file for the pairs of one task and shard, one row per pair.

`omniedit.pairs.columns` lists the columns of a row. `rejected_source` and `rejected_reason` list photos or rows that
do not suit the task, and the reasons. The file's attributes are task (the name of its folder), specialist, seed,
versions (JSON), format, and sha256, the checksum of the others. The same pairs give the same bytes.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from omniedit.imaging.images import Image, encode_png, pixels_sha256
from omniedit.pairs.checks import check_pair, check_sizes
from omniedit.pairs.columns import CHECKSUMS, COLUMNS_3, FORMAT, TEXT, sha256, to_row
from omniedit.pairs.pair import EditPair, EncodedPair, Rejection
from omniedit.plain_text import clean
from omniedit.storage.atomic import replace_file
from omniedit.tasks import Task

_ROWS = 16
"""Rows of a chunk, which are written together."""
_FILES = 16
"""Encoded images that stay in memory, about 2 MB each, because consecutive pairs alternate between a few source
photos."""


@dataclass
class ShardWriter:
    """Writer of a shard file, pair by pair. Only a few encoded pairs and images are in memory.

    >>> with replace_file(path) as temporary, ShardWriter(temporary, Task.OBJECT_SWAP, "embedded", seed=0) as writer:
    ...     writer.add(pair)

    Args:
        task: name of the shard's folder; each pair keeps its own task.
    """

    path: str | Path
    task: Task
    specialist: str
    seed: int
    versions: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> "ShardWriter":
        self._file = h5py.File(self.path, "w", libver="v110", track_order=True)
        for name, dtype in {**COLUMNS_3, CHECKSUMS: TEXT}.items():
            self._file.create_dataset(name, (0,), maxshape=(None,), chunks=(_ROWS,), dtype=dtype, track_times=False)
        self._waiting: list[dict[str, str | bytes]] = []
        self._rejections: list[Rejection] = []
        self._encoded: OrderedDict[str, bytes] = OrderedDict()
        return self

    def __exit__(self, exc_type: object, *_: object) -> None:
        if exc_type is None:
            self._write_rows()
            for column in ("source_id", "reason"):
                values = [getattr(rejection, column) for rejection in self._rejections]
                name = f"rejected_{column.removesuffix('_id')}"
                data = np.array(values, dtype=object)
                self._file.create_dataset(name, (len(values),), dtype=TEXT, data=data, track_times=False)
            about = {"format": FORMAT, "task": str(self.task), "specialist": self.specialist, "seed": self.seed}
            about["versions"] = json.dumps(self.versions, sort_keys=True)
            self._file.attrs.update({**about, CHECKSUMS: sha256(json.dumps(about, sort_keys=True))})
        self._file.close()

    def add(self, pair: EditPair | EncodedPair | Rejection) -> None:
        """Write a pair, or record a rejection. The image files of an `EncodedPair` are stored bit for bit.

        Raises:
            UserError: a value cannot be stored, or does not fit the schema of provenance; the message names it.
        """
        if isinstance(pair, Rejection):
            self.reject(pair)
            return
        check_pair(pair)
        if isinstance(pair, EncodedPair):
            check_sizes(pair)
        self._waiting.append(to_row(pair if isinstance(pair, EncodedPair) else pair.encode(self._encode)))
        if len(self._waiting) == _ROWS:
            self._write_rows()

    def _encode(self, image: Image) -> bytes:
        """Encode an image as PNG, or return the file of an equal image that was encoded recently."""
        key = pixels_sha256(image)
        if key not in self._encoded:
            self._encoded[key] = encode_png(image)
        self._encoded.move_to_end(key)
        if len(self._encoded) > _FILES:
            self._encoded.popitem(last=False)
        return self._encoded[key]

    def reject(self, rejection: Rejection) -> None:
        """Record a photo or row without a pair."""
        self._rejections.append(Rejection(clean(rejection.source_id), clean(rejection.reason)))

    def _write_rows(self) -> None:
        """Append the waiting rows to the columns."""
        rows, self._waiting = self._waiting, []
        for name in rows[0] if rows else ():
            column, values = self._file[name], [row[name] for row in rows]
            start = len(column)
            column.resize(start + len(rows), axis=0)
            if isinstance(values[0], str):
                column[start:] = np.array(values, object)
            else:  # h5py would stack arrays of equal length
                for place, value in enumerate(values, start):
                    assert isinstance(value, bytes)
                    column[place] = np.frombuffer(value, np.uint8)


def write_shard(
    path: str | Path,
    task: Task,
    specialist: str,
    seed: int,
    pairs: Sequence[EditPair | EncodedPair],
    rejections: Sequence[Rejection] = (),
    versions: dict[str, str] | None = None,
) -> None:
    """Write a whole shard file atomically."""
    with replace_file(path) as temporary, ShardWriter(temporary, task, specialist, seed, versions or {}) as writer:
        for outcome in (*pairs, *rejections):
            writer.add(outcome)
