"""Reference judge: accepts a good edit and recognises every known defect of it."""

import itertools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import Image, decode_image, resize_cover
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring import Unscorable, load_judge
from omniedit.scoring.reference import judge as judge_module
from omniedit.scoring.reference.fields import grow, lightness
from omniedit.scoring.reference.judge import SOURCES_KEPT, ReferenceJudge, score_pair
from omniedit.scoring.reference.measures import Comparison, ImageMeasures, Region, fill_detail
from omniedit.scoring.student import defects
from omniedit.scoring.student.defects import DEFECTS, apply_defect
from omniedit.scoring.verdict import Score
from omniedit.sources.index import SAMPLE
from omniedit.specialists.embedded.style import STYLES
from omniedit.tasks import OMNIEDIT_TASKS, Task

SIDE = 256
NOT_OF: dict[Task, set[str]] = {task: set() for task in OMNIEDIT_TASKS} | {
    Task.ATTRIBUTE_MODIFICATION: {"seam"},
    Task.BACKGROUND_SWAP: {"seam", "wrong_instruction"},
    Task.ENVIRONMENT_CHANGE: {"wrong_place", "seam"},
    Task.STYLE_TRANSFER: {"wrong_place", "seam"},
}
"""Defects that a task does not have."""
WITH_DEGREES = ("over_editing", "blur", "noise", "blocks", "seam")
BOXES = {"ball": (0.15, 0.2, 0.45, 0.5), "cube": (0.55, 0.45, 0.85, 0.75)}


def grass(seed: int, colour: tuple[int, int, int] = (90, 140, 70)) -> np.ndarray:
    """Return a textured ground with nothing on it."""
    return np.clip(np.array(colour) + texture(seed)[..., None], 0, 255).astype(np.uint8)


def texture(seed: int) -> np.ndarray:
    """Return (SIDE, SIDE) crisp grain."""
    grain = np.random.default_rng(seed).normal(0, 40, (SIDE, SIDE)).astype(np.float32)
    return cv2.GaussianBlur(grain, (0, 0), 0.8)


def place(name: str, margin: float = 0.0) -> np.ndarray:
    """Return the mask of an object's ellipse, grown by `margin` of its size."""
    left, top, right, bottom = (round(edge * SIDE) for edge in BOXES[name])
    mask = np.zeros((SIDE, SIDE), np.uint8)
    centre, axes = ((left + right) // 2, (top + bottom) // 2), ((right - left) // 2, (bottom - top) // 2)
    cv2.ellipse(mask, centre, tuple(round(a * (1 + margin)) for a in axes), 0, 0, 360, 1, -1)
    return mask > 0


def with_object(image: np.ndarray, name: str, colour: tuple[int, int, int], across: bool = False) -> np.ndarray:
    """Draw a shaded, striped object on the ground."""
    ys, xs = np.mgrid[:SIDE, :SIDE]
    shade = 0.7 + 0.15 * np.sin((ys if across else xs) / 3) + 0.3 * (ys / SIDE)
    thing = np.clip(np.array(colour) * shade[..., None] + 1.5 * texture(8 if across else 7)[..., None], 0, 255).astype(
        np.uint8
    )
    return np.where(place(name)[..., None], thing, image)


def removal(name: str) -> EditPair:
    ground = grass(1)
    truth = {"object": name, "box": list(BOXES[name])}
    photo = with_object(ground, name, (200, 60, 50))
    return pair(Task.OBJECT_REMOVAL, photo, ground, place(name, 0.2), f"Remove the {name}.", truth)


def pair(
    task: Task, source: np.ndarray, edited: np.ndarray, mask: np.ndarray | None, text: str, truth: dict
) -> EditPair:
    about = {"source_id": "made", "caption": "Toys in a meadow", "truth": truth, "known_truth": True}
    return EditPair(f"{task}-{text}", task, (text,), source, edited, mask, about)


def good_pairs(task: Task) -> list[EditPair]:
    if task is Task.OBJECT_REMOVAL:
        return [removal("ball"), removal("cube")]
    if task is Task.OBJECT_ADDITION:
        inverse = [(p, p.provenance["truth"]) for p in good_pairs(Task.OBJECT_REMOVAL)]
        return [pair(task, p.edited, p.source, p.mask, f"Add a {t['object']}.", t) for p, t in inverse]
    if task is Task.OBJECT_SWAP:
        pairs = []
        for name in BOXES:
            truth = {"object": name, "new_object": "blue " + name, "box": BOXES[name], "new_box": BOXES[name]}
            before = with_object(grass(1), name, (200, 60, 50))
            after = with_object(grass(1), name, (60, 80, 220), across=True)
            pairs.append(pair(task, before, after, place(name, 0.1), f"Swap the {name}.", truth))
        return pairs
    if task is Task.ATTRIBUTE_MODIFICATION:
        pairs = []
        for name, value, ab in (("ball", "blue", [15, -50]), ("cube", "green", [-45, 40])):
            source = with_object(grass(1, (150, 150, 150)), name, (180, 90, 90))
            lab = image_to_lab(source)
            lab[place(name), 1:] = ab
            edited = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255 + 0.5, 0, 255).astype(np.uint8)
            truth = {"object": name, "attribute": "colour", "value": value, "lab_ab": ab, "box": BOXES[name]}
            edited[~place(name)] = source[~place(name)]
            pairs.append(pair(task, source, edited, place(name, 0.05), f"Make the {name} {value}.", truth))
        return pairs
    if task is Task.BACKGROUND_SWAP:
        source = with_object(grass(1), "ball", (200, 60, 50))
        edited = with_object(grass(3, (60, 120, 200)), "ball", (200, 60, 50))
        truth = {"object": "ball", "background": "the sea", "background_source_id": "sea"}
        return [pair(task, source, edited, ~place("ball"), "Put the ball in the sea.", truth)]
    source = with_object(with_object(grass(1), "ball", (200, 60, 50)), "cube", (90, 90, 220))
    if task is Task.ENVIRONMENT_CHANGE:
        lab = image_to_lab(source)
        night, golden = lab * [0.4, 0.5, 0.5] - [0, 0, 10], lab + [0, 8, 15]
        images = {"night": night, "golden_hour": golden}
        return [
            pair(task, source, _rgb(changed), None, f"Make it {kind}.", {"environment": kind})
            for kind, changed in images.items()
        ]
    photo = resize_cover(decode_image((SAMPLE / "two_dogs.jpg").read_bytes(), "photo"), 2 * SIDE, 2 * SIDE)
    return [
        pair(
            task,
            photo,
            STYLES[style].render(photo, np.random.default_rng(0)),
            None,
            f"Make it {style}.",
            {"style": style},
        )
        for style in ("old sepia photograph", "coloured pencil drawing")
    ]


def _rgb(lab: np.ndarray) -> np.ndarray:
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255 + 0.5, 0, 255).astype(np.uint8)


def score_edit(edit: EditPair) -> Score:
    verdict = score_pair(edit)
    assert isinstance(verdict, Score), verdict
    return verdict


@pytest.mark.parametrize("task", list(OMNIEDIT_TASKS))
def test_good_edits_pass_and_their_defects_fail(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defects, "_strength", lambda rng, weakest, strongest: strongest)
    pairs = good_pairs(task)
    write_shard(tmp_path / "good.h5", task, "made", 0, pairs)
    with Shard(tmp_path / "good.h5") as shard:
        for row, edit in enumerate(pairs):
            good = score_edit(edit)
            assert good.o_score >= 9, good
            made = {defect: bad for defect in DEFECTS if (bad := apply_defect(shard, row, defect)) is not None}
            assert set(made) == set(DEFECTS) - NOT_OF[task]
            for defect, bad in made.items():
                worse = score_edit(bad)
                assert worse.o_score < min(9, good.o_score - 0.5), (defect, worse)


@pytest.mark.parametrize("task", list(OMNIEDIT_TASKS))
def test_the_score_falls_with_the_strength_of_a_defect(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "good.h5", task, "made", 0, good_pairs(task))
    means = []
    for share in (0, 0.5, 1):
        monkeypatch.setattr(defects, "_strength", lambda rng, weak, strong, s=share: weak * (strong / weak) ** s)
        with Shard(tmp_path / "good.h5") as shard:
            made = [apply_defect(shard, row, name) for row in range(len(shard)) for name in WITH_DEGREES]
        means.append(np.mean([score_edit(bad).o_score for bad in made if bad is not None]))
    assert 9.5 > means[0] > means[1] > means[2]


def test_each_defect_lowers_the_score_that_measures_it(tmp_path: Path) -> None:
    write_shard(tmp_path / "good.h5", Task.OBJECT_REMOVAL, "made", 0, good_pairs(Task.OBJECT_REMOVAL))
    with Shard(tmp_path / "good.h5") as shard:
        bad = {defect: score_edit(apply_defect(shard, 0, defect)) for defect in DEFECTS}
    assert bad["no_change"].sc_score_1 == 0
    assert bad["no_change"].sc_score_2 == 10
    assert bad["wrong_place"].sc_score_1 < 2
    assert bad["over_editing"].sc_score_2 < 5
    assert bad["wrong_instruction"].sc_score_1 < 2
    for artifact in ("noise", "blocks", "seam"):
        assert bad[artifact].pq_score < 8, artifact
        assert bad[artifact].sc_score_2 == 10


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
    assert "The source image is smeared in that place." in poor.reasoning
    assert nothing.sc_score_1 == 0 and "was not added." in nothing.reasoning
    assert "source" not in score_edit(edit).reasoning


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
    assert "cut off hard" in score_edit(cut).reasoning


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
    assert "torn edges" in score_edit(change_region("dusk", field, torn)).reasoning


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


def test_defects_are_deterministic(tmp_path: Path) -> None:
    write_shard(tmp_path / "good.h5", Task.OBJECT_REMOVAL, "made", 0, good_pairs(Task.OBJECT_REMOVAL))
    with Shard(tmp_path / "good.h5") as shard:
        for defect in DEFECTS:
            once, again = apply_defect(shard, 1, defect), apply_defect(shard, 1, defect)
            assert np.array_equal(once.edited, again.edited)
            assert once.instructions == again.instructions


def test_a_wrong_instruction_takes_the_request_of_the_other_pair_and_never_a_mistaken_one(tmp_path: Path) -> None:
    right, other = good_pairs(Task.ENVIRONMENT_CHANGE)
    about = {**other.provenance, "truth": {**other.provenance["truth"], "mistaken": True}}
    same = replace(right, pair_id="same", provenance={**right.provenance, "truth": {**right.provenance["truth"]}})
    write_shard(tmp_path / "made.h5", right.task, "made", 0, [right, replace(other, provenance=about)])
    with Shard(tmp_path / "made.h5") as shard:
        wrong = apply_defect(shard, 0, "wrong_instruction")
    assert wrong is not None and wrong.instruction == other.instruction
    assert wrong.provenance["truth"] == other.provenance["truth"]
    same.provenance["truth"]["mistaken"] = True
    write_shard(tmp_path / "same.h5", right.task, "made", 0, [right, same])
    with Shard(tmp_path / "same.h5") as shard:
        assert apply_defect(shard, 0, "wrong_instruction") is None


@pytest.mark.parametrize("task", [Task.OBJECT_REMOVAL, Task.BACKGROUND_SWAP])
def test_the_search_for_a_wrong_instruction_stops_early_in_a_uniform_shard(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [replace(good_pairs(task)[0], pair_id=f"p{number}") for number in range(40)]
    write_shard(tmp_path / "good.h5", task, "made", 0, pairs)
    with Shard(tmp_path / "good.h5") as shard:
        read: list[int] = []
        provenance = shard.provenance
        monkeypatch.setattr(shard, "provenance", lambda row: read.append(row) or provenance(row))
        assert apply_defect(shard, 0, "wrong_instruction") is None
    assert len(read) < 20


BLACK, GREY = np.zeros((SIDE, SIDE, 3), np.uint8), np.full((SIDE, SIDE, 3), 128, np.uint8)


def change_region(environment: object, source: np.ndarray, edited: np.ndarray) -> EditPair:
    return pair(Task.ENVIRONMENT_CHANGE, source, edited, None, f"Make it {environment}.", {"environment": environment})


@pytest.mark.parametrize(
    ("source", "environments", "reason"),
    [
        (BLACK, ("night", "dusk"), "the source is black"),
        (BLACK, ("overcast", "fog", "rain"), "the source is of one lightness"),
        (GREY, ("overcast", "fog", "rain"), "the source is of one lightness"),
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
    measured: list[Image] = []

    class Counted(ImageMeasures):
        def __init__(self, image: Image) -> None:
            super().__init__(image)
            measured.append(image)

    monkeypatch.setattr(judge_module, "ImageMeasures", Counted)
    judge = ReferenceJudge()
    sources = [np.full((8, 8, 3), level, np.uint8) for level in range(SOURCES_KEPT + 1)]
    for source in (*sources[:-1], *(source.copy() for source in sources[:-1])):
        judge._image(source)
    assert len(measured) == SOURCES_KEPT
    judge._image(sources[-1])
    judge._image(sources[0])
    assert len(measured) == SOURCES_KEPT + 2
