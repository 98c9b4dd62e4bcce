"""Soft edges: alpha mattes from masks, and foreground colours without the background."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import dilate, erode


def guided_filter(guide: Image, values: NDArray[np.float32], radius: int, eps: float) -> NDArray[np.float32]:
    """Smooth `values` along the edges of a guide image (He, Sun and Tang 2013, eq. 5, 6 and 8, grey guide).

    Args:
        guide: (H, W, 3) RGB.
        values: (H, W).
        radius: of the window, in pixels.
        eps: contrast from which an edge is preserved, as a squared difference of luminance in [0, 1].
    """
    grey = cv2.cvtColor(guide, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    window = (2 * radius + 1, 2 * radius + 1)

    def mean(array: NDArray[np.floating]) -> NDArray[np.float32]:
        return cv2.boxFilter(array, -1, window).astype(np.float32, copy=False)

    mean_grey, mean_values = mean(grey), mean(values)
    slope = (mean(grey * values) - mean_grey * mean_values) / (mean(grey * grey) - mean_grey**2 + eps)
    offset = mean_values - slope * mean_grey
    return (mean(slope) * grey + mean(offset)).astype(np.float32, copy=False)


def alpha_matte(image: Image, mask: Mask, radius: int) -> NDArray[np.float32]:
    """Return (H, W) opacity in [0, 1]: 1 deep inside the mask, 0 far outside, following hair and fluff in between.

    Args:
        radius: half the width, in pixels, of the band around the mask's edge in which opacity is estimated.
    """
    soft = guided_filter(image, mask.astype(np.float32), radius, eps=1e-5)
    alpha = np.clip((soft - 0.1) / 0.8, 0, 1)
    alpha[erode(mask, radius)] = 1
    alpha[~dilate(mask, radius)] = 0
    return alpha.astype(np.float32)


def foreground_colours(image: Image, mask: Mask, radius: int) -> Image:
    """Extend the mask's inner colours outwards over its edge band, so that no background is left.

    Args:
        radius: width, in pixels, of the band to replace, inwards from the mask's edge.
    """
    core = erode(mask, radius)
    if not core.any():
        core = mask
    _, labels = cv2.distanceTransformWithLabels(
        (~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(labels.max() + 1, np.int64)
    inside = np.flatnonzero(core)
    nearest[labels.ravel()[inside]] = inside
    carried = image.reshape(-1, 3)[nearest[labels]]
    smooth = cv2.GaussianBlur(carried, (0, 0), radius)
    return np.where(core[..., None], image, smooth).astype(np.uint8)
