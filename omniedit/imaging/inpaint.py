"""Inpainting of a hole with plausible background: PatchMatch (Barnes et al. 2009) on a crop around the hole."""

from importlib.metadata import version

import cv2
import numpy as np
from numpy.typing import NDArray
from patchmatch import patch_match

from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box

MODELS = {"pypatchmatch": version("pypatchmatch")}
CONTEXT = 0.5
"""Margin of the crop around the hole, as a share of the hole's longer side."""
MIN_CONTEXT_PIXELS = 64
WORKING_SIDE = 560
"""Longer side, in pixels, at which PatchMatch works; `_with_detail` restores the detail that scaling removes."""
PATCH_RADIUS = 3
RIM_PIXELS, STEP_REACH, MAX_STEP = 3, 12.0, 14.0
"""Width of the rim where the step in tone is measured, distance over which its correction fades (both in pixels), and
largest correction (of 255): a larger step is an edge of the image."""

patch_match.set_verbose(False)


def inpaint(image: Image, hole: Mask) -> Image:
    """Return the image with the hole filled. Pixels outside the hole are unchanged, bit for bit.

    Args:
        image: (H, W, 3) RGB.
        hole: (H, W), not empty, smaller than the image; the same image and hole give the same fill.
    """
    left, top, right, bottom = _crop_around(hole)
    crop, crop_hole = np.ascontiguousarray(image[top:bottom, left:right]), hole[top:bottom, left:right]
    scale = min(1.0, WORKING_SIDE / max(crop_hole.shape))
    fill = _patch_match(crop, crop_hole) if scale == 1 else _fill_at_small_size(crop, crop_hole, scale)
    result = image.copy()
    result[top:bottom, left:right][crop_hole] = _level_tone(fill, crop, crop_hole)[crop_hole]
    return result


def _crop_around(hole: Mask) -> tuple[int, int, int, int]:
    left, top, right, bottom = bounding_box(hole)
    margin = max(MIN_CONTEXT_PIXELS, round(CONTEXT * max(right - left, bottom - top)))
    height, width = hole.shape
    return max(0, left - margin), max(0, top - margin), min(width, right + margin), min(height, bottom + margin)


def _patch_match(image: Image, hole: Mask) -> Image:
    patch_match.set_random_seed(0)
    filled = patch_match.inpaint(image, hole[..., None].astype(np.uint8) * 255, patch_size=PATCH_RADIUS)
    return np.asarray(filled, dtype=np.uint8)


def _fill_at_small_size(crop: Image, hole: Mask, scale: float) -> Image:
    """Run PatchMatch at reduced size, then scale the fill up and add the crop's own fine detail."""
    small_size = (round(crop.shape[1] * scale), round(crop.shape[0] * scale))
    small = cv2.resize(crop, small_size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    small_hole = cv2.resize(hole.astype(np.float32), small_size, interpolation=cv2.INTER_AREA) > 0
    coarse = _upscale(_patch_match(small, small_hole), crop.shape)
    detail = crop.astype(np.float32) - _upscale(small, crop.shape)
    return _with_detail(coarse, detail, hole)


def _upscale(small: Image, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return cv2.resize(small.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _level_tone(fill: Image, crop: Image, hole: Mask) -> Image:
    """Lighten or darken the fill along the hole's edge to remove the step in tone; the correction fades inwards.

    Args:
        fill: (H, W, 3), the crop with the hole filled.
        crop: (H, W, 3), the image's own pixels outside the hole.
        hole: (H, W).
    """
    depth, labels = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    outside = np.flatnonzero(~hole)
    nearest = np.zeros(labels.max() + 1, np.int64)
    nearest[labels.ravel()[outside]] = outside
    rim = hole & (depth <= RIM_PIXELS)
    step = np.zeros(fill.shape, np.float32)
    step[rim] = crop.reshape(-1, 3)[nearest[labels[rim]]].astype(np.float32) - fill[rim]
    weight = cv2.GaussianBlur(rim.astype(np.float32), (0, 0), STEP_REACH)
    correction = cv2.GaussianBlur(step, (0, 0), STEP_REACH) / np.maximum(weight, 1e-4)[..., None]
    correction = np.clip(correction, -MAX_STEP, MAX_STEP) * np.exp(-depth / (2 * STEP_REACH))[..., None]
    return np.clip(fill + correction, 0, 255).astype(np.uint8)


def _with_detail(coarse: NDArray[np.float32], detail: NDArray[np.float32], hole: Mask) -> Image:
    """Add the fine detail (grain and texture) of the region outside the hole that is most similar to the fill.

    Args:
        coarse: (H, W, 3), the crop with the hole filled, without fine detail.
        detail: (H, W, 3), the detail that scaling removed; meaningless inside the hole.
        hole: (H, W).
    """
    rows, columns = np.nonzero(hole)
    shifts = _shifts_outside(hole)
    if not shifts:
        return np.clip(coarse, 0, 255).astype(np.uint8)
    inside = coarse[rows, columns]
    dy, dx = min(shifts, key=lambda shift: _mismatch(inside, coarse[rows + shift[0], columns + shift[1]]))
    result = coarse.copy()
    result[rows, columns] += detail[rows + dy, columns + dx]
    return np.clip(result, 0, 255).astype(np.uint8)


def _mismatch(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.abs(first - second).mean())


def _shifts_outside(hole: Mask) -> list[tuple[int, int]]:
    """Return the shifts (down, right) that move the hole inside the crop to where it does not overlap the hole
    itself.
    """
    left, top, right, bottom = bounding_box(hole)
    height, width = hole.shape
    steps = np.linspace(-1, 1, 17)
    inside = [
        (dy, dx)
        for dy in {round(step * height) for step in steps}
        for dx in {round(step * width) for step in steps}
        if top + dy >= 0 and bottom + dy <= height and left + dx >= 0 and right + dx <= width
    ]
    return sorted(shift for shift in inside if not _overlaps(hole, shift))


def _overlaps(hole: Mask, shift: tuple[int, int]) -> bool:
    rows, columns = np.nonzero(hole[::4, ::4])
    return bool(hole[4 * rows + shift[0], 4 * columns + shift[1]].any())
