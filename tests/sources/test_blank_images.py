"""Tests that blank, placeholder and truncated images are rejected; dark, bright, plain and framed photos are not."""

import io
from functools import cache

import cv2
import numpy as np
import PIL.Image
import pytest

from omniedit.imaging.images import Image, decode_image
from omniedit.sources.blank_images import find_blank
from omniedit.sources.photo_index import SAMPLE


@cache
def full_size(name: str) -> Image:
    return decode_image((SAMPLE / f"{name}.jpg").read_bytes())


def photo(name: str = "mountain_meadow", width: int = 300) -> Image:
    image = full_size(name)
    return cv2.resize(image, (width, width * image.shape[0] // image.shape[1]), interpolation=cv2.INTER_AREA)


def flat(level: int, size: int = 256) -> Image:
    return np.full((size, size, 3), level, np.uint8)


def jpeg(image: Image, quality: int = 80) -> Image:
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "JPEG", quality=quality)
    return decode_image(file.getvalue())


def cut_off(level: int, share: float, turns: int = 0) -> Image:
    image = photo()
    image[round(image.shape[0] * (1 - share)) :] = level
    return np.ascontiguousarray(np.rot90(image, turns))


def placeholder() -> Image:
    image = flat(238, 512)
    cv2.putText(image, "image not available", (90, 260), cv2.FONT_HERSHEY_SIMPLEX, 1, (120, 120, 120), 2)
    return image


def dark_noise() -> Image:
    return np.random.default_rng(0).integers(0, 14, (256, 256, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (flat(0), "100% of it is one colour"),
        (flat(255), "100% of it is one colour"),
        (jpeg(flat(128)), "100% of it is one colour"),
        (placeholder(), "of it is one colour"),
        (dark_noise(), "nearly black"),
        (
            np.repeat(np.linspace(232, 245, 256).astype(np.uint8), 256 * 3).reshape(256, 256, 3),
            "nearly a single colour",
        ),
        ((photo() // 20).astype(np.uint8), "nearly black"),
        *((jpeg(cut_off(128, share, turns)), "plain grey") for share in (0.15, 0.25, 0.6, 0.9) for turns in range(4)),
        *((cut_off(0, share, turns), "plain black") for share in (0.25, 0.6) for turns in range(4)),
    ],
)
def test_blank_or_truncated_image_is_detected_with_a_reason(image: Image, reason: str) -> None:
    assert reason in (find_blank(image) or "")


def letterbox(axis: int) -> Image:
    bars = [(60, 60), (0, 0), (0, 0)]
    return np.pad(photo(), np.roll(bars, axis, 0)[:3] if axis == 0 else [bars[1], bars[0], bars[2]])


def product() -> Image:
    image = flat(255, 300)
    image[80:220, 80:220] = photo(width=140)[:140].mean(0, keepdims=True).astype(np.uint8)
    image[80:160, 80:220] = photo(width=140)[:80]
    return image


@pytest.mark.parametrize(
    "image",
    [
        (photo() // 4).astype(np.uint8),
        (200 + photo() // 5).astype(np.uint8),
        letterbox(0),
        letterbox(1),
        product(),
        np.repeat(np.linspace(90, 200, 256).astype(np.uint8), 256 * 3).reshape(256, 256, 3),
        cut_off(255, 0.4),
    ],
)
def test_dark_bright_plain_or_framed_photo_is_not_blank(image: Image) -> None:
    assert find_blank(image) is None


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*.jpg")), ids=lambda path: path.stem)
def test_sample_photos_are_not_blank(path: object) -> None:
    assert find_blank(decode_image(path.read_bytes())) is None  # type: ignore[attr-defined]
