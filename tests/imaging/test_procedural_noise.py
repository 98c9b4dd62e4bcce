import cv2
import numpy as np
import pytest

from omniedit.imaging import procedural_noise
from omniedit.imaging.procedural_noise import COARSE_SPACING, fractal_noise


@pytest.mark.parametrize("size", [(96, 128), (97, 61), (1, 300)])
@pytest.mark.parametrize("spacing", [COARSE_SPACING, 77.0, 150.5, 1000.0])
def test_coarse_lattice_interpolates_like_the_full_lattice(
    spacing: float, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    enlarged = fractal_noise(*size, spacing, np.random.default_rng(0), octaves=1)
    monkeypatch.setattr(procedural_noise, "COARSE_SPACING", np.inf)
    whole = fractal_noise(*size, spacing, np.random.default_rng(0), octaves=1)
    assert enlarged.shape == size and enlarged.dtype == np.float32
    assert np.allclose(enlarged, whole, atol=1e-5)


def test_noise_spans_zero_to_one_at_the_requested_scale() -> None:
    noise = fractal_noise(200, 300, 80, np.random.default_rng(0))
    assert (noise.min(), noise.max()) == (0, 1)
    coarse = cv2.resize(cv2.resize(noise, (30, 20), interpolation=cv2.INTER_AREA), (300, 200))
    assert np.abs(noise - coarse).mean() < 0.5 * np.abs(noise - noise.mean()).mean()
