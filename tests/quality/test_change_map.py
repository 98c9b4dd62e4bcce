"""Tests of the change map."""

import cv2
import numpy as np
import pytest

from omniedit.quality.change_map import ChangeMap


@pytest.fixture
def noise() -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 256, (160, 240, 3), dtype=np.uint8)
    return cv2.GaussianBlur(image, (0, 0), 2)


def test_changed_area_is_measured_at_its_location(noise: np.ndarray) -> None:
    edited = noise.copy()
    edited[40:80, 80:160] = 255 - edited[40:80, 80:160] // 4
    change = ChangeMap.measure(noise, edited)
    assert change.share == 50 / 600
    assert change.border_share == 0
    assert change.largest > 50


def test_jpeg_noise_is_not_a_change(noise: np.ndarray) -> None:
    encoded = cv2.imdecode(cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR)
    assert np.abs(encoded.astype(int) - noise).max() > 7
    assert ChangeMap.measure(noise, encoded).largest < 4


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (8, 8), (23, 9)])
def test_small_images_are_measured(size: tuple[int, int]) -> None:
    black, white = np.zeros((*size, 3), np.uint8), np.full((*size, 3), 255, np.uint8)
    change = ChangeMap.measure(black, white)
    assert (change.largest, change.share, change.border_share) == (255, 1, 1)
