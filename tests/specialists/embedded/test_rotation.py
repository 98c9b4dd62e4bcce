"""Tests of rotation about the view axis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniedit.sources.photo import Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.embedded.rotation import ANGLES, RotationChange, inner_scale, rotate_view


@given(st.integers(40, 200), st.integers(40, 200), st.sampled_from(ANGLES))
@settings(max_examples=40, deadline=None)
def test_rotated_crop_has_no_empty_corner(height: int, width: int, angle: int) -> None:
    source, edited = rotate_view(np.full((height, width, 3), 200, np.uint8), angle)
    assert source.shape == edited.shape and (edited == 200).all() and (source == 200).all()
    assert source.shape[1] / source.shape[0] == pytest.approx(width / height, rel=0.15)
    turn = np.radians(angle)
    crop = np.array([source.shape[1], source.shape[0]]) / 2
    for corner in (crop, crop * (1, -1)):
        x, y = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ corner
        assert abs(x) < width / 2 + 1e-6 and abs(y) < height / 2 + 1e-6


def test_half_turn_keeps_every_pixel_and_other_angles_turn_clockwise() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    assert np.array_equal(rotate_view(image, 180)[1], image[::-1, ::-1])
    assert inner_scale(300, 300, 0) == 1 and inner_scale(300, 200, 90) == pytest.approx(2 / 3)
    bar = np.zeros((201, 201, 3), np.uint8)
    bar[:100, 98:103] = 255  # from the middle up
    _, turned = rotate_view(bar, 20)
    rows, columns = np.nonzero(turned[..., 0] > 128)
    assert columns[rows == rows.min()].mean() > turned.shape[1] / 2 + 10


def test_rotation_of_a_plain_photo_is_rejected() -> None:
    rotation = RotationChange()
    request = rotation.propose(Photo("a", np.full((90, 120, 3), 90, np.uint8), "4x3"), np.random.default_rng(0))
    (edited,) = rotation.edit([request])
    assert isinstance(edited, NotApplicable) and "looks the same" in str(edited)
