"""Tests of object swap on painted photos with known objects, and of harmonisation."""

import cv2
import numpy as np
import pytest

from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.harmonize import (
    CutOut,
    add_grain,
    contact_shadow,
    edge_blur,
    estimate_grain,
    relight,
    soften_edges,
)
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.embedded.object_sizes import relative_size
from omniedit.specialists.embedded.swap import ObjectSwap

HEIGHT, WIDTH = 320, 480
WALL, TABLE = (200, 205, 190), (95, 60, 30)
ON_TABLE: FractionBox = (0.4, 0.35, 0.6, 0.75)


def photo(
    source_id: str, name: str, colour: tuple[int, int, int], box: FractionBox = ON_TABLE, *, seed: int = 0
) -> Photo:
    """Return a photo of an ellipse that stands on a table in front of a wall."""
    image = np.full((HEIGHT, WIDTH, 3), WALL, np.float32)
    image[round(0.6 * HEIGHT) :] = TABLE
    x0, y0, x1, y1 = box[0] * WIDTH, box[1] * HEIGHT, box[2] * WIDTH, box[3] * HEIGHT
    centre, axes = (round((x0 + x1) / 2), round((y0 + y1) / 2)), (round((x1 - x0) / 2), round((y1 - y0) / 2))
    cv2.ellipse(image, centre, axes, 0, 0, 360, colour, cv2.FILLED, cv2.LINE_AA)
    image += np.random.default_rng(seed).normal(0, 3, image.shape)
    return Photo(source_id, np.clip(image, 0, 255).astype(np.uint8), "3x2", objects=(NamedObject(name, box),))


BALL = photo("a", "red ball", (200, 40, 40))
VASE = photo("b", "blue vase", (40, 60, 200), (0.3, 0.2, 0.6, 0.8), seed=1)


def swap_object(source: Photo, *donors: Photo, seed: int = 0) -> tuple[EditRequest, EditResult]:
    specialist = ObjectSwap(donors)
    request = specialist.propose(source, np.random.default_rng(seed))
    (edited,) = specialist.edit([request])
    assert isinstance(edited, EditResult) and edited.mask is not None
    return request, edited


def crop(image: Image, box: FractionBox) -> Image:
    x0, y0, x1, y1 = box
    middle = 0.25 * (x1 - x0), 0.25 * (y1 - y0)
    return image[
        round((y0 + middle[1]) * HEIGHT) : round((y1 - middle[1]) * HEIGHT),
        round((x0 + middle[0]) * WIDTH) : round((x1 - middle[0]) * WIDTH),
    ]


def test_new_object_stands_where_the_old_one_stood() -> None:
    request, edited = swap_object(BALL, BALL, VASE)
    assert (request.truth["object"], request.truth["new_object"]) == ("red ball", "blue vase")
    assert request.truth["box"] == pytest.approx(ON_TABLE, abs=0.02)
    new_box = request.truth["new_box"]
    assert new_box[3] == pytest.approx(request.truth["box"][3], abs=0.01)
    assert (new_box[0] + new_box[2]) / 2 == pytest.approx(0.5, abs=0.01)
    red, _, blue = crop(edited.image, new_box).reshape(-1, 3).mean(axis=0)
    assert blue > red + 60
    redness = edited.image[..., 0].astype(int) - edited.image[..., 1]
    assert redness.max() < 90, "part of the red ball is left"


def test_pixels_outside_the_mask_stay_unchanged() -> None:
    _, edited = swap_object(BALL, VASE)
    assert edited.mask is not None and edited.mask.mean() < 0.3
    assert np.array_equal(edited.image[~edited.mask], BALL.image[~edited.mask])


def test_edit_depends_only_on_the_random_generator() -> None:
    (first, second), (other, _) = (swap_object(BALL, VASE, seed=3) for _ in range(2)), swap_object(BALL, VASE, seed=4)
    assert np.array_equal(first[1].image, second[1].image) and first[0].instructions == second[0].instructions
    assert other.truth == first[0].truth


def test_instructions_name_both_objects() -> None:
    request, _ = swap_object(BALL, VASE)
    assert len(set(request.instructions)) == 4
    assert all("the red ball" in text and "a blue vase" in text for text in request.instructions)


@pytest.mark.parametrize(
    ("source", "donor"),
    [
        (BALL, photo("c", "green ball", (40, 160, 60))),
        (BALL, photo("c", "bead", (40, 60, 200), (0.45, 0.45, 0.5, 0.55))),
        (BALL, photo("c", "small vase", (40, 60, 200), (0.42, 0.5, 0.54, 0.68))),
        (BALL, photo("c", "object", (40, 60, 200))),
        (BALL, photo("c", "animal", (40, 60, 200))),
        (photo("d", "object", (200, 40, 40)), VASE),
        (photo("d", "bee", (200, 40, 40)), photo("c", "insect", (40, 60, 200))),
        (BALL, photo("c", "cut vase", (40, 60, 200), (-0.1, 0.3, 0.2, 0.75))),
        (BALL, photo("c", "left vase", (40, 60, 200))),
        (photo("d", "upper ball", (200, 40, 40)), VASE),
        (photo("d", "cut ball", (200, 40, 40), (0.85, 0.3, 1.1, 0.7)), VASE),
        (photo("d", "huge ball", (200, 40, 40), (0.1, 0.05, 0.9, 0.95)), VASE),
    ],
    ids=[
        "same kind",
        "tiny donor",
        "small donor",
        "unnamed donor",
        "donor of unknown size",
        "unnamed",
        "kind and noun",
        "cut donor",
        "one of several",
        "several",
        "cut",
        "huge",
    ],
)
def test_implausible_swap_is_skipped(source: Photo, donor: Photo) -> None:
    with pytest.raises(NotApplicable):
        ObjectSwap([source, donor]).propose(source, np.random.default_rng(0))


def test_each_swap_is_proposed_once() -> None:
    cup = photo("g", "green cup", (40, 160, 60), (0.3, 0.2, 0.6, 0.8), seed=2)
    specialist, rng = ObjectSwap([BALL, VASE, cup]), np.random.default_rng(0)
    assert {specialist.propose(BALL, rng).truth["new_object"] for _ in range(2)} == {"blue vase", "green cup"}
    with pytest.raises(NotApplicable, match="no further object"):
        specialist.propose(BALL, rng)


@pytest.mark.parametrize(("old", "new"), [("fig", "drum"), ("drum", "fig")])
def test_object_many_times_larger_in_life_is_not_a_replacement(old: str, new: str) -> None:
    source, donor = photo(f"e {old}", old, (200, 40, 40)), photo(f"f {new}", new, (40, 60, 200))
    with pytest.raises(NotApplicable):
        ObjectSwap([donor]).propose(source, np.random.default_rng(0))


def test_donor_too_thin_to_cover_the_hole_is_skipped() -> None:
    source = photo("h", "red ball", (200, 40, 40), (0.3, 0.2, 0.7, 0.8))
    vane = photo("i", "blue vane", (40, 60, 200), (0.1, 0.5, 0.9, 0.72))
    with pytest.raises(NotApplicable, match="fits in place"):
        ObjectSwap([vane]).propose(source, np.random.default_rng(0))


def test_relative_size_uses_the_last_word_except_for_compounds() -> None:
    assert relative_size("wine bottle", "stone table") == pytest.approx(0.25)
    assert relative_size("teddy bear", "bear") == pytest.approx(0.2)
    assert relative_size("gizmo", "drum") is None


def test_photo_without_objects_is_skipped() -> None:
    blank = Photo("e", np.full((HEIGHT, WIDTH, 3), 128, np.uint8), "3x2", objects=(NamedObject("haze"),))
    with pytest.raises(NotApplicable, match="no object stands out"):
        ObjectSwap([VASE]).propose(blank, np.random.default_rng(0))


def checkers(blur: float) -> Image:
    board = np.kron(np.indices((12, 12)).sum(axis=0) % 2, np.ones((24, 24))).astype(np.float32) * 180 + 40
    return np.repeat(cv2.GaussianBlur(board, (0, 0), blur)[..., None], 3, axis=2).astype(np.uint8)


EVERYWHERE: Mask = np.ones((288, 288), bool)


@pytest.mark.parametrize("blur", [1.2, 1.8, 2.5])
def test_edge_blur_is_estimated(blur: float) -> None:
    assert edge_blur(checkers(blur), EVERYWHERE) == pytest.approx(blur, rel=0.2)


@pytest.mark.parametrize("grain", [2.0, 6.0])
def test_grain_is_estimated(grain: float) -> None:
    noise = np.random.default_rng(0).normal(0, grain, (288, 288, 1)) + 128
    assert estimate_grain(np.repeat(noise, 3, axis=2).astype(np.float32), EVERYWHERE) == pytest.approx(grain, rel=0.1)


def test_sharp_clean_cutout_is_blurred_and_grained_like_its_surroundings() -> None:
    sharp = CutOut(checkers(0.6).astype(np.float32), np.ones((288, 288), np.float32))
    soft = soften_edges(sharp, 2.0)
    assert edge_blur(soft.colours, EVERYWHERE) == pytest.approx(2.0, rel=0.2)
    assert np.array_equal(soften_edges(soft, 0.8).colours, soft.colours)
    grainy = add_grain(soft, 5.0, np.random.default_rng(0))
    assert estimate_grain(grainy.colours, EVERYWHERE) == pytest.approx(5.0, rel=0.15)


def test_cutout_is_darkened_in_a_dark_place() -> None:
    piece = CutOut(np.full((40, 40, 3), 220, np.float32), np.ones((40, 40), np.float32))
    dark = np.random.default_rng(0).uniform(20, 60, (500, 3)).astype(np.float32)
    assert relight(piece, dark).colours.mean() < 0.75 * 220


def test_contact_shadow_lies_under_the_foot() -> None:
    alpha = np.zeros((200, 200), np.float32)
    alpha[40:160, 70:130] = 1
    shadow = contact_shadow(alpha, standing=True)
    _, top, _, bottom = bounding_box(shadow > 0.1)
    assert 140 < top < 160 < bottom < 180
    lying = contact_shadow(alpha, standing=False)
    assert lying[100, 60] > lying[100, 20] and lying.max() <= 1
