"""Tests of Reason-Edit's metrics: the mask's region is black, and the foreground is its box."""

import numpy as np
import pytest

from omniedit.evaluation.metrics import reason_edit
from omniedit.evaluation.metrics.metric import Sample


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (256, 256, 3), np.uint8)


def sample(edited: np.ndarray, source: np.ndarray) -> Sample:
    mask = np.zeros((256, 256), bool)
    mask[40:100, 20:200] = True
    return Sample(edited, source, mask=mask, foreground="a dog")


def test_an_edit_inside_the_mask_leaves_the_background_values_perfect():
    source = noise(0)
    edited = np.where(sample(source, source).mask[..., None], noise(1), source)
    assert reason_edit.background_psnr(sample(edited, source)) == np.inf
    assert reason_edit.background_ssim(sample(edited, source)) == pytest.approx(1)


def test_psnr_averages_over_all_pixels():
    """A difference of 51 outside the mask, diluted by the pixels inside, which count as equal."""
    source = np.full((256, 256, 3), 100, np.uint8)
    found = reason_edit.background_psnr(sample(source + np.uint8(51), source))
    outside = 1 - 60 * 180 / 256**2
    assert found == pytest.approx(10 * np.log10(1 / (0.04 * outside)))


def test_ssim_averages_the_channels():
    source = noise(2)
    edited = source.copy()
    edited[..., 0] = noise(3)[..., 0]
    one, rest = reason_edit.background_ssim(sample(edited, source)), reason_edit.background_ssim(sample(source, source))
    assert rest == pytest.approx(1)
    assert 2 / 3 < one < 0.85


def test_the_foreground_is_the_box_without_its_last_row_and_column():
    edited = noise(4)
    np.testing.assert_array_equal(reason_edit.cut_foreground(sample(edited, edited)), edited[40:99, 20:199])


def test_a_mask_of_one_pixel_has_a_foreground():
    mask = np.zeros((256, 256), bool)
    mask[255, 255] = True
    assert reason_edit.cut_foreground(Sample(noise(5), noise(5), mask=mask)).shape == (1, 1, 3)


def test_the_mask_is_resized_by_the_nearest_pixel():
    mask = np.zeros((512, 512), bool)
    mask[100:200, :256] = True
    resized = reason_edit.resize_mask(Sample(noise(6), mask=mask))
    assert resized.shape == (256, 256)
    assert resized.sum() == 50 * 128
