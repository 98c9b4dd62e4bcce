"""Masks of objects from their boxes: GrabCut (Rother et al. 2004) on a reduced crop, refined at full resolution.

A box drawn around an object touches it on all four sides, so the bounding box of a correct mask is the given box (the
tightness prior of Lempitsky et al. 2009). GrabCut seeded by the saliency in the box comes first, because it excludes an
object's cast shadow, which colour alone includes. If its mask falls short of the box, GrabCut from the whole box is
tried in RGB and in Lab, and the tightest mask wins. This prevents masks of only the fig in a bowl, or of a bottle
without its cap.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.saliency import saliency
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.matting import guided_filter
from omniedit.imaging.morphology import fill_holes

CONTEXT = 0.35
"""Margin of the crop around the box, as a share of the box's sides. GrabCut estimates the background from it."""
WORKING_SIDE = 420
"""Longer side, in pixels, of the crop that GrabCut processes."""
TIGHT = 0.85
"""Intersection over union of a mask's bounding box and the given box from which no other mask is tried."""
LOOSE_IOU = 0.5
"""Intersection over union up to which the object is abandoned, because a part of it (a stem) or all of it is
missing."""
SALIENT, SURELY_SALIENT = 0.3, 0.9
"""Saliency above which GrabCut starts with a pixel as probable, and as certain, object."""
ITERATIONS = 6
"""Number of iterations of GrabCut. With four, the mask of the fig in the sample photo includes the shadow of its
stem."""
SOLID = 0.12
"""Minimum share of the box that a mask fills. A smaller share is a failure (glass, wire, a wrong box)."""


def object_mask(image: Image, box: FractionBox) -> Mask | None:
    """Return the mask of the object in a box, one piece without holes, or None if no object is distinct.

    Args:
        image: (H, W, 3) RGB.
        box: of the object, as fractions of the image.
    """
    left, top, right, bottom = _pixels(box, image.shape[:2], CONTEXT)
    crop = np.ascontiguousarray(image[top:bottom, left:right])
    scale = min(1.0, WORKING_SIDE / max(crop.shape[:2]))
    small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    inner = _within(box, image.shape[:2], (left, top), scale, small.shape[:2])
    outline = _tightest(_candidates(small, inner), inner)
    if outline is None:
        return None
    mask = np.zeros(image.shape[:2], bool)
    mask[top:bottom, left:right] = _upsample(outline, crop, scale)
    return mask


def box_mask(box: FractionBox, shape: tuple[int, ...]) -> Mask:
    """Return the mask of a whole box in an image of shape (H, W, ...)."""
    left, top, right, bottom = _pixels(box, shape, 0.0)
    mask = np.zeros(shape[:2], bool)
    mask[top:bottom, left:right] = True
    return mask


def _pixels(box: FractionBox, shape: tuple[int, ...], margin: float) -> tuple[int, int, int, int]:
    height, width = shape[:2]
    x0, y0, x1, y1 = box
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    return (
        int(max(0.0, x0 - dx) * width),
        int(max(0.0, y0 - dy) * height),
        round(min(1.0, x1 + dx) * width),
        round(min(1.0, y1 + dy) * height),
    )


def _within(
    box: FractionBox, shape: tuple[int, ...], origin: tuple[int, int], scale: float, small: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Return the box as (x, y, width, height) in the reduced crop, with background on every side, as GrabCut needs."""
    left, top, right, bottom = (
        (edge - corner) * scale for edge, corner in zip(_pixels(box, shape, 0.0), origin * 2, strict=True)
    )
    left, top = max(int(left), 1), max(int(top), 1)
    right, bottom = min(round(right), small[1] - 1), min(round(bottom), small[0] - 1)
    return left, top, max(right - left, 1), max(bottom - top, 1)


def _tightest(candidates: Iterator[NDArray[np.uint8]], inner: tuple[int, int, int, int]) -> NDArray[np.uint8] | None:
    """Return the first candidate that reaches all sides of the box, else the best one; None if all are too loose."""
    best, best_fit = None, LOOSE_IOU
    for outline in candidates:
        fit = _fit(outline, inner)
        if outline.sum() >= SOLID * inner[2] * inner[3] and fit > best_fit:
            best, best_fit = outline, fit
        if best_fit >= TIGHT:
            break
    return best


def _fit(outline: NDArray[np.uint8], inner: tuple[int, int, int, int]) -> float:
    """Return the intersection over union of `inner` and the bounding box of `outline`, which is inside it."""
    _, _, width, height = cv2.boundingRect(outline)
    return width * height / (inner[2] * inner[3])


def _candidates(small: Image, inner: tuple[int, int, int, int]) -> Iterator[NDArray[np.uint8]]:
    """Yield masks of the object in the box `inner` (x, y, width, height), the most trusted first."""
    x, y, width, height = inner
    box = np.s_[y : y + height, x : x + width]
    labels = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    heat = saliency(np.ascontiguousarray(small[box]))
    labels[box] = np.select((heat > SURELY_SALIENT, heat > SALIENT), (cv2.GC_FGD, cv2.GC_PR_FGD), cv2.GC_PR_BGD)
    yield _grab_cut(small, labels)
    labels[box] = cv2.GC_PR_FGD
    yield _grab_cut(small, labels)
    yield _grab_cut(cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.uint8, copy=False), labels)


def _grab_cut(small: Image, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return GrabCut's mask of the object from initial labels; empty if they mark no object or no background."""
    labels = labels.copy()
    seeds = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if seeds.all() or not seeds.any():
        return np.zeros(labels.shape, np.uint8)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return _one_piece(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8))


def _one_piece(outline: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest connected piece, with its outline slightly smoothed and its holes filled."""
    outline = cv2.morphologyEx(outline, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.uint8, copy=False)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(outline)
    if count == 1:
        return outline
    return fill_holes(labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)


def _upsample(outline: NDArray[np.uint8], crop: Image, scale: float) -> Mask:
    """Return the mask at the crop's resolution, with its edge aligned to the crop's edges by a guided filter."""
    soft = cv2.resize(outline.astype(np.float32), crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    refined = guided_filter(crop, soft.astype(np.float32, copy=False), radius=max(2, round(2 / scale)), eps=1e-4)
    return refined > 0.5
