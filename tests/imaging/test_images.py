"""What is computed of an image does not depend on where in memory it lies."""

import numpy as np
import pytest
from numpy.typing import NDArray

from omniedit.imaging.images import vector_length
from omniedit.scoring.student.inputs import StudentInputs, student_inputs

OFFSETS = range(0, 64, 4)


def at_offset(array: NDArray, offset: int) -> NDArray:
    """Return a copy that starts `offset` bytes into its buffer."""
    buffer = np.empty(array.nbytes + offset, np.uint8)
    copy: NDArray = buffer[offset:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def test_lengths_are_the_same_wherever_the_image_lies() -> None:
    x, y = np.random.default_rng(0).random((2, 64, 64), np.float32) * 100
    lengths = [vector_length(at_offset(x, offset), at_offset(y, offset)) for offset in OFFSETS]
    assert len({length.tobytes() for length in lengths}) == 1


def test_vector_length() -> None:
    assert vector_length(np.float32([[3, 0]]), np.float32([[4, -2]])).tolist() == [[5, 2]]


@pytest.mark.parametrize("same_edit", [True, False])
def test_views_of_pairs_in_turn_equal_views_of_each(same_edit: bool) -> None:
    rng = np.random.default_rng(1)
    first, second, third = (rng.integers(0, 256, (90, 120, 3), np.uint8) for _ in range(3))
    views_of = StudentInputs(32)
    for source, edited in ((first, second), (first, second if same_edit else third), (third, second), (first, second)):
        np.testing.assert_array_equal(views_of(source, edited), student_inputs(source, edited, 32))
