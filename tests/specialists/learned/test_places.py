"""Tests of places: where objects are put, how the canvas of an outpainting is laid out."""

from typing import Any

import numpy as np
import pytest

from omniedit.grounding.detector import Grounding, NotGrounded
from omniedit.imaging.morphology import bounding_box
from omniedit.instructions.edit_proposals.camera_classes import MovementProposal, RelationProposal, ResizeProposal
from omniedit.specialists.learned.outpainting import BORDER, extend
from omniedit.specialists.learned.rearrangement import ScaledPlace, choose_place, paste, place_mask, rim

ABOUT = {"instructions": ["Do it."], "object": "dog", "background": "a lawn"}


def block(left: int, top: int, right: int, bottom: int) -> Any:
    mask = np.zeros((100, 200), bool)
    mask[top:bottom, left:right] = True
    return mask


DOG = block(80, 60, 100, 90)


@pytest.mark.parametrize(
    ("direction", "box"),
    [
        ("left", (40, 60, 60, 90)),
        ("right", (120, 60, 140, 90)),
        ("up", (80, 40, 100, 70)),
    ],
)
def test_object_moves_by_its_distance(direction: Any, box: tuple[int, ...]) -> None:
    place = choose_place(DOG, MovementProposal(**ABOUT, direction=direction, distance=0.2))
    assert isinstance(place, ScaledPlace) and bounding_box(place_mask(DOG, place)) == box


def test_object_that_would_leave_the_image_is_not_placed() -> None:
    for proposal in (
        MovementProposal(**ABOUT, direction="down", distance=0.2),
        ResizeProposal(**(ABOUT | {"object": "tree"}), scale=2.0).model_copy(update={"scale": 4.0}),
    ):
        found = choose_place(DOG, proposal)
        assert isinstance(found, NotGrounded) and "would leave the image" in found.reason


def test_resized_object_keeps_the_middle_of_its_lower_edge() -> None:
    for scale in (0.5, 2.0):
        place = choose_place(DOG, ResizeProposal(**ABOUT, scale=scale))
        left, top, right, bottom = bounding_box(place_mask(DOG, place))
        assert (left + right, bottom) == (180, 90) and (right - left, bottom - top) == (20 * scale, 30 * scale)


@pytest.mark.parametrize(
    ("side", "box"),
    [
        ("left", (34, 50, 54, 80)),
        ("right", (96, 50, 116, 80)),
        ("above", (65, 10, 85, 40)),
    ],
)
def test_object_is_placed_by_its_anchor(side: Any, box: tuple[int, ...]) -> None:
    dog, chair = block(150, 60, 170, 90), Grounding((), 1.0, block(60, 40, 90, 80))
    place = choose_place(dog, RelationProposal(**ABOUT, anchor="chair", side=side), chair)
    assert isinstance(place, ScaledPlace) and bounding_box(place_mask(dog, place)) == box


def test_relation_without_its_anchor_gives_the_reason() -> None:
    missing = NotGrounded("no box for 'chair'")
    assert choose_place(DOG, RelationProposal(**ABOUT, anchor="chair", side="left"), missing) is missing


def test_pasted_object_keeps_its_pixels_and_the_scene_the_rest() -> None:
    rng = np.random.default_rng(0)
    image, scene = (rng.integers(0, 255, (100, 200, 3), np.uint8) for _ in range(2))
    pasted, placed = paste(image, DOG, scene, ScaledPlace(1.0, 10, 20))
    assert np.array_equal(pasted[placed], image[DOG]) and np.array_equal(pasted[~placed], scene[~placed])
    band = rim(placed)
    assert band.any() and (band & placed).any() and (band & ~placed).any()


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom", "all"])
def test_canvas_shows_the_photo_and_an_empty_border(side: str) -> None:
    image = np.random.default_rng(0).integers(128, 255, (80, 120, 3), np.uint8)
    canvas, border, box = extend(image, side)
    assert canvas.shape == image.shape and (canvas[border] == BORDER).all() and (canvas[~border] != BORDER).all()
    assert border.mean() == pytest.approx(1 - 0.75**2 if side == "all" else 0.25, abs=0.01)
    kept = canvas[~border].reshape(-1, 3)
    shown = {
        "left": image[:, :90],
        "right": image[:, 30:],
        "top": image[:60],
        "bottom": image[20:],
    }
    assert side == "all" or np.array_equal(kept, shown[side].reshape(-1, 3))
    assert box[0] == (0.25 if side == "left" else 0.125 if side == "all" else 0)
