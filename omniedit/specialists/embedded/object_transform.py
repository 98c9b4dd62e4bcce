"""Movement or resizing of an object in a photo: its old place is filled, and it is pasted with the ground around it.

An object is placed only where plain ground surrounds it. On such ground, no shadow, foot or wing beyond its outline
remains, and the copied ground matches its new place.

    H, W  the photo's height and width"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from omniedit.grounding.nouns import OBJECT
from omniedit.grounding.objects import FoundObject
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.color import smoothstep
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.inpaint import inpaint
from omniedit.imaging.morphology import bounding_box, dilate_by_share, distances_to
from omniedit.imaging.plain_ground import fill_from_ground, ground_unevenness, has_spots, match_tone, surroundings
from omniedit.sources.photo import Photo
from omniedit.specialists.embedded.removal_mask import share_on

MIN_AREA, MAX_AREA = 0.003, 0.2
"""Minimum and maximum share of the image that a placed object covers."""
RIM = 0.18
"""Width of the rim that is filled together with the object, as a share of the square root of its area."""
MAX_UNEVENNESS = 19.0
"""Maximum distance in Lab between plain surroundings and one even colour or gradient."""
MAX_GROUND_DISTANCE = 9.0
"""Maximum distance in Lab between the colours of the old and the new surroundings."""
FADE = 0.09
"""Distance from the object at which the copied ground has faded out, as a share of the square root of its area."""
MARGIN = 0.01
"""Distance that a placed object keeps from the image's border, as a share of the image's side."""


@dataclass(frozen=True)
class ObjectTransform:
    """Place of an object after an edit.

    Args:
        scale: its new width and height as a share of the old ones.
        anchor: (x, y) in pixels, the point that stays in place when the object is scaled.
        shift: (x, y) in pixels, added after scaling.
    """

    scale: float
    anchor: tuple[float, float]
    shift: tuple[int, int]

    @property
    def matrix(self) -> np.ndarray:
        """Return the (2, 3) affine map from old to new pixels."""
        x, y = ((1 - self.scale) * point + by for point, by in zip(self.anchor, self.shift, strict=True))
        return np.array([[self.scale, 0, x], [0, self.scale, y]], np.float64)

    def move_box(self, box: FractionBox, shape: tuple[int, ...]) -> FractionBox:
        """Return where a box, as fractions of an (H, W) image, lies after the edit."""
        height, width = shape[:2]
        (_, _, x), (_, _, y) = self.matrix.tolist()
        x, y = x / width, y / height
        return tuple(self.scale * edge + by for edge, by in zip(box, (x, y, x, y), strict=True))


def find_obstacle(photo: Photo, obj: FoundObject, objects: Sequence[FoundObject]) -> str:
    """Return why an object cannot be placed elsewhere, or '' if it can."""
    others = [other for other in objects if other is not obj]
    if obj.name == OBJECT and others:
        return "the object has no name, and the photo has several objects"
    if not MIN_AREA <= obj.area <= MAX_AREA:
        return f"the {obj.name} covers {obj.area:.1%} of the image"
    if obj.cut_sides:
        return f"the border cuts off the {obj.name}"
    if any(share_on(obj, other) > 0.02 or share_on(other, obj) > 0.02 for other in others):
        return f"the {obj.name} touches another object"
    rim = mask_with_rim(obj)
    uneven = ground_unevenness(photo.image, rim)
    if uneven > MAX_UNEVENNESS:
        return f"the surroundings of the {obj.name} are not plain ({uneven:.0f})"
    if has_spots(photo.image, rim):
        return f"a part of the {obj.name} or its shadow may be outside its outline"
    if any((rim & other.mask).any() for other in others):
        return f"the {obj.name} is too close to another object"
    return ""


def mask_with_rim(obj: FoundObject) -> Mask:
    """Return the (H, W) mask of an object and the rim that is filled together with it."""
    return dilate_by_share(obj.mask, RIM)


def can_place(filled: Image, obj: FoundObject, placing: ObjectTransform, others: Sequence[Mask]) -> bool:
    """Return whether an object would lie on the same plain ground, in view and clear of others.

    Args:
        filled: (H, W, 3), the photo without the object.
    """
    left, top, right, bottom = placing.move_box(obj.box, obj.mask.shape)
    if left < MARGIN or top < MARGIN or right > 1 - MARGIN or bottom > 1 - MARGIN:
        return False
    place = dilate_by_share(_warp(obj.mask.astype(np.float32), placing) > 0.5, RIM)
    if any((place & other).any() for other in others):
        return False
    if place[[0, -1]].any() or place[:, [0, -1]].any() or ground_unevenness(filled, place) > MAX_UNEVENNESS:
        return False
    (old_lab, old_ring, _), (lab, ring, hidden) = (surroundings(filled, mask) for mask in (mask_with_rim(obj), place))
    old, new = np.median(old_lab[old_ring], axis=0), np.median(lab[ring], axis=0)
    under = np.percentile(np.linalg.norm(lab[hidden] - new, axis=1), 90)
    return bool(np.linalg.norm(old - new) <= MAX_GROUND_DISTANCE and under <= MAX_UNEVENNESS)


def place(photo: Photo, filled: Image, obj: FoundObject, placing: ObjectTransform) -> tuple[Image, Mask]:
    """Return the photo with the object in its new place, and the mask of the pixels that differ from the photo.

    Args:
        filled: (H, W, 3), the photo with `mask_with_rim(obj)` filled.
    """
    reach = max(3.0, FADE * float(obj.mask.sum()) ** 0.5)
    away = distances_to(obj.mask)
    opacity, solid, outer = (
        _warp(values.astype(np.float32), placing)
        for values in (1 - smoothstep(1.0, reach, away), 1 - smoothstep(0.0, 3.0, away), away <= 2.5 * reach)
    )
    pixels, covered = _warp(photo.image, placing).astype(np.float32), opacity > 1 / 255
    ground = pixels.copy()
    match_tone(ground, filled, (outer > 0.99) & (opacity < 0.2), covered)
    pixels += (1 - solid[..., None]) * (ground - pixels)
    under, over = filled[covered].astype(np.float32), pixels[covered]
    result = filled.copy()
    mixed = under + opacity[covered][:, None] * (over - under)
    result[covered] = np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
    return result, mask_with_rim(obj) | covered


def fill_place(photo: Photo, obj: FoundObject, others: Sequence[FoundObject]) -> Image:
    """Return the photo with the object and its rim filled by the ground next to it, or else inpainted."""
    spare = np.logical_or.reduce([np.zeros_like(obj.mask), *(other.mask for other in others)])
    filled = fill_from_ground(photo.image, mask_with_rim(obj), spare)
    return inpaint(photo.image, mask_with_rim(obj)) if filled is None else filled


def foot(obj: FoundObject) -> tuple[float, float]:
    """Return the middle of an object's lower edge, in pixels."""
    left, _, right, bottom = bounding_box(obj.mask)
    return (left + right - 1) / 2, float(bottom - 1)


def _warp(values: np.ndarray, placing: ObjectTransform) -> np.ndarray:
    """Return (H, W) or (H, W, 3) values moved with the object; zero where no pixel arrives."""
    height, width = values.shape[:2]
    if placing.scale < 1:
        side = max(1, round(width * placing.scale)), max(1, round(height * placing.scale))
        small = cv2.resize(values, side, interpolation=cv2.INTER_AREA)
        (_, _, x), (_, _, y) = placing.matrix.tolist()
        ratio = side[0] / width, side[1] / height
        matrix = np.array([[placing.scale / ratio[0], 0, x], [0, placing.scale / ratio[1], y]], np.float64)
        return cv2.warpAffine(small, matrix, (width, height), flags=cv2.INTER_LINEAR).astype(values.dtype)
    return cv2.warpAffine(values, placing.matrix, (width, height), flags=cv2.INTER_CUBIC).astype(values.dtype)
