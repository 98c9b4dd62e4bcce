"""Soft edges: from a mask to an alpha matte, and the colours of what is in front without what was behind."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.images import Image, Mask


def guided_filter(guide: Image, values: NDArray[np.float32], radius: int, eps: float) -> NDArray[np.float32]:
    """Smooth `values` along the edges of a picture (He, Sun and Tang 2013, eq. 5, 6 and 8, grey guide).

    Args:
        guide: (H, W, 3) RGB.
        values: (H, W).
        radius: of the window, in pixels.
        eps: how much contrast counts as an edge, in squared luminance of [0, 1].
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
    """(H, W) opacity in [0, 1]: 1 deep inside the mask, 0 far outside, along hair and fluff in between.

    Args:
        radius: half the width in pixels of the band round the mask's edge in which opacity is to be found.
    """
    soft = guided_filter(image, mask.astype(np.float32), radius, eps=1e-5)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    inside = cv2.erode(mask.astype(np.uint8), kernel, borderValue=1) > 0
    outside = cv2.dilate(mask.astype(np.uint8), kernel) == 0
    alpha = np.clip((soft - 0.1) / 0.8, 0, 1)
    alpha[inside] = 1
    alpha[outside] = 0
    return alpha.astype(np.float32)


def foreground_colours(image: Image, mask: Mask, radius: int) -> Image:
    """The picture with the mask's inner colours carried outwards over its edge band, so that no background is left.

    Args:
        radius: width in pixels of the band to replace, inwards of the mask's edge.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    core = cv2.erode(mask.astype(np.uint8), kernel, borderValue=1)
    if not core.any():
        core = mask.astype(np.uint8)
    weight = core.astype(np.float32)
    colours = image.astype(np.float32) * weight[..., None]
    result = image.astype(np.float32)
    filled = core > 0
    sigma = float(radius)
    while not filled.all() and sigma <= 16 * radius:
        total = cv2.GaussianBlur(weight, (0, 0), sigma)
        spread = cv2.GaussianBlur(colours, (0, 0), sigma) / np.maximum(total, 1e-6)[..., None]
        reached = ~filled & (total > 1e-3)
        result[reached] = spread[reached]
        filled |= reached
        sigma *= 2
    return np.clip(result, 0, 255).astype(np.uint8)
