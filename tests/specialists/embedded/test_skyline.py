"""Tests of thin parts of a skyline: a spire belongs to the land, a cloud's gap and a bird do not."""

import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.specialists.embedded.skyline import find_thin_parts

HEIGHT, WIDTH = 200, 300
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
SKY = (ROWS < 120).astype(np.float32)
SPIRE = (ROWS >= 60) & (ROWS < 120) & (abs(COLUMNS - 100) < 2)


def skyline(part: np.ndarray, colour: tuple[int, int, int], sky: tuple[int, int, int] = (120, 165, 225)) -> Image:
    """Return land under a sky, with a part of another colour."""
    image = np.where(SKY[..., None] > 0, sky, (70, 60, 50))
    return np.where(part[..., None], colour, image).astype(np.uint8)


@pytest.mark.parametrize("sky", [(120, 165, 225), (245, 245, 248)])
def test_a_spire_on_the_land_is_found_up_to_its_tip(sky: tuple[int, int, int]) -> None:
    opacity = find_thin_parts(skyline(SPIRE, (60, 55, 50), sky), SKY)
    assert opacity[SPIRE].min() > 0.9
    assert opacity[(ROWS < 110) & ~SPIRE].max() < 0.1


def test_a_bird_in_the_sky_is_not_land() -> None:
    bird = (ROWS >= 30) & (ROWS < 36) & (abs(COLUMNS - 100) < 4)
    assert find_thin_parts(skyline(bird, (30, 30, 30)), SKY)[ROWS < 110].max() == 0


def test_blue_sky_in_a_gap_between_clouds_is_not_land() -> None:
    assert find_thin_parts(skyline(SPIRE, (90, 140, 215), (245, 245, 248)), SKY)[ROWS < 110].max() == 0


def test_a_photo_without_a_sky_has_no_skyline() -> None:
    assert not find_thin_parts(skyline(SPIRE, (60, 55, 50)), np.zeros_like(SKY)).any()
