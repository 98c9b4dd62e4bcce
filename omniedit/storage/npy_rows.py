"""Rows of a .npy file, read at their offsets into memory that the caller provides."""

import os
from pathlib import Path

import numpy as np

from omniedit.errors import UserError


class NpyRows:
    """.npy file opened for reading; opening it reads only the header. Several threads may read at once.

    Args:
        dims: number of the last dimensions that make a row; the others number the rows.
        remedy: end of the error messages.

    Raises:
        UserError: the file cannot be opened or read, or is shorter than its header says.
    """

    def __init__(self, path: Path, dims: int, remedy: str) -> None:
        self.path, self._remedy = path, remedy
        try:
            self._file = path.open("rb", buffering=0)
            version = np.lib.format.read_magic(self._file)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, _, self.dtype = read_header(self._file)
        except (OSError, ValueError) as error:
            raise self._unreadable(str(error)) from None
        self.row_shape: tuple[int, ...] = shape[len(shape) - dims :]
        self._start, self._bytes = self._file.tell(), int(np.prod(self.row_shape)) * self.dtype.itemsize

    def read(self, row: int, out: np.ndarray) -> None:
        """Read a row into a contiguous array of its shape and type."""
        assert out.shape == self.row_shape and out.dtype == self.dtype and out.flags.c_contiguous
        target, done = out.reshape(-1).view(np.uint8).data, 0
        while done < self._bytes:
            try:
                count = os.preadv(self._file.fileno(), [target[done:]], self._start + row * self._bytes + done)
            except OSError as error:
                raise self._unreadable(str(error)) from None
            if not count:
                raise self._unreadable("it is shorter than its header says")
            done += count

    def _unreadable(self, problem: str) -> UserError:
        return UserError(f"{self.path}: cannot be read ({problem}); {self._remedy}")
