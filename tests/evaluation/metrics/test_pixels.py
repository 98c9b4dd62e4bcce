"""Tests of pixel metrics: values computed by hand, limits, and images of different sizes."""

import numpy as np
import PIL.Image
import pytest

from omniedit.evaluation.metrics import pixels


def noise(seed: int, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def left_half() -> np.ndarray:
    mask = np.zeros((24, 30), bool)
    mask[:, :15] = True
    return mask


def test_distance_of_an_image_to_itself_is_zero():
    image = noise(0)
    assert pixels.l1(image, image) == pixels.l2(image, image) == 0
    assert pixels.image_psnr(image, image) == np.inf
    assert pixels.ssim(image, image) == pytest.approx(1)
    assert pixels.shift(image, image, None) == pytest.approx(0, abs=1e-6)


def test_a_known_difference_has_known_values():
    low, high = np.full((24, 30, 3), 51, np.uint8), np.full((24, 30, 3), 102, np.uint8)
    assert pixels.l1(low, high) == pixels.l1(high, low) == pytest.approx(0.2)
    assert pixels.l2(low, high) == pytest.approx(0.04)
    assert pixels.image_psnr(low, high) == pytest.approx(10 * np.log10(1 / 0.04))


def test_black_and_white_have_the_largest_distance():
    black, white = np.zeros((24, 30, 3), np.uint8), np.full((24, 30, 3), 255, np.uint8)
    assert pixels.l1(black, white) == pixels.l2(black, white) == 1
    assert pixels.image_psnr(black, white) == 0


def test_a_larger_edit_is_resized_to_the_other_image():
    target = noise(1)
    larger = np.asarray(PIL.Image.fromarray(target).resize((60, 48), PIL.Image.Resampling.NEAREST))
    as_magicbrush = np.asarray(PIL.Image.fromarray(larger).resize((30, 24)))
    difference = np.abs(as_magicbrush / 255 - target / 255)
    assert pixels.l1(larger, target) == pytest.approx(difference.mean())
    assert pixels.l1(larger, target) > 0


def test_ssim_of_a_whole_image_uses_only_windows_inside_it():
    """A frame of wrong pixels at the border still counts, because windows inside the image reach it."""
    image = noise(2)
    framed = image.copy()
    framed[:1] = framed[-1:] = 0
    assert pixels.ssim(framed, image) < 1
    assert pixels.crop_border(np.ones((24, 30))).shape == (14, 20)
    assert pixels.crop_border(np.ones((8, 9))).shape == (8, 9)


def test_changes_in_the_mask_do_not_count_outside():
    source, mask = noise(3), left_half()
    edited = np.where(mask[..., None], noise(4), source)
    assert pixels.l1_outside(edited, source, mask) == 0
    assert pixels.psnr_outside(edited, source, mask) == np.inf
    assert pixels.masked_ssim(edited, source, mask) == pytest.approx(1)
    assert pixels.l1_outside(edited, source, ~mask) == pytest.approx(
        np.abs(noise(4).astype(float) - source)[:, :15].mean() / 255
    )


def test_a_mask_of_the_whole_image_leaves_nothing_to_measure():
    image, mask = noise(5), np.ones((24, 30), bool)
    assert np.isnan(pixels.l1_outside(image, image, mask))
    assert np.isnan(pixels.psnr_outside(image, image, mask))
    assert np.isnan(pixels.masked_ssim(image, image, mask))
