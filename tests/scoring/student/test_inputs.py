"""Tests of the student's input images."""

import numpy as np
import pytest

from omniedit.scoring.student.inputs import StudentInputs, student_inputs


@pytest.mark.parametrize("same_edit", [True, False])
def test_cached_views_equal_views_of_each_pair(same_edit: bool) -> None:
    rng = np.random.default_rng(1)
    first, second, third = (rng.integers(0, 256, (90, 120, 3), np.uint8) for _ in range(3))
    views_of = StudentInputs(32)
    for source, edited in ((first, second), (first, second if same_edit else third), (third, second), (first, second)):
        np.testing.assert_array_equal(views_of(source, edited), student_inputs(source, edited, 32))
