"""Measurements of a change: nothing where nothing changed, its place and colours, its defects."""

import cv2
import numpy as np
import pytest

from omniedit.imaging.color_names import COLOURS
from omniedit.scoring.student.change import crop, crop_box, measure_change


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Return a textured image of 300 x 400 pixels."""
    coarse = np.random.default_rng(0).integers(40, 200, (30, 40, 3)).astype(np.uint8)
    fine = np.random.default_rng(1).integers(-12, 12, (300, 400, 3))
    return np.clip(cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_CUBIC) + fine, 0, 255).astype(np.uint8)


def test_an_image_and_its_jpeg_have_no_visible_difference(photo: np.ndarray) -> None:
    jpeg = cv2.imdecode(cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)
    assert measure_change(photo, photo).measures["area"] == 0
    assert measure_change(photo, jpeg).measures["area"] < 0.0002


def test_a_red_square_is_located_with_its_colour(photo: np.ndarray) -> None:
    edited = photo.copy()
    edited[60:180, 200:320] = (200, 30, 30)
    change = measure_change(photo, edited)
    assert change.measures["area"] == pytest.approx(0.12, abs=0.02)
    left, top, right, bottom = change.box
    assert left < 0.5 < 0.8 < right and top < 0.2 < 0.6 < bottom
    gain = change.colours[1] - change.colours[0]
    assert list(COLOURS)[gain.argmax()] == "red"


@pytest.mark.parametrize(
    ("measure", "spoil"),
    [
        ("noise_gain", lambda image: image + np.random.default_rng(2).normal(0, 25, image.shape)),
        ("sharpness_inside_gain", lambda image: image + np.random.default_rng(2).normal(0, 25, image.shape)),
        ("blocks", lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 5])[1], 1)),
    ],
)
def test_each_defect_raises_its_measure(photo: np.ndarray, measure: str, spoil) -> None:
    edited = np.roll(photo, 40, axis=1)
    spoilt = np.clip(spoil(edited), 0, 255).astype(np.uint8)
    assert measure_change(photo, spoilt).measures[measure] > measure_change(photo, edited).measures[measure] + 0.1


@pytest.mark.parametrize(
    ("measure", "spoil"),
    [
        ("noise_outside_gain", lambda image: image + np.random.default_rng(2).normal(0, 12, image.shape)),
        ("noise_most_gain", lambda image: image + np.random.default_rng(2).normal(0, 12, image.shape)),
        (
            "blocks_outside",
            lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 5])[1], 1),
        ),
    ],
)
def test_a_defect_outside_a_small_edit_is_measured(photo: np.ndarray, measure: str, spoil) -> None:
    edited = photo.copy()
    edited[60:180, 200:320] = (200, 30, 30)
    spoilt = np.clip(spoil(edited), 0, 255).astype(np.uint8)
    spoilt[60:180, 200:320] = edited[60:180, 200:320]
    before, after = (measure_change(photo, image).measures[measure] for image in (edited, spoilt))
    assert after > before + 0.05


def test_blur_lowers_sharpness(photo: np.ndarray) -> None:
    blurred = cv2.GaussianBlur(photo, (0, 0), 3)
    assert measure_change(photo, blurred).measures["sharpness_gain"] < -0.2


def test_all_measures_are_finite_for_flat_and_tiny_images() -> None:
    flat = np.zeros((5, 7, 3), np.uint8)
    for edited in (flat, np.full_like(flat, 255)):
        assert np.isfinite(list(measure_change(flat, edited).measures.values())).all()


def test_a_box_stays_inside_the_image_and_shows_surroundings() -> None:
    mask = np.zeros((100, 200), bool)
    mask[:4, -4:] = True
    left, top, right, bottom = crop_box(mask)
    assert 0 <= left < 0.98 and right == 1 and top == 0 and bottom > 0.04
    assert crop_box(np.zeros((9, 9), bool)) == (0, 0, 1, 1)
    assert crop(np.zeros((3, 3, 3), np.uint8), (0.99, 0.99, 1.0, 1.0)).size == 3
