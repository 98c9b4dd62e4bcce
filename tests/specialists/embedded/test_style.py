"""Tests of style transfer: every style keeps the size, changes the image, and is deterministic."""

import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.sources.photo import Photo
from omniedit.specialists.embedded.drawing_styles import pencil_strokes, xdog
from omniedit.specialists.embedded.print_styles import screen
from omniedit.specialists.embedded.style import STYLES, StyleTransfer
from omniedit.specialists.embedded.style_network import WORKING_PIXELS, upsample_along, working_size


def scene(height: int = 90, width: int = 130) -> Image:
    """Return an image of a disc on a gradient, with noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width]
    disc = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 4) ** 2
    rgb = np.dstack([200 - rows, 80 + columns, 60 + rows]).astype(float)
    rgb[disc] = (220, 60, 40)
    return np.clip(rgb + rng.normal(0, 6, rgb.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", STYLES)
def test_style_changes_a_photo_of_any_size_and_is_deterministic(name: str) -> None:
    image = scene(91, 133)
    kept = image.copy()
    first, second = (STYLES[name].render(image, np.random.default_rng(3)) for _ in range(2))
    assert first.shape == image.shape and first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert np.array_equal(image, kept), "the source must not be modified"
    assert np.abs(first.astype(int) - image).mean() > 6


def test_instructions_name_the_style_of_the_edit() -> None:
    specialist, photo = StyleTransfer(), Photo("disc", scene(), "4x3")
    requests = [specialist.propose(photo, np.random.default_rng(seed)) for seed in range(30)]
    assert len({request.truth["style"] for request in requests}) > 10
    for request in requests:
        style = STYLES[request.truth["style"]]
        assert request.truth["technique"] == style.technique
        assert all(style.noun in sentence for sentence in request.instructions)
    (edited,) = specialist.edit(requests[:1])
    assert edited.mask is None and edited.image.shape == photo.image.shape


def test_style_nouns_start_with_the_right_article() -> None:
    for style in STYLES.values():
        article, first = style.noun.split()[:2]
        assert style.noun == "pixel art" or article == ("an" if first[0] in "aeiou" else "a"), style.noun


def test_working_size_limits_large_photos_and_keeps_small_ones() -> None:
    width, height = working_size(3000, 4500)
    assert width * height <= WORKING_PIXELS and width % 4 == height % 4 == 0
    assert abs(width / height - 1.5) < 0.02
    assert working_size(90, 132) == (132, 88)


def test_upsampling_follows_the_edges_of_the_photo() -> None:
    guide = np.zeros((120, 120, 3), np.float32)
    guide[:, 61:] = 1
    small = guide.reshape(30, 4, 30, 4, 3).mean(axis=(1, 3))
    followed = upsample_along(guide, np.ascontiguousarray(small))
    assert followed[60, 59, 0] < 0.1 and followed[60, 62, 0] > 0.9


def test_halftone_dots_cover_the_requested_share() -> None:
    for coverage in (0.1, 0.4, 0.8):
        dots = screen(np.full((200, 200), coverage, np.float32), pitch=8, degrees=15)
        assert abs(float(dots.mean()) - coverage) < 0.12


def test_ink_covers_dark_areas_and_edges() -> None:
    step = np.full((60, 60), 0.9, np.float32)
    step[:, 30:] = 0.1
    inked = xdog(step, 1.0, strength=10, threshold=0.5, steepness=10)
    assert inked[30, 5] == 1 and inked[30, 55] < 0.05
    strokes = pencil_strokes(step)
    assert strokes[30, 30] < 0.5 < strokes[30, 5]
