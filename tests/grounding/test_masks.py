import cv2
import numpy as np
import pytest

from omniedit.grounding.masks import _grab_cut, object_mask
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box, dilate, erode


def disc_on_grass(width: int = 900, height: int = 600, radius: int = 110, hole: int = 40) -> tuple[Image, Mask]:
    """Return an image of a red disc with a green hole on noisy green, and the mask of the filled disc."""
    rng = np.random.default_rng(0)
    image = rng.normal((60, 130, 50), 12, (height, width, 3))
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - width // 2, y - height // 2)
    disc = (distance < radius) & (distance > hole)
    image[disc] = rng.normal((190, 40, 45), 12, (int(disc.sum()), 3))
    return np.clip(image, 0, 255).astype(np.uint8), distance < radius


def bounding_fractions(mask: Mask) -> tuple[float, float, float, float]:
    left, top, right, bottom = bounding_box(mask)
    height, width = mask.shape
    return left / width, top / height, right / width, bottom / height


def test_mask_follows_the_outline_and_has_no_hole() -> None:
    image, disc = disc_on_grass()
    mask = object_mask(image, bounding_fractions(disc))
    assert mask is not None
    assert (mask & disc).sum() / (mask | disc).sum() > 0.98


def test_same_box_gives_the_same_mask() -> None:
    image, disc = disc_on_grass()
    first, second = (object_mask(image, bounding_fractions(disc)) for _ in range(2))
    assert first is not None and second is not None
    assert np.array_equal(first, second)


def test_uniform_noise_has_no_object() -> None:
    image = np.random.default_rng(0).normal(120, 10, (400, 500, 3)).clip(0, 255).astype(np.uint8)
    assert object_mask(image, (0.3, 0.3, 0.6, 0.7)) is None


@pytest.mark.parametrize("box", [(0.0, 0.2, 0.5, 0.9), (0.0, 0.0, 1.0, 1.0)])
def test_box_at_the_image_border_raises_no_error(box: tuple[float, float, float, float]) -> None:
    image, _ = disc_on_grass(300, 200, 60, 0)
    mask = object_mask(image, box)
    assert mask is None or mask.shape == image.shape[:2]


def test_dilation_and_erosion_use_discs() -> None:
    point = np.zeros((41, 41), bool)
    point[20, 20] = True
    grown = dilate(point, 8)
    assert bounding_box(grown) == (12, 12, 29, 29)
    assert not grown[12, 12]
    assert np.array_equal(erode(grown, 8), point)
    assert erode(np.ones((9, 9), bool), 3).all()


@pytest.mark.parametrize("label", [cv2.GC_PR_BGD, cv2.GC_PR_FGD])
def test_labels_without_object_or_background_give_an_empty_mask(label: int) -> None:
    image, _ = disc_on_grass(90, 60, 20, 5)
    assert not _grab_cut(image, np.full(image.shape[:2], label, np.uint8)).any()
