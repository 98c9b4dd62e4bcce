import numpy as np
import pytest

from omniedit.grounding.coco_detector import ANIMALS, CLASSES, SIDE, decode_level, detect_objects
from omniedit.imaging.boxes import box_overlap
from tests.grounding.test_objects import sample


def test_two_dogs_and_a_bottle_are_found_at_their_boxes_and_nothing_in_a_stream() -> None:
    upper, lower = (each.box for each in detect_objects(sample("two_dogs", 0.5)) if each.name in ANIMALS)
    assert box_overlap(upper, (0.30, 0.22, 0.51, 0.50)) > 0.7
    assert box_overlap(lower, (0.47, 0.46, 0.76, 0.73)) > 0.7
    (bottle,) = (each for each in detect_objects(sample("wine_and_drum", 0.5)) if each.name == "bottle")
    assert box_overlap(bottle.box, (0.46, 0.12, 0.53, 0.33)) > 0.7
    assert detect_objects(sample("forest_stream", 0.5)) == []


def test_a_box_has_the_expected_distances_from_the_centre_of_its_square() -> None:
    """Distances are means over 11 bins: certain ones of 1, 2 and 3 squares, and one half-way between 4 and 5."""
    stride, square = 32, 4 * 13 + 6  # centre at x = 6.5, y = 4.5 squares of 13
    bins = np.full((169, 4, 11), -50.0, np.float32)
    for side, places in enumerate([[1], [2], [3], [4, 5]]):
        bins[square, side, places] = 0.0
    _, boxes = decode_level(np.zeros((169, 80), np.float32), bins.reshape(169, 44), stride)
    assert boxes[square] * SIDE / stride == pytest.approx([5.5, 2.5, 9.5, 9.0], abs=1e-4)


def test_classes_are_those_of_coco() -> None:
    assert len(CLASSES) == 80 and CLASSES[0] == "person" and CLASSES[79] == "toothbrush"
    assert {"bird", "giraffe"} <= ANIMALS and not {"bench", "backpack"} & ANIMALS
