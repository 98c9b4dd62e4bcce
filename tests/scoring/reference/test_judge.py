"""Reference judge: accepts a good edit and recognises every known defect of it."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from helpers.known_edits import SIDE, change_region, good_pairs, grass, pair, removal, score_edit
from omniedit.imaging.images import Image
from omniedit.scoring import Unscorable, load_judge
from omniedit.scoring.reference import judge as judge_module
from omniedit.scoring.reference.fields import grow, lightness
from omniedit.scoring.reference.judge import SOURCES_KEPT, ReferenceJudge, score_pair
from omniedit.scoring.reference.measures import Comparison, ImageMeasures, Region
from omniedit.scoring.verdict import Score
from omniedit.tasks import OMNIEDIT_TASKS, Task


def test_a_colour_is_compared_with_its_target() -> None:
    edit = good_pairs(Task.ATTRIBUTE_MODIFICATION)[0]
    truth = edit.provenance["truth"]
    asked_red = replace(edit, provenance={"source_id": "made", "truth": truth | {"lab_ab": [60, 40], "value": "red"}})
    assert score_edit(asked_red).sc_score_1 < 2 < score_edit(edit).sc_score_1


def test_overall_score_is_the_geometric_mean_of_consistency_and_quality() -> None:
    assert Score(8, 2, 4.5).o_score == pytest.approx(3.0)
    assert Score(10, 10, 0).o_score == 0


def test_scores_do_not_depend_on_the_image_size() -> None:
    edit = removal("ball")
    double = replace(
        edit,
        source=cv2.resize(edit.source, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
        edited=cv2.resize(edit.edited, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
        mask=np.kron(edit.mask, np.ones((2, 2))) > 0,
    )
    assert score_edit(double).sc_score_1 == pytest.approx(score_edit(edit).sc_score_1, abs=1)


@pytest.mark.parametrize(("side", "least", "most"), [(0.02, 9.5, 10.0), (0.06, 7.5, 8.9), (0.12, 4.0, 6.5)])
def test_a_replaced_area_outside_the_edit_is_penalised_by_its_size(side: float, least: float, most: float) -> None:
    edit, pixels = removal("ball"), round(side * SIDE)
    assert not edit.mask[-pixels - 4 :, -pixels - 4 :].any() and score_edit(edit).sc_score_2 > 9.5
    edited = edit.edited.copy()
    edited[-pixels:, -pixels:] = (200, 40, 160)
    score = score_edit(replace(edit, edited=edited))
    assert least <= score.sc_score_2 <= most, score.reasoning


@pytest.mark.parametrize(
    ("provenance", "reason"),
    [({}, "no truth"), ({"truth": {}}, "lacks 'box'"), ({"truth": {"object": "cat"}}, "'box'")],
)
def test_a_pair_without_its_truth_is_unscorable(provenance: dict, reason: str) -> None:
    (verdict,) = load_judge("reference").judge([replace(removal("ball"), provenance=provenance)])
    assert isinstance(verdict, Unscorable)
    assert reason in verdict.reason


def test_a_local_edit_without_a_mask_is_unscorable() -> None:
    (verdict,) = load_judge("reference").judge([replace(removal("ball"), mask=None)])
    assert isinstance(verdict, Unscorable)


BLACK, GREY = np.zeros((SIDE, SIDE, 3), np.uint8), np.full((SIDE, SIDE, 3), 128, np.uint8)


@pytest.mark.parametrize(
    ("source", "environments", "reason"),
    [
        (BLACK, ("night", "dusk"), "the source is black"),
        (BLACK, ("overcast", "fog", "rain"), "the source has only one lightness"),
        (GREY, ("overcast", "fog", "rain"), "the source has only one lightness"),
    ],
)
def test_a_source_without_evidence_to_compare_is_unscorable(
    source: np.ndarray, environments: tuple[str, ...], reason: str
) -> None:
    for environment in environments:
        verdict = score_pair(change_region(environment, source, grass(1)))
        assert isinstance(verdict, Unscorable) and reason in verdict.reason


@pytest.mark.parametrize("kind", ["rain", "snow", "fog", "night", "dusk", "golden_hour", "overcast", "autumn"])
def test_weather_in_a_room_is_unscorable(kind: str) -> None:
    rain = change_region(kind, grass(1), grass(3, (60, 80, 120)))
    for caption in ("", "A drum in a room with a view of the sea"):
        verdict = score_pair(replace(rain, provenance={**rain.provenance, "caption": caption}))
        assert isinstance(verdict, Unscorable) and "taken outdoors" in verdict.reason


def test_a_new_sky_for_a_source_without_sky_is_unscorable() -> None:
    swap = good_pairs(Task.BACKGROUND_SWAP)[0]
    truth = {"object": "landscape", "background": "a dark, stormy sky", "background_source_id": ""}
    verdict = score_pair(replace(swap, provenance={"truth": truth}))
    assert isinstance(verdict, Unscorable) and "no sky" in verdict.reason


def test_a_grey_photo_need_not_get_paler() -> None:
    photo = np.repeat(lightness(grass(1))[..., None] * 2.55, 3, axis=2).astype(np.uint8)
    fog = (photo * 0.4 + 130).astype(np.uint8)
    assert score_edit(change_region("fog", photo, fog)).sc_score_1 == 10
    assert score_edit(change_region("fog", photo, np.clip(fog + [40, 0, 0], 0, 255).astype(np.uint8))).sc_score_1 == 0


def test_an_image_without_structure_does_not_show_rain() -> None:
    assert score_edit(change_region("rain", grass(1), GREY)).sc_score_1 == 0


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("box", None, "has box None"),
        ("box", [0.1, 0.5, 0.4, 0.5], "has box"),
        ("box", [0.1, 0.2, 0.4], "has box"),
        ("new_box", [1.2, 0.2, 1.4, 0.5], "has new_box"),
        ("object", 7, "has object 7, not a text"),
    ],
)
def test_an_unusable_truth_is_unscorable(key: str, value: object, message: str) -> None:
    swap = good_pairs(Task.OBJECT_SWAP)[0]
    verdict = score_pair(replace(swap, provenance={"truth": swap.provenance["truth"] | {key: value}}))
    assert isinstance(verdict, Unscorable) and message in verdict.reason


def test_a_new_light_over_a_sky_in_two_parts_is_unscorable() -> None:
    rng = np.random.default_rng(0)
    source = np.empty((300, 450, 3))
    source[:130], source[130:] = (110, 160, 225), (80, 125, 50)
    wall = np.zeros((300, 450), bool)
    wall[60:85, 90:], wall[85:130, 90:150], wall[85:130, 360:] = True, True, True
    source[130:] += rng.normal(0, 22, (170, 450, 1))
    split = source.copy()
    split[wall] = (80, 125, 50) + rng.normal(0, 22, (int(wall.sum()), 1))
    whole, separated = (
        np.clip(each + rng.normal(0, 1, each.shape), 0, 255).astype(np.uint8) for each in (source, split)
    )
    night = replace(
        removal("ball"), task=Task.ENVIRONMENT_CHANGE, mask=None, provenance={"truth": {"environment": "night"}}
    )
    verdicts = [score_pair(replace(night, source=image, edited=image // 4)) for image in (whole, separated)]
    assert isinstance(verdicts[0], Score)
    assert isinstance(verdicts[1], Unscorable) and "separates a part of the sky" in verdicts[1].reason


@pytest.mark.parametrize("truth", ["night", {"environment": ["night"]}])
def test_a_malformed_truth_is_unscorable(truth: object) -> None:
    verdict = score_pair(replace(change_region("night", GREY, BLACK), provenance={"truth": truth}))
    assert isinstance(verdict, Unscorable)


def test_a_box_is_clipped_to_the_image() -> None:
    seen = Comparison(removal("ball"))
    assert np.array_equal(seen.box((-0.5, -0.1, 0.5, 1.2)), seen.box((0.0, 0.0, 0.5, 1.0)))


@pytest.mark.parametrize("task", list(OMNIEDIT_TASKS))
def test_blank_images_and_masks_of_any_size_raise_no_error(task: Task) -> None:
    images, truth = [BLACK, GREY, BLACK + 255, grass(1)], good_pairs(task)[0].provenance["truth"]
    dot, everywhere = np.zeros((SIDE, SIDE), bool), np.ones((SIDE, SIDE), bool)
    dot[50, 50] = True
    for source, edited, mask in itertools.product(
        (image[:48, :64] for image in images), images, (dot, everywhere, ~everywhere)
    ):
        shown = mask[:48, :64] if task.is_local else None
        verdict = score_pair(pair(task, source, edited[:48, :64], shown, "Do it.", truth))
        if not isinstance(verdict, Unscorable):
            assert 0 <= verdict.o_score <= 10


def test_cached_source_measurements_do_not_change_scores() -> None:
    judge, edit = ReferenceJudge(), removal("ball")
    worse = [replace(edit, edited=cv2.GaussianBlur(edit.edited, (0, 0), sigma)) for sigma in (1, 4)]
    other = replace(edit, source=np.ascontiguousarray(edit.source[:, ::-1]))
    for seen in (edit, *worse, other, edit):
        assert judge.judge([seen]) == [score_pair(seen)]


@pytest.mark.parametrize("pixels", [-6, -1, 0, 1, 9])
def test_a_region_grows_like_its_mask(pixels: int) -> None:
    dot, everywhere = np.zeros((40, 60), bool), np.ones((40, 60), bool)
    dot[10:18, 20:33] = True
    for mask in (dot, everywhere, ~everywhere, ~dot):
        region = Region(mask)
        assert np.array_equal(region.grown(pixels), grow(mask, pixels))
        assert np.array_equal(region.ring(pixels, pixels + 3), grow(mask, pixels + 3) & ~grow(mask, pixels))


def test_alternating_sources_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement: list[Image] = []

    class Counted(ImageMeasures):
        def __init__(self, image: Image) -> None:
            super().__init__(image)
            measurement.append(image)

    monkeypatch.setattr(judge_module, "ImageMeasures", Counted)
    judge = ReferenceJudge()
    sources = [np.full((8, 8, 3), level, np.uint8) for level in range(SOURCES_KEPT + 1)]
    for source in (*sources[:-1], *(source.copy() for source in sources[:-1])):
        judge._image(source)
    assert len(measurement) == SOURCES_KEPT
    judge._image(sources[-1])
    judge._image(sources[0])
    assert len(measurement) == SOURCES_KEPT + 2
