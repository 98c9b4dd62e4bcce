"""Mask to inpaint when an object is removed: its outline with a rim, and parts of its box outside the outline."""

from collections.abc import Sequence

import cv2
import numpy as np

from omniedit.grounding.masks import box_mask
from omniedit.grounding.objects import FoundObject
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import dilate, erode
from omniedit.imaging.plain_ground import distances_to_plane
from omniedit.sources.photo import Photo

RIM, MIN_RIM_PIXELS = 0.07, 5
"""Width of the rim, as a share of the square root of the object's area, and its minimum in pixels. A wide rim removes
structure that the fill must continue, such as the edge of the table below the object."""
MIN_MISSED_GAP = 0.14
"""Gap between outline and box, as a share of the box's side, from which the outline misses a part of the object."""
FOOT = 0.2
"""Share of an outline's height that counts as its foot."""
MIN_INSIDE_SHARE = 0.5
"""Minimum share of an object inside another one's outline for it to count as part of that one."""
COARSE_SIDE = 96
"""Longer side in pixels of the copy on which surroundings are examined. Grass and blurred leaves have one colour at
this size."""
SURROUNDINGS = 0.35
"""Width of a hole's surroundings, as a share of the square root of the hole's area."""
PLAIN_SPREAD = 9.0
"""Maximum distance in Lab between plain surroundings and an even colour or gradient, for nine tenths of the pixels."""


def inpaint_mask(obj: FoundObject, objects: Sequence[FoundObject], photo: Photo) -> Mask:
    """Return the mask of an object with a rim.

    The mask covers other objects only within the width of the rim, and no part of the box of an object without an
    outline. It may cut into an object that holds this one, such as the bowl of an apple.
    """
    radius = max(MIN_RIM_PIXELS, round(RIM * float(obj.mask.sum()) ** 0.5))
    hole = dilate(obj.mask | _missing_box_part(obj.box, object_box(obj, photo), obj.mask.shape), radius)
    names = {other.name for other in objects}
    for other in objects:
        if other is not obj and share_on(obj, other) < MIN_INSIDE_SHARE:
            hole &= obj.mask | ~erode(other.mask, radius)
    for unseen in photo.objects:
        if unseen.name not in names and unseen.box is not None:
            hole &= obj.mask | ~box_mask(unseen.box, hole.shape)
    return hole


def is_plain_around(image: Image, hole: Mask) -> bool:
    """Return whether one colour or one gradient surrounds a hole: a lawn, a wall, a sky, a blurred background.

    The surroundings are compared with the plane that fits their Lab values best.
    """
    scale = COARSE_SIDE / max(hole.shape)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(hole.astype(np.float32), small.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    around = dilate(inside, max(2, round(SURROUNDINGS * float(inside.sum()) ** 0.5))) & ~inside
    rows, columns = np.nonzero(around)
    if len(rows) < 16:
        return False
    distances = distances_to_plane(image_to_lab(small)[around], rows, columns)
    return float(np.percentile(distances, 90)) <= PLAIN_SPREAD


def object_box(obj: FoundObject, photo: Photo) -> FractionBox:
    """Return an object's box from the caption file, or else the box of its outline."""
    return next((named.box for named in photo.objects if named.name == obj.name and named.box), obj.box)


def share_on(obj: FoundObject, other: FoundObject) -> float:
    """Return the share of an object that is inside the outline of another one."""
    return float((obj.mask & other.mask).sum() / obj.mask.sum())


def _missing_box_part(outline: FractionBox, box: FractionBox, shape: tuple[int, ...]) -> Mask:
    """Return the box if the outline does not reach it, otherwise nothing. If the outline includes the foot, the ground
    next to the foot is left out.
    """
    x0, y0, x1, y1 = box
    sides = (x1 - x0, y1 - y0) * 2
    gaps = (outline[0] - x0, outline[1] - y0, x1 - outline[2], y1 - outline[3])
    gaps_missed = [gap > MIN_MISSED_GAP * side for gap, side in zip(gaps, sides, strict=True)]
    if not any(gaps_missed):
        return np.zeros(shape, bool)
    return box_mask((x0, y0, x1, y1 if gaps_missed[3] else outline[3] - FOOT * (outline[3] - outline[1])), shape)
