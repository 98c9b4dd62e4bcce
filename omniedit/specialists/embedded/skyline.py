"""Thin parts of a skyline, such as spires, masts and twigs, which a segmentation of the sky misses."""

import cv2
import numpy as np

from omniedit.imaging.color import blur, image_to_lab, smoothstep
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.procedural_noise import Field

WIDTH = 0.03
"""Maximum width of a thin part, as a share of the image's longer side."""
DARKNESS_RANGE = (6.0, 16.0)
"""Differences in L* from the lightest surroundings at which a thin part begins and is opaque."""
SKY_BLUENESS = 5.0
"""Minimum difference in b* between blue sky and the clouds around it. A thin part is less blue."""
GAP = 2
"""Distance in pixels that may separate a thin part from the land."""


def find_thin_parts(image: Image, sky: Field) -> Field:
    """Return the (H, W) opacity in [0, 1] of thin dark parts in the sky that are connected to the land.

    Args:
        image: (H, W, 3) RGB.
        sky: (H, W) opacity of the sky.
    """
    if not (sky > 0.5).any():
        return np.zeros_like(sky)
    lab = image_to_lab(image)
    side = max(5, round(WIDTH * max(sky.shape))) | 1
    mean = blur(sky[..., None] * lab, side) / np.maximum(blur(sky, side), 1e-3)[..., None]
    lightness = np.ascontiguousarray(lab[..., 0])
    without_land = np.where(sky > 0.5, lightness, mean[..., 0])
    darker = np.maximum(_darkness(lightness, side), _darkness(without_land, side))
    opacity = smoothstep(*DARKNESS_RANGE, darker) * (lab[..., 2] > mean[..., 2] - SKY_BLUENESS)
    return np.asarray(opacity * _touches_land(opacity > 0.5, sky < 0.5), np.float32)


def _darkness(lightness: Field, side: int) -> Field:
    """Return how much darker parts narrower than `side` pixels are than their surroundings."""
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(lightness, cv2.MORPH_CLOSE, ellipse) - lightness, np.float32)


def _touches_land(parts: Mask, land: Mask) -> Mask:
    """Return the (H, W) mask, grown by a pixel, of the connected parts that reach the land."""
    near = cv2.dilate(land.astype(np.uint8), np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8)) > 0
    _, labels = cv2.connectedComponents((parts | land).astype(np.uint8))
    reaching = np.unique(labels[near & (parts | land)])
    return cv2.dilate(np.isin(labels, reaching).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
