import numpy as np
import pytest

from omniedit.imaging.boxes import box_overlap, fraction_box, share_inside


def test_boxes_overlap_by_intersection_over_union() -> None:
    assert box_overlap((0.0, 0.0, 0.5, 1.0), (0.25, 0.0, 0.75, 1.0)) == pytest.approx(1 / 3)
    assert box_overlap((0.0, 0.0, 0.5, 0.5), (0.6, 0.6, 1.0, 1.0)) == 0.0
    assert box_overlap((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5)) == 0.0


def test_share_inside_is_of_the_first_box() -> None:
    large, small = (0.0, 0.0, 0.5, 1.0), (0.25, 0.0, 0.75, 0.5)
    assert share_inside(large, small) == pytest.approx(0.25)
    assert share_inside(small, large) == pytest.approx(0.5)
    assert share_inside((0.5, 0.5, 0.5, 0.5), large) == 0.0


def test_box_of_a_mask_reaches_to_the_end_of_its_last_pixel() -> None:
    mask = np.zeros((10, 20), bool)
    mask[2:5, 4:20] = True
    assert fraction_box(mask) == (0.2, 0.2, 1.0, 0.5)
