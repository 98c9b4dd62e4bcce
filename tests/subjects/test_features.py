"""Tests of the crop around a subject, whose features are compared."""

import numpy as np

from omniedit.subjects.features import crop_to_subject


def test_a_subject_is_cropped_with_a_tenth_of_its_box_around_it() -> None:
    rows, columns = np.mgrid[:100, :200].astype(np.uint8)
    image = np.stack([rows, columns, columns], axis=2)
    crop = crop_to_subject(image, (0.25, 0.5, 0.75, 0.7))  # 100 pixels wide and 20 high
    assert (crop[0, 0, 0], crop[0, 0, 1], crop[-1, -1, 0], crop[-1, -1, 1]) == (48, 40, 71, 159)
    assert np.array_equal(crop_to_subject(image, (0, 0, 1, 1)), image)
    assert np.array_equal(crop_to_subject(image, None), image)
