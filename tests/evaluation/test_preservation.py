import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniedit.evaluation.preservation import pixel_shift, preservation, ssim_map
from omniedit.pairs import EditPair
from omniedit.tasks import Task


def texture(seed: int = 0, height: int = 64, width: int = 96) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def pair(source: np.ndarray, edited: np.ndarray, mask: np.ndarray | None) -> EditPair:
    return EditPair("p", Task.OBJECT_SWAP, ("Swap it.",), source, edited, mask, {})


def box_mask() -> np.ndarray:
    mask = np.zeros((64, 96), bool)
    mask[20:40, 30:60] = True
    return mask


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 255), st.integers(0, 50))
def test_an_edit_inside_the_mask_leaves_everything_preserved(value, seed):
    source, mask = texture(seed), box_mask()
    kept = preservation(pair(source, np.where(mask[..., None], np.uint8(value), source), mask))
    assert kept.mae_outside == 0
    assert kept.psnr_outside == np.inf
    assert kept.ssim_outside == pytest.approx(1)
    assert kept.pixel_shift == pytest.approx(0, abs=1e-6)


def test_a_known_difference_outside_is_measured():
    source, mask = np.full((64, 96, 3), 250, np.uint8), box_mask()
    edited = np.where(mask[..., None], source, source - np.uint8(10))
    measured = preservation(pair(source, edited, mask))
    assert measured.mae_outside == 10
    assert measured.psnr_outside == pytest.approx(20 * np.log10(255 / 10))


def test_difference_to_a_brighter_edit_does_not_overflow():
    source, mask = np.full((64, 96, 3), 2, np.uint8), box_mask()
    assert preservation(pair(source, source + np.uint8(10), mask)).mae_outside == 10


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -5), (4, 3)])
def test_movement_of_an_image_is_measured(dx, dy):
    source = texture(1, 128, 128)
    moved = np.roll(source, (dy, dx), axis=(0, 1))
    assert pixel_shift(source, moved, None) == pytest.approx(np.hypot(dx, dy), abs=0.3)


@pytest.mark.parametrize("height, width", [(133, 200), (27, 64), (40, 75), (241, 233)])
def test_an_unchanged_image_of_any_size_has_no_movement(height: int, width: int) -> None:
    source = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    assert pixel_shift(source, source, None) == pytest.approx(0, abs=1e-6)
    assert pixel_shift(source, np.roll(source, (2, -1), (0, 1)), None) == pytest.approx(np.hypot(2, 1), abs=0.3)


def test_global_edits_have_no_outside():
    source = texture()
    measured = preservation(pair(source, 255 - source, None))
    assert np.isnan([measured.mae_outside, measured.psnr_outside, measured.ssim_outside]).all()


def test_ssim_falls_with_noise_and_is_symmetric():
    rng = np.random.default_rng(0)
    clean = texture(2)[..., 0].astype(float)
    slight, heavy = (clean + rng.normal(0, sigma, clean.shape) for sigma in (5, 40))
    assert 1 > ssim_map(clean, slight).mean() > ssim_map(clean, heavy).mean()
    np.testing.assert_allclose(ssim_map(clean, heavy), ssim_map(heavy, clean))
