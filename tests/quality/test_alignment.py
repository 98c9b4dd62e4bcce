"""Tests of alignment: shift and scale are measured despite the edit, and nothing is claimed without evidence."""

import cv2
import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.quality.alignment import UNKNOWN, align


@pytest.fixture(scope="module")
def photo() -> Image:
    rng = np.random.default_rng(3)
    layers = [cv2.resize(rng.random((n, n, 3)).astype(np.float32), (480, 480)) for n in (6, 40, 160)]
    return (255 * sum(layers) / 3).astype(np.uint8)


def warp(image: Image, dx: float, dy: float, scale: float) -> Image:
    centre = (image.shape[1] - 1) / 2
    matrix = np.array([[scale, 0, centre * (1 - scale) + dx], [0, scale, centre * (1 - scale) + dy]])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize(
    ("dx", "dy", "scale"), [(0, 0, 1.0), (1, 0, 1.0), (-3.5, 7.25, 1.0), (0, 0, 1.02), (2, -1, 0.985)]
)
def test_shift_and_scale_are_measured(photo: Image, dx: float, dy: float, scale: float) -> None:
    found = align(photo, warp(photo, dx, dy, scale))
    assert (found.dx, found.dy) == pytest.approx((dx, dy), abs=0.2)
    assert found.scale == pytest.approx(scale, abs=0.0015)
    assert found.confidence > 0.8


def test_local_edit_does_not_count_as_movement(photo: Image) -> None:
    edited = photo.copy()
    edited[60:300, 60:300] = np.roll(photo, 9, axis=1)[60:300, 60:300]
    found = align(photo, edited)
    assert found.displacement(480, 480) < 0.3
    assert found.confidence < 1


def test_shift_is_measured_despite_a_change_of_light(photo: Image) -> None:
    found = align(photo, warp(cv2.convertScaleAbs(photo, alpha=0.3, beta=5), 4, 0, 1.0))
    assert (found.dx, found.dy) == pytest.approx((4, 0), abs=0.3)


@pytest.mark.parametrize("size", [(480, 480), (1, 1), (20, 700), (7, 3)])
def test_images_without_texture_have_no_alignment(size: tuple[int, int]) -> None:
    plain = np.full((*size, 3), 128, np.uint8)
    assert align(plain, plain) == UNKNOWN


def test_unrelated_images_have_low_confidence(photo: Image) -> None:
    other = np.random.default_rng(9).integers(0, 256, photo.shape, dtype=np.uint8)
    assert align(photo, cv2.GaussianBlur(other, (0, 0), 2)).confidence < 0.5


def test_identity_alignment_has_zero_displacement() -> None:
    found = align(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8))
    assert found.displacement(600, 800) == 0
