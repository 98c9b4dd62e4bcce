"""Tests of the filters."""

import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.filters import vector_length

OFFSETS = range(0, 64, 4)


def at_offset(array: NDArray, offset: int) -> NDArray:
    """Return a copy that starts `offset` bytes into its buffer."""
    buffer = np.empty(array.nbytes + offset, np.uint8)
    copy: NDArray = buffer[offset:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def test_vector_length_does_not_depend_on_memory_alignment() -> None:
    x, y = np.random.default_rng(0).random((2, 64, 64), np.float32) * 100
    lengths = [vector_length(at_offset(x, offset), at_offset(y, offset)) for offset in OFFSETS]
    assert len({length.tobytes() for length in lengths}) == 1


def test_vector_length_matches_exact_values() -> None:
    assert vector_length(np.float32([[3, 0]]), np.float32([[4, -2]])).tolist() == [[5, 2]]
