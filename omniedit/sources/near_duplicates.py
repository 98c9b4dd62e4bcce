"""Find resized, re-encoded, brightened or slightly cropped copies of a photo by their perceptual hashes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from omniedit.imaging.images import Image

_SIDE = 48
_FREQUENCIES = 12
MAX_DIFFERENT_BITS = 28
"""Maximum number of the 143 bits by which near-duplicates differ. When 120 images were resized to a quarter, re-encoded
at JPEG quality 30 or WebP quality 40, brightened, or cropped by 2 %, 99 % of the results differed by 25 bits or less.
51,533 pairs of different images (Debian's wallpapers and Tux Paint's stamps) differed by at least 39 bits, with a
mean of 71 and a standard deviation of 6.4."""


def perceptual_hash(image: Image) -> str:
    """Return the signs of the 143 lowest DCT frequencies of an (H, W, 3) RGB image in grey, as hexadecimal digits."""
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    frequencies = cv2.dct(grey.astype(np.float32))[:_FREQUENCIES, :_FREQUENCIES].ravel()[1:]
    return np.packbits(frequencies > 0).tobytes().hex()


def find_near_duplicate(phash: str, others: Iterable[str]) -> str | None:
    """Return the first of the given perceptual hashes that belongs to a near-duplicate, or None."""
    bits = int(phash, 16)
    return next((other for other in others if (bits ^ int(other, 16)).bit_count() <= MAX_DIFFERENT_BITS), None)


def is_held_out(photo: Mapping[str, Any], bench: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a photo, or a near-duplicate of it, is in the rows of `sources/bench.parquet`."""
    if any(photo["sha256"] == row["sha256"] for row in bench):
        return True
    phashes = [row["phash"] for row in bench if row.get("phash")]
    return bool(photo.get("phash")) and find_near_duplicate(photo["phash"], phashes) is not None
