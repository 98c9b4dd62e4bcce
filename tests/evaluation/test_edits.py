import numpy as np
import pytest

from omniedit.errors import UserError
from omniedit.evaluation.edits import at_resolution, no_edit, specialist
from omniedit.pairs import EditPair
from omniedit.tasks import Task


def pair(height=900, width=1200, **provenance):
    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), bool)
    mask[401:523, 601:777] = True
    edited = np.where(mask[..., None], 255 - source, source)
    return EditPair("p", Task.OBJECT_SWAP, ("Swap it.",), source, edited, mask, provenance)


def test_pictures_shrink_to_the_bucket_and_stay_equal_outside_the_mask():
    small = at_resolution(pair(ratio="4x3"), 128)
    assert small.source.shape == (112, 160, 3)
    assert (small.source == small.edited)[~small.mask].all()
    assert small.mask.mean() == pytest.approx(122 * 176 / (900 * 1200), rel=0.25)


def test_the_baselines_return_source_and_specialists_picture():
    asked = pair(ratio="4x3")
    assert no_edit(asked) is asked.source
    assert specialist(asked) is asked.edited


def test_a_pair_without_ratio_is_told_so():
    with pytest.raises(UserError, match="ratio"):
        at_resolution(pair(), 128)
