"""Masks of regions as COCO stores them: polygons, run lengths, and compressed run lengths.

H, W  size of the image
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from omniedit.imaging.images import Mask


class BadRegion(ValueError):
    """Error for a region that does not decode to a mask."""


def decode_region(segmentation: Any, height: int, width: int) -> Mask:
    """Return the (H, W) mask of a segmentation.

    Args:
        segmentation: list of polygons [x, y, x, y, ...], or {"size": [H, W], "counts": runs}.

    Raises:
        BadRegion: it has neither form, or does not fit the image.
    """
    if isinstance(segmentation, dict):
        return _decode_runs(segmentation, height, width)
    if not isinstance(segmentation, list) or not segmentation:
        raise BadRegion("the region has neither polygons nor run lengths")
    mask = np.zeros((height, width), np.uint8)
    for polygon in segmentation:
        cv2.fillPoly(mask, [_read_polygon(polygon)], 1)
    if not mask.any():
        raise BadRegion("the region covers no pixel of the image")
    return mask.astype(bool)


def _read_polygon(polygon: Any) -> np.ndarray:
    try:
        points = np.asarray(polygon, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        raise BadRegion("a polygon is not a list of x and y") from None
    if len(points) < 3 or not np.isfinite(points).all() or np.abs(points).max() > 1e6:
        raise BadRegion("a polygon has fewer than three points, or an invalid coordinate")
    return np.rint(points).astype(np.int32)


def _decode_runs(segmentation: dict[str, Any], height: int, width: int) -> Mask:
    """Decode run lengths, which alternate between outside and inside, column by column."""
    if list(segmentation.get("size") or ()) != [height, width]:
        raise BadRegion(f"the region's size is {segmentation.get('size')!r:.40}, the image's [{height}, {width}]")
    counts = segmentation.get("counts")
    runs = decompress_runs(counts) if isinstance(counts, str | bytes) else counts
    if not isinstance(runs, Sequence) or not all(isinstance(run, int) and run >= 0 for run in runs):
        raise BadRegion("the region's run lengths are not numbers")
    if sum(runs) != height * width:
        raise BadRegion(f"the region's run lengths sum to {sum(runs)}, not to {height} x {width} pixels")
    values = np.arange(len(runs)) % 2 == 1
    mask = np.repeat(values, runs).reshape(width, height).T
    if not mask.any():
        raise BadRegion("the region covers no pixel of the image")
    return np.ascontiguousarray(mask)


def decompress_runs(text: str | bytes) -> list[int]:
    """Decode COCO's compressed run lengths: 6 bits per character, one of which says whether the number continues. From
    the fourth number on, a number is stored as the difference from the number two places earlier.

    Raises:
        BadRegion: the text ends within a number, or has other characters.
    """
    data = text.encode("latin-1", "replace") if isinstance(text, str) else text
    runs: list[int] = []
    place = 0
    while place < len(data):
        value, shift, more = 0, 0, True
        while more:
            if place >= len(data) or not 48 <= data[place] < 112 or shift > 50:
                raise BadRegion("the region's compressed run lengths are damaged")
            code = data[place] - 48
            value |= (code & 0x1F) << shift
            more, place, shift = bool(code & 0x20), place + 1, shift + 5
            if not more and code & 0x10:
                value |= -1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs
