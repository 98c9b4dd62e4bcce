"""Tests for plain ground around an object."""

import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.imaging.plain_ground import fill_from_ground, has_spots

HEIGHT, WIDTH = 160, 200


def make_ground() -> Image:
    """Return grey ground that becomes lighter from left to right."""
    light = 120 + 0.2 * np.arange(WIDTH) + np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH))
    return np.rint(light)[..., None].repeat(3, axis=2).astype(np.uint8)


def test_ground_with_a_thin_line_on_it_does_not_fill_a_hole() -> None:
    image, hole = make_ground(), np.zeros((HEIGHT, WIDTH), bool)
    hole[10:150, 10:50] = True
    image[70:74, 58:88] = 20
    filled = fill_from_ground(image, hole, np.zeros_like(hole))
    assert filled is not None
    assert np.abs(filled.astype(int) - make_ground())[hole].max() < 12


@pytest.mark.parametrize(("level", "is_spot"), [(20, True), (115, False)])
def test_a_cord_that_leads_away_from_an_object_is_a_spot_if_it_stands_out(level: int, is_spot: bool) -> None:
    image = make_ground()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    image[80:83, 100:] = level
    assert has_spots(image, np.hypot(rows - 80, columns - 90) < 40) is is_spot
