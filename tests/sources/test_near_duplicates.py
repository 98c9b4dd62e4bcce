"""Tests of near-duplicates: a resized, re-encoded or slightly changed photo is recognised; another photo is not."""

import io
from functools import cache
from itertools import combinations

import cv2
import numpy as np
import PIL.Image
import pytest

from omniedit.imaging.images import Image, decode_image
from omniedit.sources.near_duplicates import find_near_duplicate, perceptual_hash
from omniedit.sources.photo_index import SAMPLE


@cache
def photos() -> dict[str, Image]:
    return {path.stem: decode_image(path.read_bytes()) for path in sorted(SAMPLE.glob("*.jpg"))}


def encode_again(image: Image, format: str, quality: int) -> Image:
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, format, quality=quality)
    return decode_image(file.getvalue())


TWINS = {
    "half": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "quarter": lambda image: cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_CUBIC),
    "square": lambda image: cv2.resize(image, (512, 512), interpolation=cv2.INTER_LINEAR),
    "JPEG": lambda image: encode_again(image, "JPEG", 30),
    "WebP": lambda image: encode_again(image, "WEBP", 40),
    "brighter": lambda image: np.clip(image * 1.15 + 8, 0, 255).astype(np.uint8),
    "cropped": lambda image: image[12:-12, 12:-12],
}


@pytest.mark.parametrize("change", TWINS)
def test_resized_reencoded_or_cropped_photo_is_a_twin(change: str) -> None:
    for name, image in photos().items():
        assert find_near_duplicate(perceptual_hash(TWINS[change](image)), [perceptual_hash(image)]), name


def test_different_photos_are_not_near_duplicates() -> None:
    hashes = {name: perceptual_hash(image) for name, image in photos().items()}
    for (name, phash), (other, other_phash) in combinations(hashes.items(), 2):
        assert find_near_duplicate(phash, [other_phash]) is None, (name, other)


def test_find_twin_returns_the_matching_hash() -> None:
    assert find_near_duplicate("0" * 36, ["f" * 36, f"{1:036x}"]) == f"{1:036x}"
