"""Placement of a cut-out in a photo, in place of another object."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.nouns import find_kind
from omniedit.grounding.objects import FoundObject
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.color import image_to_lab
from omniedit.imaging.harmonize import CutOut, Field, cut_out, resize_cutout
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box
from omniedit.instructions.grammar import without_position
from omniedit.sources.photo import Photo
from omniedit.specialists.embedded.object_sizes import relative_size
from omniedit.specialists.embedded.removal_mask import object_box

MAX_UPSCALE = 1.3
"""Maximum factor by which a cut-out may be enlarged."""
MAX_SIZE_ERROR = 3.5
"""Maximum factor by which an object may be too large or too small for its place, so that no fig is as large as a
drum."""
MAX_WIDTH_RATIO, MAX_HEIGHT_RATIO = 1.5, 1.3
"""Maximum ratio of the new object's width, and of its height, to that of the old object's box."""
MIN_SURFACE_CONTRAST = 22.0
"""Minimum distance in Lab at which the surface below an object differs from the background behind it."""
MAX_SURFACE_CONTRAST = 5.0
"""Maximum distance in Lab between the colours behind and below an object on a surface that is seen from above."""


@dataclass(frozen=True)
class CutOutPlacement:
    """Place of a cut-out in a photo.

    Args:
        piece: the cut-out at its final size, with its opacity.
        left, top: position of the cut-out in the image, in pixels.
        standing: whether it stands on the old object's ground line; otherwise it is centred on the old object.
    """

    piece: CutOut
    left: int
    top: int
    standing: bool

    def paste_on_canvas(self, values: Field, shape: tuple[int, ...]) -> Field:
        """Return (h, w, ...) values of the cut-out on a black (H, W, ...) canvas; parts out of view are cropped."""
        (height, width), (rows, columns) = values.shape[:2], shape[:2]
        top, left = max(0, self.top), max(0, self.left)
        bottom, right = min(rows, self.top + height), min(columns, self.left + width)
        canvas = np.zeros((rows, columns, *values.shape[2:]), np.float32)
        canvas[top:bottom, left:right] = values[
            top - self.top : bottom - self.top, left - self.left : right - self.left
        ]
        return canvas

    def uncovered_hole(self, hole: Mask) -> Mask:
        """Return the (H, W) part of a hole that the cut-out does not cover."""
        return hole & (self.paste_on_canvas(self.piece.alpha, hole.shape) < 0.5)


def place_object(photo: Photo, old: FoundObject, donor: Photo, new: FoundObject) -> CutOutPlacement | None:
    """Place the new object where the old one is, at about its size, or return None if it does not fit."""
    scale = scale_between(old, new)
    if donor.source_id == photo.source_id:
        if not 0.4 < scale < 1.6:
            return None
        scale = 1.0
    if (
        scale > MAX_UPSCALE
        or _is_of_unknown_size(old, new)
        or not 1 / MAX_SIZE_ERROR <= enlargement(old, new, scale) <= MAX_SIZE_ERROR
    ):
        return None
    piece = resize_cutout(cut_out(donor.image, new.mask), scale)
    standing = is_standing(photo.image, old.mask)
    left, top = _corner(piece, photo, old, standing)
    placement = CutOutPlacement(piece, left, top, standing)
    in_view = placement.paste_on_canvas(piece.alpha, old.mask.shape).sum() > 0.99 * piece.alpha.sum()
    return placement if in_view and not _hides_another(placement, photo, old) else None


def scale_between(old: FoundObject, new: FoundObject) -> float:
    """Return the scale at which the new object has the area of the old one without extending far beyond the old one's
    box.
    """
    (old_width, old_height), (new_width, new_height) = box_size(old.mask), box_size(new.mask)
    area = float(old.mask.sum() / new.mask.sum()) ** 0.5
    return min(area, MAX_WIDTH_RATIO * old_width / new_width, MAX_HEIGHT_RATIO * old_height / new_height)


def enlargement(old: FoundObject, new: FoundObject, scale: float) -> float:
    """Return the factor by which the new object looks too large if the old one has its usual size; 1 if unknown."""
    relative = relative_size(new.name, old.name)
    return 1.0 if relative is None else scale * max(box_size(new.mask)) / max(box_size(old.mask)) / relative


def is_standing(image: Image, mask: Mask) -> bool:
    """Return whether an object stands, seen from the side: the colour below it differs from the colour behind it."""
    return surface_contrast(image, mask) > MIN_SURFACE_CONTRAST


def is_lying(image: Image, mask: Mask) -> bool:
    """Return whether one surface surrounds an object, as seen from above. A pale road below a pale sky does not."""
    return surface_contrast(image, mask) <= MAX_SURFACE_CONTRAST


def surface_contrast(image: Image, mask: Mask) -> float:
    """Return the distance in Lab between the colours behind an object and below it; infinite if nothing is below."""
    left, top, right, bottom = bounding_box(mask)
    aside, reach = (right - left) // 2, (bottom - top) // 3
    behind = (
        image[top : (top + bottom) // 2, side] for side in np.s_[max(0, left - aside) : left, right : right + aside]
    )
    below = image[bottom : bottom + reach, left:right]
    if not below.size:
        return float("inf")
    upper, lower = _typical_lab(np.concatenate([strip.reshape(-1, 3) for strip in behind])), _typical_lab(below)
    return float(np.linalg.norm(upper - lower))


def _is_of_unknown_size(old: FoundObject, new: FoundObject) -> bool:
    """Return whether two sizes cannot be compared although the kind of one object is known. An animal may be a bee or a
    bear.
    """
    known = relative_size(new.name, old.name) is not None
    return not known and any(find_kind(without_position(this.name)) for this in (old, new))


def box_size(mask: Mask) -> tuple[int, int]:
    """Return the width and height of a mask's bounding box."""
    left, top, right, bottom = bounding_box(mask)
    return right - left, bottom - top


def _typical_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    lab = image_to_lab(pixels.reshape(1, -1, 3))
    return np.median(lab[0], axis=0)


def _corner(piece: CutOut, photo: Photo, old: FoundObject, standing: bool) -> tuple[int, int]:
    """Return the cut-out's left and top: centred on the old object, or on its ground line if the object stands."""
    left, top, right, bottom = bounding_box(piece.solid)
    old_left, old_top, old_right, old_bottom = bounding_box(old.mask)
    ground = round(max(old.box[3], object_box(old, photo)[3]) * old.mask.shape[0])
    x = (old_left + old_right - left - right) // 2
    return x, (ground - bottom if standing else (old_top + old_bottom - top - bottom) // 2)


def _hides_another(place: CutOutPlacement, photo: Photo, old: FoundObject) -> bool:
    """Return whether the new object would cover more than a tenth of another object's box outside the old object."""
    covered = (place.paste_on_canvas(place.piece.alpha, old.mask.shape) > 0.5) & ~old.mask
    rows, columns = old.mask.shape
    for named in photo.objects:
        if named.name == old.name or named.box is None or _within(old.box, named.box):
            continue
        x0, y0, x1, y1 = (round(edge * side) for edge, side in zip(named.box, (columns, rows) * 2, strict=True))
        if covered[y0:y1, x0:x1].mean() > 0.1:
            return True
    return False


def _within(inner: FractionBox, outer: FractionBox) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]
