"""Tests of perceptual hashes as arrays: copies are near, other images and other edits are not, mirroring is exact."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.quality.hashes import (
    CHANGE_RADIUS,
    are_near_duplicates,
    hash_change,
    hash_image,
    is_plain,
    levels_match,
    mirror,
    mirror_changes,
    read_hashes,
    search_keys,
)
from omniedit.sources.near_duplicates import perceptual_hash


@pytest.fixture(scope="module")
def photo() -> Image:
    return make_photo(0)


def make_photo(seed: int) -> Image:
    """Return a smooth random image with some detail."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((7, 9, 3)).astype(np.float32), (320, 240), interpolation=cv2.INTER_CUBIC)
    return np.clip(200 * coarse + 20 * rng.random((240, 320, 1)), 0, 255).astype(np.uint8)


def hash_bits(image: Image) -> np.ndarray:
    return np.frombuffer(hash_image(image), np.uint8)[None]


COPIES: dict[str, Callable[[Image], Image]] = {
    "half": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "jpeg": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1),
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=0.95, beta=8),
    "cropped": lambda image: np.ascontiguousarray(image[1:-2, 2:-1]),
}


@pytest.mark.parametrize("name", COPIES)
def test_modified_copy_is_near(photo: Image, name: str) -> None:
    copy = hash_bits(COPIES[name](photo))
    assert are_near_duplicates(hash_bits(photo), copy).all()
    assert np.bitwise_count(search_keys(hash_bits(photo)) ^ search_keys(copy)).max() <= 6


def test_different_images_are_far() -> None:
    bits = np.concatenate([hash_bits(make_photo(seed)) for seed in range(30)])
    keys = search_keys(bits)
    distances = np.bitwise_count(keys[:, None] ^ keys[None])[np.triu_indices(30, 1)]
    assert distances.min() > 6
    assert not any(are_near_duplicates(bits[[i]], bits[[j]]).any() for i in range(30) for j in range(i))


def test_mirrored_hash_equals_the_hash_of_the_mirrored_image(photo: Image) -> None:
    flipped = np.ascontiguousarray(photo[:, ::-1])
    assert np.bitwise_count(mirror(hash_bits(photo)) ^ hash_bits(flipped)).sum() <= 1
    assert (mirror(mirror(hash_bits(photo))) == hash_bits(photo)).all()


def test_hashes_are_read_from_an_index(photo: Image) -> None:
    assert (read_hashes([perceptual_hash(photo)] * 2) == hash_bits(photo)).all()


def change(photo: Image, left: int, colour: tuple[int, int, int]) -> tuple[int, np.ndarray]:
    edited = photo.copy()
    edited[80:140, left : left + 50] = colour
    return hash_change(photo, edited)


def test_edits_in_other_places_or_colours_have_different_change_hashes(photo: Image) -> None:
    red, moved, blue = (change(photo, *edit)[0] for edit in ((40, (250, 0, 0)), (200, (250, 0, 0)), (40, (0, 0, 250))))
    assert (red ^ moved).bit_count() > 2 * CHANGE_RADIUS
    assert (red ^ blue).bit_count() > CHANGE_RADIUS


def test_same_edit_of_a_copy_has_the_same_change_hash(photo: Image) -> None:
    edited = photo.copy()
    edited[80:140, 40:90] = (250, 0, 0)
    first, levels = hash_change(photo, edited)
    second, others = hash_change(COPIES["jpeg"](photo), COPIES["jpeg"](edited))
    assert (first ^ second).bit_count() <= CHANGE_RADIUS
    assert levels_match(levels[None], others[None]).all()


def test_stronger_change_of_the_same_shape_has_different_levels(photo: Image) -> None:
    dusk, night = (cv2.convertScaleAbs(photo, alpha=alpha) for alpha in (0.7, 0.4))
    (first, levels), (second, others) = hash_change(photo, dusk), hash_change(photo, night)
    assert (first ^ second).bit_count() <= CHANGE_RADIUS
    assert not levels_match(levels[None], others[None]).any()


def test_mirrored_change_is_recognised(photo: Image) -> None:
    edited = photo.copy()
    edited[80:140, 40:90] = (250, 0, 0)
    straight, _ = hash_change(photo, edited)
    flipped, _ = hash_change(np.ascontiguousarray(photo[:, ::-1]), np.ascontiguousarray(edited[:, ::-1]))
    mirrored = mirror_changes(np.array([flipped], np.uint64))
    assert (int(mirrored[0]) ^ straight).bit_count() <= 1


def test_image_without_contrast_is_plain(photo: Image) -> None:
    assert is_plain(np.full((50, 60, 3), 255, np.uint8))
    assert not is_plain(photo)
