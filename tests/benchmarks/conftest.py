import numpy as np
import pytest

from benchmarks.ablation.assets import CUT_OUT_SIDE, PHOTO_HEIGHT, PHOTO_WIDTH, Assets

NOUNS = [
    *("apple", "bear", "crow", "duck", "egg", "fox", "goat", "hen", "iris"),
    *("jar", "kite", "lamb", "mole", "newt", "owl", "pig", "quail", "rose"),
]
PLACES = ["a forest", "a beach", "", "a street", "a desert", ""]


def disc(colour: np.ndarray, radius: int) -> np.ndarray:
    rows, columns = np.mgrid[:CUT_OUT_SIDE, :CUT_OUT_SIDE]
    inside = np.hypot(rows - CUT_OUT_SIDE + radius, columns - CUT_OUT_SIDE / 2) < radius
    return (np.append(colour, 255) * inside[..., None]).astype(np.uint8)


@pytest.fixture(scope="session")
def assets() -> Assets:
    """Return discs of one colour each as cut-outs, and photographs of coarse noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (len(PLACES), PHOTO_HEIGHT // 32, PHOTO_WIDTH // 32, 3))
    photos = np.kron(coarse, np.ones((1, 32, 32, 1))).astype(np.uint8)
    cut_outs = np.stack([disc(rng.integers(0, 256, 3), 48 - place) for place in range(len(NOUNS))])
    return Assets(tuple(NOUNS), cut_outs, tuple(PLACES), photos)
