"""Tests of movement and resize, and of the reference judge's checks of place, size and what is left behind."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.all_pairs import all_pairs
from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.images import Image
from omniedit.instructions.templates.movement_resize import (
    SHARES,
    TIMES,
    movement_instructions,
    parse_directions,
    parse_resizing,
    resize_instructions,
)
from omniedit.pairs import EditPair
from omniedit.scoring.reference import score_pair
from omniedit.scoring.verdict import Score
from omniedit.sources.photo import Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.embedded.cut_out_placement import is_lying
from omniedit.specialists.embedded.movement_resize import Movement, Resize

HEIGHT, WIDTH, RADIUS = 240, 360, 26
X, Y = 180, 120
rows, columns = np.ogrid[:HEIGHT, :WIDTH]
DISC = np.hypot(columns - X, rows - Y) < RADIUS


def table(spot: bool = False) -> Photo:
    """Return a photo of a striped disc on grainy ground, perhaps with a spot beside it that no outline holds."""
    rng = np.random.default_rng(0)
    image: Image = np.clip(rng.normal((150, 140, 120), 3, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    stripes = np.where((rows // 17 + columns * 0) % 2 == 0, 1.0, 0.0)[..., None]
    colours = stripes * np.array((200, 30, 40)) + (1 - stripes) * np.array((30, 40, 160))
    image[DISC] = np.clip(colours[DISC] + rng.normal(0, 3, (int(DISC.sum()), 3)), 0, 255)
    if spot:
        image[np.hypot(columns - X - 1.5 * RADIUS, rows - Y) < 7] = (20, 20, 20)
    return Photo("table", image, "3x2", sha256=f"table {spot}")


class Disc(ObjectIndex):
    """Index of the disc alone."""

    def find(self, photo: Photo, crowds: bool = False) -> tuple[FoundObject, ...]:
        box = ((X - RADIUS) / WIDTH, (Y - RADIUS) / HEIGHT, (X + RADIUS) / WIDTH, (Y + RADIUS) / HEIGHT)
        return (FoundObject("ball", box, DISC),)


@pytest.fixture(scope="module")
def moved_pairs() -> list[EditPair]:
    return all_pairs(Movement(Disc()), table())


@pytest.fixture(scope="module")
def resized_pairs() -> list[EditPair]:
    return all_pairs(Resize(Disc()), table())


def find_disc(image: Image) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of all that is red or blue, as fractions."""
    spread = image.astype(int).max(axis=2) - image.astype(int).min(axis=2) > 70
    found = np.nonzero(spread)
    height, width = spread.shape
    return (
        found[1].min() / width,
        found[0].min() / height,
        (found[1].max() + 1) / width,
        (found[0].max() + 1) / height,
    )


def success(pair: EditPair) -> float:
    verdict = score_pair(pair)
    assert isinstance(verdict, Score), verdict
    return verdict.sc_score_1


def with_truth(pair: EditPair, **values: object) -> EditPair:
    return replace(pair, provenance={**pair.provenance, "truth": {**pair.provenance["truth"], **values}})


def test_object_is_at_its_recorded_place_before_and_after(
    moved_pairs: list[EditPair], resized_pairs: list[EditPair]
) -> None:
    assert {pair.provenance["truth"]["direction"] for pair in moved_pairs} == {"left", "right", "up", "down"}
    assert len({pair.provenance["truth"]["scale"] for pair in resized_pairs}) == 6
    for pair in (*moved_pairs, *resized_pairs):
        truth = pair.provenance["truth"]
        assert np.allclose(find_disc(pair.source), truth["box"], atol=0.012), truth
        assert np.allclose(find_disc(pair.edited), truth["new_box"], atol=0.012), truth


def test_nothing_changes_outside_the_mask_and_the_photo_is_one_side(
    moved_pairs: list[EditPair], resized_pairs: list[EditPair]
) -> None:
    photo = table().image
    for pair in (*moved_pairs, *resized_pairs):
        assert pair.mask is not None and (pair.source[~pair.mask] == pair.edited[~pair.mask]).all()
        assert (pair.source == photo).all() or (pair.edited == photo).all()


def test_judge_accepts_each_pair(moved_pairs: list[EditPair], resized_pairs: list[EditPair]) -> None:
    for pair in (*moved_pairs, *resized_pairs):
        verdict = score_pair(pair)
        assert isinstance(verdict, Score) and verdict.o_score >= 9, (pair.instruction, verdict)


@pytest.mark.parametrize("spoil", ["elsewhere", "ghost", "gone", "unmoved", "another way"])
def test_judge_rejects_a_planted_fault_of_a_movement(moved_pairs: list[EditPair], spoil: str) -> None:
    pair = next(pair for pair in moved_pairs if (pair.source == table().image).all())
    across = pair.provenance["truth"]["direction"] in ("left", "right")
    left, top, right, bottom = (
        round(edge * side) for edge, side in zip(pair.provenance["truth"]["box"], (WIDTH, HEIGHT) * 2, strict=True)
    )
    edited = pair.edited.copy()
    if spoil == "elsewhere":
        edited = np.roll(edited, 30, axis=0 if across else 1)
    if spoil == "ghost":
        edited[top:bottom, left:right] = pair.source[top:bottom, left:right]
    if spoil == "gone":
        edited = np.where(
            np.ptp(pair.edited.astype(int), axis=2, keepdims=True) > 50,
            np.array([[[150, 140, 120]]], np.uint8),
            pair.edited,
        )
    spoiled = replace(pair, edited=pair.source if spoil == "unmoved" else edited)
    if spoil == "another way":
        spoiled = replace(pair, instructions=movement_instructions("ball", "up" if across else "left", _rng()))
    assert success(spoiled) < 4, spoil


def test_judge_rejects_another_size_than_the_instruction_states(resized_pairs: list[EditPair]) -> None:
    half = next(pair for pair in resized_pairs if pair.provenance["truth"]["scale"] == 0.5)
    three_quarters = next(pair for pair in resized_pairs if pair.provenance["truth"]["scale"] == 0.75)
    assert success(replace(half, instructions=("Make the ball larger.",))) < 4
    assert success(replace(half, edited=three_quarters.edited)) < 4, "the object does not fill its new box"
    wrong = with_truth(half, scale=0.75, new_box=three_quarters.provenance["truth"]["new_box"])
    assert success(replace(wrong, instructions=("Make the ball smaller.",))) < 4
    assert success(replace(half, instructions=("Scale the ball down to three quarters of its size.",))) < 4


def test_an_object_with_a_part_outside_its_outline_is_not_placed() -> None:
    for specialist in (Movement(Disc()), Resize(Disc())):
        with pytest.raises(NotApplicable, match=r"outside its outline|not plain"):
            specialist.propose(table(spot=True), _rng())


def test_an_object_on_uneven_ground_is_not_placed() -> None:
    photo, noise = table(), np.random.default_rng(1).integers(0, 255, (HEIGHT // 12, WIDTH // 12, 3), np.uint8)
    uneven = np.where(DISC[..., None], photo.image, np.kron(noise, np.ones((12, 12, 1), np.uint8)))
    with pytest.raises(NotApplicable, match="not plain"):
        Movement(Disc()).propose(replace(photo, image=uneven, sha256="uneven"), _rng())


@pytest.mark.parametrize("direction", ["left", "right", "up", "down"])
def test_movement_instructions_say_one_direction_in_several_wordings(direction: str) -> None:
    texts = {text for seed in range(10) for text in movement_instructions("left shoe", direction, _rng(seed))}
    assert len(texts) >= 5
    assert all(parse_directions(text, "left shoe") == {direction} for text in texts)


@pytest.mark.parametrize("scale", [*SHARES, *TIMES])
def test_resize_instructions_say_the_way_and_no_other_factor(scale: float) -> None:
    texts = {text for seed in range(10) for text in resize_instructions("cup", scale, _rng(seed))}
    assert len(texts) >= 5
    for text in texts:
        way, stated = parse_resizing(text)
        assert way == {"larger" if scale > 1 else "smaller"} and stated in (None, scale), text


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("below", "lies"), [(150, True), (132, False)])
def test_an_object_before_another_surface_than_the_one_below_it_does_not_lie(below: int, lies: bool) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    image[Y:] = below
    assert is_lying(image, DISC) is lies
