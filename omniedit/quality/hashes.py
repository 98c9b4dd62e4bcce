"""Perceptual hashes of images as arrays: conversion, 64-bit keys to search by, mirroring, and the hash of a change."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image
from omniedit.quality.hamming import Hashes
from omniedit.sources.near_duplicates import MAX_DIFFERENT_BITS, perceptual_hash

Bits = NDArray[np.uint8]
"""(N, 18) perceptual hashes of `omniedit.sources.near_duplicates`: 143 bits each, packed, in row order of the DCT."""
Levels = NDArray[np.float32]
"""(N, 4) or (4,) change levels of pairs (`hash_change`)."""
HASH_BYTES = 18
LEVEL_STEP, LEVEL_SHARE = 2.0, 0.12
"""Allowed difference of change levels: 2 levels, and 12 % of the change's root mean square. Measured on 250 pairs:
after re-encoding at JPEG quality 50, halving, or cropping by 2 %, the difference is at most 43 % of the limit. After
brightening by 10 %, it exceeds the limit for 1 % of the pairs."""
CHANGE_RADIUS = 6
"""Maximum number of bits by which the change hashes of duplicates differ. 98 % of these copies differ by less."""
_SIDE = 12
_PLACES = [divmod(place + 1, _SIDE) for place in range(_SIDE * _SIDE - 1)]
"""Vertical and horizontal frequency of each of the 143 bits."""
_LOWEST_FREQUENCIES = sorted(range(len(_PLACES)), key=lambda bit: (sum(_PLACES[bit]), _PLACES[bit]))[:64]
_KEY_BITS = np.array(_LOWEST_FREQUENCIES).reshape(8, 8).T.ravel()
"""Bits of the 64-bit key: the lowest frequencies, distributed so that none of the eight bytes has only the very
lowest."""
_MIRRORED = np.packbits([horizontal % 2 for _, horizontal in _PLACES])
"""Bits that change if the image is mirrored left to right: the odd horizontal frequencies."""
_MAX_SHORTER = 384
_CHANGE_SIDE = 32
_CHANGE_PLACES = sorted(((y, x) for y in range(6) for x in range(6)), key=lambda place: (sum(place), place))
_CHANGE_BITS = [(channel, *place) for channel, count in ((0, 24), (1, 20), (2, 20)) for place in _CHANGE_PLACES[:count]]
_CHANGE_INDEX = tuple(np.array(axis) for axis in zip(*_CHANGE_BITS, strict=True))
_CHANGE_MIRRORED = np.packbits([x % 2 for _, _, x in _CHANGE_BITS]).view(np.uint64)[0]
MIN_DEVIATION = 2.0
"""Standard deviation of a 48 x 48 grey image, 0-255, below which its perceptual hash is meaningless."""


def hash_image(image: Image) -> bytes:
    """Return the 18 bytes of an (H, W, 3) RGB image's perceptual hash."""
    return bytes.fromhex(perceptual_hash(halve(image)))


def halve(image: Image) -> Image:
    """Halve an image until its shorter side is below `_MAX_SHORTER` pixels: fast, and few bits of the hash change."""
    while min(height := image.shape[0] // 2, width := image.shape[1] // 2) >= _MAX_SHORTER // 2:
        whole = image[: 2 * height, : 2 * width]
        image = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return image


def read_hashes(phashes: Sequence[str]) -> Bits:
    """Return the perceptual hashes of `sources/bench.parquet` or of an index, given as hexadecimal digits."""
    return np.frombuffer(b"".join(map(bytes.fromhex, phashes)), np.uint8).reshape(-1, HASH_BYTES)


def search_keys(bits: Bits) -> Hashes:
    """Return the 64 bits of the lowest frequencies, by which hashes are searched."""
    chosen = np.ascontiguousarray(np.unpackbits(bits, axis=1)[:, _KEY_BITS])
    return np.packbits(chosen, axis=1).view(np.uint64).ravel()


def mirror(bits: Bits) -> Bits:
    """Return the hashes of the images mirrored left to right."""
    return bits ^ _MIRRORED


def are_near_duplicates(first: Bits, second: Bits) -> NDArray[np.bool_]:
    """Return, row by row, whether two images are near-duplicates by all 143 bits of their hashes."""
    return np.bitwise_count(first ^ second).sum(axis=1) <= MAX_DIFFERENT_BITS


def hash_change(source: Image, edited: Image) -> tuple[int, Levels]:
    """Return the change hash and the change levels of two (H, W, 3) RGB images of equal size.

    The hash has 64 signs of the lowest DCT frequencies of edited - source, in luma and both colour differences. Two
    different local edits of one photo give nearly equal images, but different change hashes. The hash ignores the
    strength of a change, which the levels measure: they distinguish dusk from night. The levels are the mean change of
    each of the three channels and the root mean square of all, 0-255.
    """
    change = _small_ycrcb(edited) - _small_ycrcb(source)
    frequencies = np.stack([cv2.dct(np.ascontiguousarray(change[..., channel])) for channel in range(3)])
    bits = np.packbits(frequencies[_CHANGE_INDEX] > 0).view(np.uint64)[0]
    return int(bits), np.array([*change.mean(axis=(0, 1)), np.sqrt((change**2).mean())], np.float32)


def levels_match(first: Levels, second: Levels) -> NDArray[np.bool_]:
    """Return, row by row, whether re-encoding can explain the difference of the change levels (N, 4) of two pairs."""
    strength = np.maximum(first[:, 3], second[:, 3])
    return np.abs(first - second).max(axis=1) <= LEVEL_STEP + LEVEL_SHARE * strength


def mirror_changes(changes: Hashes) -> Hashes:
    """Return the change hashes of the pairs mirrored left to right."""
    return changes ^ _CHANGE_MIRRORED


def is_plain(image: Image) -> bool:
    """Return whether an image has too little contrast for a perceptual hash."""
    return float(_small_ycrcb(image)[..., 0].std()) < MIN_DEVIATION


def _small_ycrcb(image: Image) -> NDArray[np.float32]:
    small = cv2.resize(halve(image), (_CHANGE_SIDE, _CHANGE_SIDE), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32)
