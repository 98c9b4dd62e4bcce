import numpy as np

from omniedit.imaging.images import Image, Mask
from omniedit.imaging.inpaint import inpaint


def stripes_with_hole(side: int = 240, radius: int = 30) -> tuple[Image, Mask]:
    """Return grainy vertical stripes, and the mask of a round hole in their middle."""
    rng = np.random.default_rng(0)
    stripes = np.where(np.arange(side) // 12 % 2, 190, 70)[None, :, None]
    image = np.clip(stripes + rng.normal(0, 6, (side, side, 3)), 0, 255).astype(np.uint8)
    y, x = np.mgrid[:side, :side]
    return image, np.hypot(x - side // 2, y - side // 2) < radius


def test_pixels_outside_the_hole_stay_unchanged_and_hole_content_is_ignored() -> None:
    image, hole = stripes_with_hole()
    red = image.copy()
    red[hole] = (255, 0, 0)
    filled = inpaint(red, hole)
    assert np.array_equal(filled[~hole], image[~hole])
    assert np.abs(filled[hole].astype(int).max(axis=1) - filled[hole].min(axis=1)).mean() < 30


def test_structure_continues_through_the_hole() -> None:
    image, hole = stripes_with_hole()
    filled = inpaint(image, hole)
    wrong = np.abs(filled.astype(int) - image).mean(axis=2)[hole] > 60
    assert wrong.mean() < 0.1


def test_fill_is_deterministic_and_large_images_keep_their_grain() -> None:
    image, hole = stripes_with_hole(side=640, radius=150)
    first, second = inpaint(image, hole), inpaint(image, hole)
    assert np.array_equal(first, second)
    grain = [np.abs(np.diff(large[..., 1].astype(int), axis=0)) for large in (first, image)]
    inside, outside = grain[0][hole[1:]].mean(), grain[1][~hole[1:]].mean()
    assert inside > 0.5 * outside
