import numpy as np
import pytest

from omniedit.grounding.coco_detector import DetectedBox
from omniedit.grounding.instances import (
    are_all_objects,
    find_own_box,
    has_rival,
    name_by_box,
    shows_person,
    shows_several,
)
from omniedit.imaging.boxes import FractionBox


def mask(*boxes: FractionBox) -> np.ndarray:
    """Return a (100, 200) mask of boxes."""
    result = np.zeros((100, 200), bool)
    for left, top, right, bottom in boxes:
        result[round(top * 100) : round(bottom * 100), round(left * 200) : round(right * 200)] = True
    return result


LEFT, RIGHT = (0.1, 0.2, 0.4, 0.8), (0.5, 0.2, 0.8, 0.8)
SMALL = (0.85, 0.1, 0.95, 0.3)


def found(name: str, box: FractionBox, score: float = 0.7) -> DetectedBox:
    return DetectedBox(name, score, box)


def test_a_mask_over_two_horses_shows_several() -> None:
    horses = [found("horse", LEFT), found("cow", RIGHT)]
    assert shows_several(mask(LEFT, RIGHT), horses)
    assert not shows_several(mask(LEFT), horses)
    assert not shows_several(mask(LEFT, RIGHT), horses[:1])
    close = [found("cat", (0.1, 0.2, 0.5, 0.8)), found("cat", (0.35, 0.2, 0.8, 0.8))]
    assert shows_several(mask((0.1, 0.2, 0.8, 0.8)), close)


@pytest.mark.parametrize("part", [(0.1, 0.2, 0.2, 0.5), (0.3, 0.6, 0.4, 0.8)], ids=["a head inside", "a foot inside"])
def test_a_part_inside_an_object_is_not_another_object(part: FractionBox) -> None:
    assert not shows_several(mask(LEFT), [found("cow", LEFT), found("sheep", part)])


def test_what_a_person_wears_or_holds_is_part_of_a_person() -> None:
    person = (0.05, 0.0, 0.6, 1.0)
    assert shows_person(mask(LEFT), [found("person", person)])
    assert not shows_person(mask(LEFT), [found("person", person, score=0.39)])
    assert not shows_person(mask(LEFT), [found("dog", person)])
    assert not shows_person(mask(RIGHT), [found("person", LEFT)])


@pytest.mark.parametrize(
    ("noun", "probability", "person", "expected"),
    [
        ("dog", 0.72, LEFT, False),
        ("dog", 0.45, LEFT, True),
        ("guitar", 0.72, LEFT, True),
        ("guitar", 0.95, LEFT, False),
        ("dog", 0.72, (0.05, 0.0, 0.6, 1.0), True),
    ],
    ids=["a puppy", "an improbable animal", "an instrument", "a certain noun", "an animal that a person holds"],
)
def test_an_animal_outweighs_its_own_less_probable_box_of_a_person(
    noun: str, probability: float, person: FractionBox, expected: bool
) -> None:
    assert shows_person(mask(LEFT), [found("person", person, score=0.5)], noun, probability) is expected


def test_a_mask_that_includes_a_person_shows_one() -> None:
    """A woman in front of a bus is a small part of its outline."""
    bus, woman = (0.1, 0.1, 0.9, 0.9), (0.3, 0.5, 0.36, 0.95)
    assert shows_person(mask(bus), [found("bus", bus), found("person", woman)])
    beside = (0.85, 0.5, 0.99, 0.95)
    assert not shows_person(mask(bus), [found("bus", bus), found("person", beside)])


def test_an_object_of_the_same_class_and_similar_size_is_a_rival() -> None:
    own = found("boat", LEFT)
    assert has_rival(mask(LEFT), [own, found("boat", RIGHT)])
    assert not has_rival(mask(LEFT), [own, found("boat", SMALL)])
    assert not has_rival(mask(LEFT), [own, found("car", RIGHT)])
    assert not has_rival(mask(LEFT), [found("boat", RIGHT)])


def test_the_object_is_ambiguous_if_anything_is_detected_elsewhere() -> None:
    assert are_all_objects([mask(LEFT)], [found("cup", LEFT)])
    assert not are_all_objects([mask(LEFT)], [found("cup", LEFT), found("clock", SMALL)])
    assert are_all_objects([mask(LEFT), mask(SMALL)], [found("cup", LEFT), found("clock", SMALL)])


def test_a_certain_box_names_an_object_and_the_kind_of_an_animal() -> None:
    assert name_by_box(mask(LEFT), [found("kite", LEFT)]) == "kite"
    assert name_by_box(mask(LEFT), [found("kite", LEFT, score=0.5)]) is None
    assert name_by_box(mask(LEFT), [found("cow", LEFT)]) == "animal"
    assert name_by_box(mask(LEFT), [found("cow", LEFT, score=0.5)]) is None
    assert name_by_box(mask(LEFT), []) is None


def test_the_own_box_is_the_one_that_overlaps_most() -> None:
    near, far = found("cup", (0.12, 0.2, 0.42, 0.8)), found("bowl", (0.1, 0.2, 0.8, 0.8))
    assert find_own_box(mask(LEFT), [far, near]) is near
    assert find_own_box(mask(LEFT), [far]) is None
