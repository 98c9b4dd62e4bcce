"""Morphology of masks: distances, dilation, erosion, filling and bounding boxes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Mask


def distances_to(mask: Mask) -> NDArray[np.float32]:
    """Return the (H, W) distance, in pixels, to the nearest pixel of the mask; infinite if the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5).astype(np.float32, copy=False)


def dilate(mask: Mask, pixels: int) -> Mask:
    """Grow the mask by a disc of radius `pixels`."""
    return distances_to(mask) <= pixels


def dilate_by_share(mask: Mask, share: float) -> Mask:
    """Grow the mask by a share of the square root of its area, because a house needs a wider rim than a cup."""
    return dilate(mask, round(share * float(mask.sum()) ** 0.5))


def erode(mask: Mask, pixels: int) -> Mask:
    """Shrink the mask by a disc of radius `pixels`. The image border does not erode it."""
    return distances_to(~mask) > pixels


def remove_specks(mask: Mask) -> Mask:
    """Remove the parts of a mask in which no square of 3 x 3 pixels fits."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0


def fill_holes(mask: Mask) -> Mask:
    """Fill the holes of the mask. A region that is connected to the outside only diagonally is a hole too."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(mask.shape, np.uint8), contours, -1, 1, cv2.FILLED) > 0


def overlap(first: Mask, second: Mask) -> float:
    """Return the intersection over union of two masks, 0 if both are empty."""
    return float((first & second).sum() / max(1, int((first | second).sum())))


def bounding_box(mask: Mask) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom), in pixels, of a mask that is not empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
