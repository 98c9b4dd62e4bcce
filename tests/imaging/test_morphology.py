"""Morphology of masks."""

import numpy as np

from omniedit.imaging.morphology import fill_holes


def test_fill_holes_fills_what_the_mask_encloses() -> None:
    ring = np.zeros((7, 7), bool)
    ring[1:6, 1:6] = True
    ring[2:5, 2:5] = False
    solid = np.zeros_like(ring)
    solid[1:6, 1:6] = True
    np.testing.assert_array_equal(fill_holes(ring), solid)
    ring[3, 5] = False  # a gap to the outside
    np.testing.assert_array_equal(fill_holes(ring), ring)
