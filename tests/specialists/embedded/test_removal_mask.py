from collections.abc import Callable

import numpy as np
import pytest

from omniedit.grounding.objects import FoundObject
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Mask
from omniedit.imaging.procedural_noise import Field
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.embedded.removal_mask import inpaint_mask, is_plain_around

SIDE = 200


def box(left: int, top: int, right: int, bottom: int) -> FractionBox:
    return left / SIDE, top / SIDE, right / SIDE, bottom / SIDE


def block(name: str, left: int, top: int, right: int, bottom: int) -> FoundObject:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return FoundObject(name, box(left, top, right, bottom), mask)


def hole(this: FoundObject, *objects: FoundObject, named: tuple[NamedObject, ...] = ()) -> Mask:
    return inpaint_mask(this, [this, *objects], Photo("a", np.zeros((SIDE, SIDE, 3), np.uint8), "1x1", objects=named))


MILL = block("mill", 50, 100, 90, 150)


def test_hole_is_the_object_plus_a_rim() -> None:
    rim = hole(MILL) & ~MILL.mask
    assert (hole(MILL) & MILL.mask).sum() == MILL.mask.sum()
    assert rim[98].any() and not rim[:95].any() and not rim[:, :45].any()


def test_hole_includes_parts_missed_by_the_outline_but_no_ground() -> None:
    """Check a coffee mill whose outline misses its crank at the upper right."""
    whole = hole(MILL, named=(NamedObject("mill", box(50, 70, 120, 150)),))
    assert whole[75, 115] and whole[120, 110]
    assert not whole[148, 110]


def test_slightly_wide_box_adds_nothing() -> None:
    assert np.array_equal(hole(MILL, named=(NamedObject("mill", box(48, 97, 92, 152)),)), hole(MILL))


def test_neighbours_stay_out_of_the_hole() -> None:
    glass, wide = block("glass", 92, 80, 120, 150), NamedObject("mill", box(50, 70, 130, 150))
    assert hole(MILL, named=(wide,))[85:135, 98:114].all()
    assert not hole(MILL, glass, named=(wide,))[85:135, 98:114].any()
    assert not hole(MILL, named=(wide, NamedObject("glass", glass.box)))[85:135, 93:119].any()
    tray = block("tray", 20, 80, 180, 180)
    assert np.array_equal(hole(MILL, tray), hole(MILL))


@pytest.mark.parametrize(
    ("paint", "is_plain"),
    [
        (lambda x, y, noise: 120 + noise, True),
        (lambda x, y, noise: 60 + 120 * y + noise, True),
        (lambda x, y, noise: np.where(y > 0.5, 60, 180) + noise, False),
        (lambda x, y, noise: np.where((x * 10).astype(int) % 2, 70, 150) + noise, False),
    ],
    ids=["grass", "gradient", "horizon", "stripes"],
)
def test_plain_surroundings_are_one_texture_or_gradient(
    paint: Callable[[Field, Field, Field], Field], is_plain: bool
) -> None:
    noise = np.random.default_rng(0).normal(0, 25, (4 * SIDE, 4 * SIDE))
    y, x = np.mgrid[0 : 4 * SIDE, 0 : 4 * SIDE] / (4 * SIDE)
    image = np.repeat(np.clip(paint(x, y, noise), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    middle = (abs(x - 0.5) < 0.2) & (abs(y - 0.5) < 0.2)
    assert is_plain_around(image, middle) is is_plain
