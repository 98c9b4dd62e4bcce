"""Quality of the reference judge: marks of editing lower it."""

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest

from helpers.known_edits import SIDE, change_region, good_pairs, grass, pair, place, removal, score_edit, texture
from omniedit.scoring.reference.fields import lightness
from omniedit.scoring.reference.measures import Comparison, Region, fill_detail
from omniedit.scoring.reference.visible_faults import patches
from omniedit.tasks import Task


@pytest.mark.parametrize("place_of_smear", [np.s_[:, :70], np.s_[95:]])
def test_a_partly_smeared_fill_is_detected(place_of_smear: tuple[slice, ...] | slice) -> None:
    """Check a hole that is smooth on a third of its area, which leaves its median detail unchanged."""
    edit = removal("ball")
    assert edit.mask is not None
    where = np.zeros_like(edit.mask)
    where[place_of_smear] = True
    soft = cv2.GaussianBlur(edit.edited, (0, 0), 3)
    smeared = np.where((where & edit.mask)[..., None], soft, edit.edited)
    assert 0.2 < (where & edit.mask).sum() / edit.mask.sum() < 0.45
    added = pair(Task.OBJECT_ADDITION, smeared, edit.source, edit.mask, "Add a ball.", edit.provenance["truth"])
    assert score_edit(replace(edit, edited=smeared)).pq_score < 6 and score_edit(added).sc_score_1 < 6
    assert fill_detail(lightness(smeared), Region(edit.mask), unit=1).ratio > 0.8


def test_a_poor_fill_of_an_addition_is_attributed_to_the_source() -> None:
    """Check an object that is clearly visible, but whose place in the source has a blurred fill."""
    edit = good_pairs(Task.OBJECT_ADDITION)[0]
    soft = np.where(edit.mask[..., None], cv2.GaussianBlur(edit.source, (0, 0), 4), edit.source)
    poor, nothing = score_edit(replace(edit, source=soft)), score_edit(replace(edit, source=soft, edited=soft))
    assert 4 < poor.sc_score_1 < 8 and poor.o_score < 9 and "not added" not in poor.reasoning
    assert "The source image is smeared there." in poor.reasoning
    assert nothing.sc_score_1 == 0 and "was not added." in nothing.reasoning
    assert "source" not in score_edit(edit).reasoning


@pytest.mark.parametrize("is_patchy", [True, False])
def test_patches_of_the_old_colour_inside_a_recoloured_object_are_a_fault(is_patchy: bool) -> None:
    source = np.full((SIDE, SIDE, 3), 200, np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[20:100, 20:100] = True
    source[mask] = 10
    kept = np.zeros_like(mask)
    for row, column in product(range(30, 88, 8), repeat=2):
        kept[row : row + 4, column : column + 4] = is_patchy
    painted = mask & ~kept
    edited = np.where(painted[..., None], 90, source).astype(np.uint8)
    truth = {"object": "phone", "attribute": "colour", "value": "grey", "lab_ab": [0, 0], "box": [0.1, 0.1, 0.8, 0.8]}
    fault = patches(
        Comparison(pair(Task.ATTRIBUTE_MODIFICATION, source, edited, painted, "Make it grey.", truth), None)
    )
    assert fault.left == (pytest.approx(0.4) if is_patchy else 1.0)


def test_remains_of_an_object_are_detected() -> None:
    """Check a strip at the rim of the ball: after a removal, in the source of an addition, in the old colour."""
    inside = place("ball")
    strip = np.zeros_like(inside)
    strip[:, 88:] = True
    removed = removal("ball")
    ghost = np.where((inside & strip)[..., None], removed.source, removed.edited)
    rest = removed.mask & ~strip
    left = replace(removed, edited=ghost, mask=rest)
    assert score_edit(left).o_score < 9 and "spots of the object" in score_edit(left).reasoning
    truth = removed.provenance["truth"]
    added = pair(Task.OBJECT_ADDITION, ghost, removed.source, rest, "Add a ball.", truth)
    assert score_edit(added).o_score < 9 and "The source image already shows" in score_edit(added).reasoning
    in_a_photo = replace(added, provenance={**added.provenance, "truth": {**truth, "scene": "a photo without a fill"}})
    assert "The source image already shows" not in score_edit(in_a_photo).reasoning
    painted = good_pairs(Task.ATTRIBUTE_MODIFICATION)[0]
    half = np.where(strip[..., None], painted.source, painted.edited)
    partly = replace(painted, edited=half, mask=painted.mask & ~strip)
    assert score_edit(partly).o_score < 9 <= score_edit(painted).o_score


def disc(radius: float, softness: float) -> np.ndarray:
    """Return the (SIDE, SIDE) opacity of a ball that fades out over some pixels."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(rows - SIDE / 2, columns - SIDE / 2)
    return np.clip((radius - distance) / softness + 0.5, 0, 1).astype(np.float32)


def on_grey(opacity: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    shade = 130 + 0.3 * texture(5)
    return np.clip(shade[..., None] * (1 - opacity[..., None]) + np.array(colour) * opacity[..., None], 0, 255).astype(
        np.uint8
    )


def test_a_fluffy_object_recoloured_with_a_hard_edge_is_detected() -> None:
    down, ball, inside = disc(70, 60), disc(70, 2), disc(70, 1) > 0
    truth = {"object": "ball", "attribute": "colour", "value": "blue", "lab_ab": [30, -70], "box": (0.2, 0.2, 0.8, 0.8)}
    cut, solid = (
        pair(
            Task.ATTRIBUTE_MODIFICATION,
            source := on_grey(opacity, (215, 205, 190)),
            np.where(
                inside[..., None], on_grey(opacity if opacity is ball else np.ones_like(ball), (60, 60, 215)), source
            ),
            inside,
            "Make the ball blue.",
            truth,
        )
        for opacity in (down, ball)
    )
    assert score_edit(cut).o_score < 9 <= score_edit(solid).o_score
    assert "a hard edge around" in score_edit(cut).reasoning


def test_patches_of_the_old_background_are_detected() -> None:
    swap = good_pairs(Task.BACKGROUND_SWAP)[0]
    left = swap.edited.copy()
    patch = np.zeros((SIDE, SIDE), bool)
    patch[70:82, 108:126] = True
    left[patch] = swap.source[patch]
    assert score_edit(swap).o_score >= 9 > score_edit(replace(swap, edited=left)).o_score
    assert "spots of the old background" in score_edit(replace(swap, edited=left)).reasoning


def test_a_sky_boundary_without_an_edge_in_the_source_is_detected() -> None:
    field = on_grey(disc(500, 1), (150, 160, 170)) // 2 + grass(2) // 8
    smooth = (field * 0.45).astype(np.uint8)
    torn = smooth.copy()
    torn[:100, :140] = np.clip(torn[:100, :140].astype(int) + [10, 20, 90], 0, 255)
    assert score_edit(change_region("dusk", field, smooth)).pq_score > 9
    assert "hard edges in the new light" in score_edit(change_region("dusk", field, torn)).reasoning
