"""Masks grown, shrunk and measured."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Mask


def distances_to(mask: Mask) -> NDArray[np.float32]:
    """(H, W) pixels from each pixel to the nearest of the mask; infinite where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5).astype(np.float32, copy=False)


def dilate(mask: Mask, pixels: int) -> Mask:
    """The mask grown by a disc of this radius."""
    return distances_to(mask) <= pixels


def dilate_by_share(mask: Mask, share: float) -> Mask:
    """The mask grown by a share of its own size, the square root of its area: a cup's rim is not that of a house."""
    return dilate(mask, round(share * float(mask.sum()) ** 0.5))


def erode(mask: Mask, pixels: int) -> Mask:
    """The mask shrunk by a disc of this radius; the picture's border does not eat into it."""
    return distances_to(~mask) > pixels


def bounding_box(mask: Mask) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in pixels of a mask that is not empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
