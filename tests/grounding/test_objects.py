from importlib.resources import as_file, files

import cv2
import numpy as np
import pytest

from omniedit.grounding.coco_detector import DetectedBox
from omniedit.grounding.names import ObjectName
from omniedit.grounding.objects import FoundObject, ObjectIndex, disambiguate_names, find_objects
from omniedit.imaging.images import Image
from omniedit.sources.photo import NamedObject, Photo


def sample(name: str, scale: float) -> Image:
    with as_file(files("omniedit.sources") / "sample" / f"{name}.jpg") as path:
        bgr = cv2.imread(str(path))
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)


def find_in(name: str, left: int, top: int) -> FoundObject:
    mask = np.zeros((100, 100), bool)
    mask[top : top + 10, left : left + 10] = True
    return FoundObject(name, (left / 100, top / 100, (left + 10) / 100, (top + 10) / 100), mask)


def test_named_object_is_found_at_its_box() -> None:
    fig = NamedObject("fig", (0.35, 0.355, 0.79, 0.75))
    photo = Photo("fig", sample("fig_in_bowl", 0.4), "1x1", objects=(fig, NamedObject("spoon")))
    (only,) = find_objects(photo)
    assert only.name == "fig" and not only.cut_sides
    assert 0.09 < only.area < 0.13
    assert only.box == pytest.approx(fig.box, abs=0.02)


def test_two_dogs_in_an_unannotated_photo_are_found_and_distinguished() -> None:
    dogs = find_objects(Photo("dogs", sample("two_dogs", 0.5), "3x4"))
    assert sorted(dog.name for dog in dogs) == ["lower dog", "upper dog"]


@pytest.mark.parametrize("name", ["rocky_path", "fig_in_bowl"])
def test_uncertain_object_is_not_named(name: str) -> None:
    """Check a landscape without an object, and a fig in a bowl, which together match no class."""
    assert find_objects(Photo(name, sample(name, 0.4), "4x3")) == ()


def test_index_returns_the_same_object_again() -> None:
    photo = Photo("fig2", sample("fig_in_bowl", 0.3), "1x1", objects=(NamedObject("fig", (0.35, 0.355, 0.79, 0.75)),))
    index = ObjectIndex()
    (first,), (again,) = index.find(photo), index.find(photo)
    assert (first.name, first.box) == (again.name, again.box) and np.array_equal(first.mask, again.mask)


def test_objects_of_one_name_are_distinguished_by_place_or_crowded() -> None:
    pair = [find_in("dog", 60, 10), find_in("drum", 5, 80), find_in("dog", 10, 30)]
    assert {o.name: o.box[0] for o in disambiguate_names(pair)} == {"left dog": 0.1, "right dog": 0.6, "drum": 0.05}
    three = disambiguate_names([*pair, find_in("dog", 80, 80)])
    assert [(o.name, o.crowded) for o in three] == [*[("dog", True)] * 3, ("drum", False)]


def test_cut_object_lists_its_cut_sides() -> None:
    assert find_in("dog", 0, 90).cut_sides == {"left", "bottom"}


BACKGROUND, THING = (90, 140, 90), (200, 60, 40)


def plain_photo(*boxes: tuple[int, int, int, int]) -> Photo:
    """Return a 300 x 200 photo of rectangles (left, top, right, bottom) on a plain background."""
    image: Image = np.full((200, 300, 3), BACKGROUND, np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = THING
    return Photo(f"plain {boxes}", image, "3x2")


@pytest.fixture
def without_nouns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make everything on the plain background salient, with a correct outline and without a noun."""
    stand_in = "omniedit.grounding.objects"
    monkeypatch.setattr(f"{stand_in}.saliency", lambda image: (image[..., 0] > 100).astype(np.float32))
    monkeypatch.setattr(f"{stand_in}.detect_objects", lambda image: [])
    monkeypatch.setattr(f"{stand_in}.name_object", lambda image, mask: ObjectName("object"))

    def whole(image: Image, box: tuple[float, float, float, float]) -> np.ndarray:
        left, top, right, bottom = (round(edge * side) for edge, side in zip(box, (300, 200) * 2, strict=True))
        mask = np.zeros(image.shape[:2], bool)
        mask[top:bottom, left:right] = True
        return mask

    monkeypatch.setattr("omniedit.grounding.objects.object_mask", whole)


@pytest.mark.usefixtures("without_nouns")
def test_single_whole_salient_object_is_named_object() -> None:
    assert [found.name for found in find_objects(plain_photo((60, 50, 160, 150)))] == ["object"]


@pytest.mark.usefixtures("without_nouns")
def test_two_salient_objects_without_a_noun_are_named_by_place() -> None:
    found = find_objects(plain_photo((20, 50, 100, 150), (180, 50, 260, 150)))
    assert [this.name for this in found] == ["left object", "right object"]


@pytest.mark.usefixtures("without_nouns")
@pytest.mark.parametrize(
    "boxes",
    [tuple((x, 50, x + 60, 150) for x in (20, 120, 220)), ((0, 50, 100, 150),), ((10, 10, 290, 190),)],
    ids=["one of three", "cut off", "most of the photo"],
)
def test_ambiguous_salient_regions_are_not_named(
    boxes: tuple[tuple[int, int, int, int], ...],
) -> None:
    assert find_objects(plain_photo(*boxes)) == ()


BOX, ELSEWHERE = (0.2, 0.25, 160 / 300, 0.75), (0.7, 0.1, 0.95, 0.6)


@pytest.mark.usefixtures("without_nouns")
@pytest.mark.parametrize(
    ("detected", "names"),
    [
        ([DetectedBox("kite", 0.7, BOX)], ["kite"]),
        ([DetectedBox("cow", 0.7, BOX)], ["animal"]),
        ([DetectedBox("clock", 0.5, ELSEWHERE)], []),
        ([DetectedBox("person", 0.5, (0.1, 0.0, 0.7, 1.0))], []),
        ([DetectedBox("cow", 0.5, (0.2, 0.25, 0.35, 0.75)), DetectedBox("cow", 0.5, (0.36, 0.25, 0.53, 0.75))], []),
        ([DetectedBox("kite", 0.7, BOX), DetectedBox("kite", 0.5, ELSEWHERE)], ["kite"]),
    ],
    ids=["a certain box", "an animal", "another object", "a person", "two in one outline", "another of its class"],
)
def test_detected_boxes_decide_whether_a_region_is_one_nameable_object(
    monkeypatch: pytest.MonkeyPatch, detected: list[DetectedBox], names: list[str]
) -> None:
    monkeypatch.setattr("omniedit.grounding.objects.detect_objects", lambda image: detected)
    found = find_objects(plain_photo((60, 50, 160, 150)))
    assert [obj.name for obj in found] == names
    assert [obj.crowded for obj in found] == [len(detected) == 2 for _ in names]


@pytest.mark.usefixtures("without_nouns")
@pytest.mark.parametrize(
    ("score", "noun", "names"),
    [(0.6, "cup", ["cup"]), (0.45, "cup", []), (0.6, "object", [])],
    ids=["found", "an uncertain box", "without a noun"],
)
def test_an_object_that_is_not_salient_is_found_in_its_box(
    monkeypatch: pytest.MonkeyPatch, score: float, noun: str, names: list[str]
) -> None:
    stand_in = "omniedit.grounding.objects"
    monkeypatch.setattr(f"{stand_in}.saliency", lambda image: np.zeros(image.shape[:2], np.float32))
    monkeypatch.setattr(f"{stand_in}.detect_objects", lambda image: [DetectedBox("cup", score, BOX)])
    monkeypatch.setattr(f"{stand_in}.name_object", lambda image, mask: ObjectName(noun, 0.8))
    found = find_objects(plain_photo((60, 50, 160, 150)))
    assert [obj.name for obj in found] == names
    assert all(obj.box == pytest.approx(BOX, abs=0.01) for obj in found)


@pytest.mark.usefixtures("without_nouns")
def test_a_certain_noun_outweighs_the_box_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.grounding.objects.detect_objects", lambda image: [DetectedBox("person", 0.6, BOX)])
    for noun, probability, names in (("kite", 0.95, ["kite"]), ("kite", 0.8, []), ("cat", 0.8, ["cat"])):
        named = ObjectName(noun, probability)
        monkeypatch.setattr("omniedit.grounding.objects.name_object", lambda image, mask, named=named: named)
        assert [obj.name for obj in find_objects(plain_photo((60, 50, 160, 150)))] == names


@pytest.mark.usefixtures("without_nouns")
def test_shadow_in_the_outline_is_removed_if_saliency_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = plain_photo((60, 50, 160, 110))
    photo.image[110:150, 60:160] = np.array(BACKGROUND) // 2
    with_shadow = np.zeros((200, 300), bool)
    with_shadow[50:135, 60:160] = True
    monkeypatch.setattr("omniedit.grounding.objects.object_mask", lambda image, box: with_shadow)
    (found,) = find_objects(photo)
    assert found.mask[52:108, 62:158].all() and not found.mask[114:].any()


@pytest.mark.usefixtures("without_nouns")
def test_foot_found_by_one_outline_belongs_to_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    without_foot = np.zeros((200, 300), bool)
    without_foot[50:145, 60:160] = True
    monkeypatch.setattr("omniedit.grounding.objects.object_mask", lambda image, box: without_foot)
    (found,) = find_objects(plain_photo((60, 50, 160, 150)))
    assert found.mask[52:149, 62:158].all()
