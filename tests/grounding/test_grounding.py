"""Tests of the object mask of a difficult sample photo, and of small functions on masks and mattes."""

from pathlib import Path

import numpy as np

import omniedit
from omniedit.grounding.masks import box_mask, object_mask
from omniedit.imaging.images import Mask, decode_image
from omniedit.imaging.matting import alpha_matte
from omniedit.imaging.morphology import bounding_box, dilate, erode

SHAPE = (240, 320)


def disc(radius: int) -> Mask:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (columns - 160) ** 2 + (rows - 120) ** 2 <= radius**2


def overlap(first: Mask, second: Mask) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_mask_of_the_fig_excludes_bowl_and_shadow() -> None:
    """Find a fig in a red bowl, under hard shadows.

    The mask fills the fig's box and includes its middle, but not the bowl next to it or the shadow under its stem.
    """
    photo = Path(omniedit.__file__).parent / "sources" / "sample" / "fig_in_bowl.jpg"
    found = object_mask(decode_image(photo.read_bytes()), (0.35, 0.355, 0.79, 0.75))
    assert found is not None
    height, width = found.shape
    places = ((0.6, 0.55), (0.45, 0.7), (0.75, 0.72), (0.38, 0.514))
    assert [bool(found[round(y * height), round(x * width)]) for x, y in places] == [True, False, False, False]
    left, top, right, bottom = bounding_box(found)
    assert abs(right - left - 0.44 * width) < 0.03 * width and abs(bottom - top - 0.395 * height) < 0.03 * height


def test_erosion_ignores_the_image_border() -> None:
    assert erode(np.ones(SHAPE, bool), 7).all()


def test_boxes_convert_between_pixels_and_fractions() -> None:
    assert bounding_box(disc(60)) == (100, 60, 221, 181)
    mask = box_mask((0.25, 0.5, 0.75, 1.0), SHAPE)
    assert bounding_box(mask) == (80, 120, 240, 240) and mask.mean() == 0.25


def test_dilation_then_erosion_restores_a_disc() -> None:
    assert overlap(erode(dilate(disc(50), 9), 9), disc(50)) > 0.99


def test_matte_corrects_a_slightly_wrong_mask() -> None:
    image = np.where(disc(60)[..., None], 230, 20).repeat(3, axis=2).astype(np.uint8)
    alpha = alpha_matte(image, disc(57), radius=8)
    assert overlap(alpha > 0.5, disc(60)) > 0.99 > overlap(disc(57), disc(60))
