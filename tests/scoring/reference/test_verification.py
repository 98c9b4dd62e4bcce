"""Verification of a truth against the source by the reference judge: outline, name, foot, sky."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from omniedit.grounding.coco_detector import DetectedBox
from omniedit.grounding.places import looks_outdoors
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import decode_image
from omniedit.pairs import EditPair
from omniedit.scoring import Unscorable
from omniedit.scoring.reference import verification
from omniedit.scoring.reference.judge import score_pair
from omniedit.scoring.reference.measures import Comparison, ImageMeasures, Unmeasurable
from omniedit.scoring.reference.outlines import edge_support, ghost_share
from omniedit.scoring.reference.verification import (
    MIN_COLOUR_IOU,
    MIN_SALIENT_SHARE,
    colour_overlap,
    salient_share_inside,
    verify,
)
from omniedit.scoring.reference.visible_faults import quality
from omniedit.scoring.verdict import Score
from omniedit.sources.photo_index import SAMPLE
from omniedit.tasks import Task

SIDE = 256
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
BALL = np.hypot(ROWS - 110, COLUMNS - 120) < 60
BALL_BOX = [0.23, 0.2, 0.71, 0.67]


def ground(seed: int = 1, colour: tuple[int, int, int] = (150, 150, 150), contrast: float = 30) -> np.ndarray:
    grain = np.random.default_rng(seed).normal(0, contrast, (SIDE, SIDE)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.8)
    return np.clip(np.array(colour) + grain[..., None], 0, 255).astype(np.uint8)


def with_ball(image: np.ndarray, colour: tuple[int, int, int] = (190, 60, 50)) -> np.ndarray:
    return np.where(BALL[..., None], ground(7, colour), image).astype(np.uint8)


def edit(task: Task, source: np.ndarray, edited: np.ndarray, mask: np.ndarray, **truth: object) -> EditPair:
    truth = {"object": "ball", "box": BALL_BOX} | truth
    return EditPair("made", task, ("Do it.",), source, edited, mask, {"source_id": "made", "truth": truth})


def recolouring(mask: np.ndarray, **truth: object) -> EditPair:
    source = with_ball(ground())
    edited = np.where(mask[..., None], with_ball(ground(), (50, 60, 200)), source)
    wanted = {"attribute": "colour", "value": "blue", "lab_ab": [30.0, -70.0]}
    return edit(Task.ATTRIBUTE_MODIFICATION, source, edited, mask, **(wanted | truth))


def read(name: str) -> np.ndarray:
    return decode_image((SAMPLE / f"{name}.jpg").read_bytes(), name)


def test_part_of_an_object_is_not_accepted_as_its_outline() -> None:
    """Check half of a ball, and a ball with the floor next to it: their colours continue outside."""
    lab = ImageMeasures(with_ball(ground())).reduced
    upper, with_floor = BALL & (ROWS < 110), BALL | ((ROWS > 150) & (COLUMNS < 120))
    assert colour_overlap(lab, BALL) > 0.95
    assert max(colour_overlap(lab, upper), colour_overlap(lab, with_floor)) < MIN_COLOUR_IOU


def test_a_half_recoloured_object_is_unconfirmed_and_a_whole_one_accepted() -> None:
    whole = score_pair(recolouring(BALL))
    assert isinstance(whole, Score) and whole.o_score >= 9
    half = Comparison(recolouring(BALL & (ROWS < 110)))
    with pytest.raises(Unmeasurable, match="no outline of the ball confirms the mask"):
        verify(half, half.pair.provenance["truth"])


INSIDE_LEFT, INSIDE_RIGHT, ELSEWHERE = (0.25, 0.2, 0.45, 0.66), (0.48, 0.2, 0.7, 0.66), (0.75, 0.75, 1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "detected", "reason"),
    [
        ("ball", [("horse", INSIDE_LEFT), ("cow", INSIDE_RIGHT)], "the mask of the ball joins several objects"),
        ("ball", [("person", (0.1, 0.0, 0.8, 1.0))], "the mask of the ball is part of a person"),
        ("object", [("cup", ELSEWHERE)], "'the object' can mean several objects"),
        ("ball", [("cup", tuple(BALL_BOX)), ("cup", (0.75, 0.1, 1.0, 0.5))], "'the ball' can mean several objects"),
        ("ball", [("cup", tuple(BALL_BOX)), ("person", ELSEWHERE)], None),
    ],
    ids=["two objects", "a person", "another object", "another of its class", "one object beside a person"],
)
def test_a_mask_is_checked_against_detected_objects_unless_a_person_named_it(
    monkeypatch: pytest.MonkeyPatch, name: str, detected: list[tuple[str, FractionBox]], reason: str | None
) -> None:
    boxes = [DetectedBox(kind, 0.7, box) for kind, box in detected]
    monkeypatch.setattr("omniedit.scoring.reference.measures.detect_objects", lambda image: boxes)
    pair = recolouring(BALL, object=name)
    named = replace(pair, provenance=pair.provenance | {"named_objects": [name]})
    verify(Comparison(named), named.provenance["truth"])
    if reason is None:
        verify(Comparison(pair), pair.provenance["truth"])
        return
    with pytest.raises(Unmeasurable, match=reason):
        verify(Comparison(pair), pair.provenance["truth"])


def test_a_known_truth_is_not_verified() -> None:
    claimed = edit_with_a_wrong_name(known_truth=False)
    verdict = score_pair(claimed)
    assert isinstance(verdict, Unscorable) and "nothing confirms that the object is a banana" in verdict.reason
    assert isinstance(score_pair(edit_with_a_wrong_name(known_truth=True)), Score)


@pytest.mark.parametrize("about", [{"named_objects": ["Banana"]}, {"caption": "A banana, somewhat round"}])
def test_object_names_from_the_source_are_trusted(about: dict) -> None:
    claimed = edit_with_a_wrong_name(known_truth=False)
    assert isinstance(score_pair(replace(claimed, provenance={**claimed.provenance, **about})), Score)


def edit_with_a_wrong_name(known_truth: bool) -> EditPair:
    pair = recolouring(BALL, object="banana")
    return replace(pair, provenance={**pair.provenance, "known_truth": known_truth})


def test_the_boundary_of_a_new_sky_must_follow_edges() -> None:
    scene = np.where((ROWS < 100)[..., None], ground(2, (120, 160, 220)), ground(3, (60, 90, 40)))
    scene = cv2.GaussianBlur(scene.astype(np.uint8), (0, 0), 2)
    straight, wandering = (
        edit(Task.BACKGROUND_SWAP, scene, scene, height > ROWS)
        for height in (100, 100 + 30 * (np.abs(COLUMNS - 128) < 40))
    )
    supports = [edge_support(each.source.detail, each.detail_mask) for each in map(Comparison, (straight, wandering))]
    assert supports[0] > 0.95 > 0.75 > supports[1]
    truth = {"object": "field", "background": "a sky at sunset"}
    verify(Comparison(straight), truth)
    with pytest.raises(Unmeasurable, match="of the new sky's outline lies on an edge"):
        verify(Comparison(wandering), truth)


def test_an_object_whose_base_may_be_hidden_is_unconfirmed() -> None:
    """Compare the same ball on a calm ground and with crisp leaves around its foot."""
    calm = ground(1, (200, 200, 200)) // 8 + 150
    leafy = np.where((ROWS > 150)[..., None] & ~BALL[..., None], ground(4, (70, 130, 50), contrast=90), calm)
    swaps = {}
    for name, image in (("calm", calm), ("leafy", leafy)):
        seen = Comparison(edit(Task.BACKGROUND_SWAP, with_ball(image.astype(np.uint8)), calm, ~BALL))
        swaps[name] = seen, {"object": "ball", "background": "the sea"}
    verify(*swaps["calm"])
    with pytest.raises(Unmeasurable, match="may hide its base"):
        verify(*swaps["leafy"])


def test_the_mask_of_a_removal_must_cover_the_whole_salient_object() -> None:
    image = ImageMeasures(with_ball(ground()))
    assert salient_share_inside(image, np.hypot(ROWS - 110, COLUMNS - 120) < 66) > 0.9
    assert salient_share_inside(image, BALL & (ROWS < 130) & (COLUMNS < 100)) < MIN_SALIENT_SHARE
    assert salient_share_inside(image, np.zeros_like(BALL)) == 1


def test_colours_of_the_removed_object_in_the_hole_count_as_a_ghost() -> None:
    hole = np.hypot(ROWS - 110, COLUMNS - 120) < 68
    source, clean = with_ball(ground()), ground()
    patch = (np.abs(ROWS - 120) < 8) & (np.abs(COLUMNS - 120) < 8)
    stained = np.where(patch[..., None], source, clean)
    shares = []
    for edited in (clean, stained):
        seen = Comparison(edit(Task.OBJECT_REMOVAL, source, edited, hole))
        shares.append(ghost_share(seen.source.detail, seen.edited.detail, seen.detail_mask))
    assert shares[0] < 0.004 and 0.012 < shares[1] < 0.04
    verdicts = [score_pair(edit(Task.OBJECT_REMOVAL, source, edited, hole)) for edited in (clean, stained)]
    assert all(isinstance(verdict, Score) for verdict in verdicts)
    assert verdicts[0].o_score >= 9 > verdicts[1].o_score and "a faint trace" in verdicts[1].reasoning


def test_measurements_on_a_crop_match_the_whole_image() -> None:
    """Compare an image of two megapixels with the mask's surroundings alone."""
    source = np.ascontiguousarray(np.tile(with_ball(ground()), (6, 6, 1))[:1400, :1500])
    mask = np.zeros(source.shape[:2], bool)
    mask[SIDE : 2 * SIDE, SIDE : 2 * SIDE] = BALL
    edited = np.where(mask[..., None], cv2.GaussianBlur(source, (0, 0), 1.2), source)
    seen = Comparison(edit(Task.OBJECT_REMOVAL, source, edited, mask))
    whole = Comparison(seen.pair)
    whole.close_up = whole
    assert seen.close_up.mask.size < 0.3 * mask.size
    assert quality(seen).score == pytest.approx(quality(whole).score, abs=0.02)
    assert quality(seen).score < 9


def test_saliency_is_computed_once_for_a_pair_and_its_defects(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(verification, "saliency", lambda image: calls.append(1) or np.zeros(image.shape[:2]))
    verification._salient_region.cache_clear()
    for colour in ((190, 60, 50), (190, 60, 50), (60, 190, 50)):
        salient_share_inside(ImageMeasures(with_ball(ground(), colour)), BALL)
    assert len(calls) == 2
    verification._salient_region.cache_clear()


@pytest.mark.parametrize(
    ("name", "outdoors"),
    [("forest_stream", True), ("mountain_meadow", True), ("paint_brushes", False), ("wine_and_drum", False)],
)
def test_a_landscape_looks_outdoors_and_a_room_does_not(name: str, outdoors: bool) -> None:
    assert looks_outdoors(read(name)) is outdoors
