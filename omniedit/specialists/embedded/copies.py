"""Copies of an object at the same scale, over ground that looks the same.

An object that stands is copied along its ground line, to its left or right. An object that lies and is seen from above
may also be copied above or below itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np

from omniedit.grounding.nouns import OBJECT
from omniedit.grounding.objects import FoundObject
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.color import FloatImage, blur, smoothstep, to_float, to_lab
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box, dilate, dilate_by_share, distances_to
from omniedit.instructions.grammar import IRREGULAR_PLURAL, OPPOSITE, with_article, without_position
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.embedded.cut_out_placement import box_size, is_lying
from omniedit.specialists.embedded.removal_mask import share_on

MIN_AREA, MAX_AREA = 0.004, 0.12
"""Minimum and maximum share of the image that a copied object covers."""
GAPS = (1.12, 1.3, 1.6, 2.0, 2.5)
"""Distances of a copy to try, in widths of the object."""
SURROUNDINGS = 0.12
"""Width of the surroundings that are compared, as a share of the square root of the object's area."""
MAX_MEDIAN_DISTANCE, MAX_RING_DISTANCE = 10.0, 28.0
"""Maximum distance in Lab between the surroundings of the object and of its copy: for the median, and for nine tenths
of the pixels."""
MAX_HIDDEN_DISTANCE = 14.0
"""Maximum distance in Lab between the pixels that a copy hides and their surroundings, for nine tenths of them."""
FADE = 0.07
"""Distance from a copy at which the copied ground has faded out, as a share of the square root of its area."""
MIN_COPY_DISTANCE = 0.25
"""Minimum distance between two objects of a kind, as a share of the square root of their area."""
BLOCK = 8
"""Side of JPEG's blocks in pixels."""
MARGIN = 0.01
"""Distance that a copy keeps from the image's border, as a share of the image's side."""


@dataclass(frozen=True)
class Copy:
    """Copy of an object in the same photo, with the ground next to it.

    Args:
        mask: (H, W), of the object itself.
        shift: distance of the copy down and to the right, in pixels.
        side: 'left', 'right', 'upper' or 'lower': its place, seen from the object.
        box: of the copy, as fractions.
    """

    mask: Mask
    shift: tuple[int, int]
    side: str
    box: FractionBox

    @property
    def solid(self) -> Mask:
        """Return the (H, W) mask of the copy."""
        return np.roll(self.mask, self.shift, axis=(0, 1))


def possible_copies(photo: Photo, obj: FoundObject, objects: Sequence[FoundObject]) -> tuple[Copy, ...]:
    """Return at most two copies of an object on opposite sides, or () if the object or the ground next to it is not
    suitable.
    """
    if not _can_be_copied(obj, objects):
        return ()
    size = float(obj.mask.sum()) ** 0.5
    lab = to_lab(blur(to_float(photo.image), max(1.0, 0.03 * size)))
    around = dilate(obj.mask, round(SURROUNDINGS * size)) & ~dilate(obj.mask, 3)
    others = [other.mask for other in objects if other is not obj]
    width, height = box_size(obj.mask)
    for sides in (("left", "right"), ("upper", "lower")):
        if sides[0] == "upper" and (obj.cut_sides or not is_lying(photo.image, obj.mask)):
            continue
        copies = []
        for side, direction in zip(sides, (-1, 1), strict=True):
            steps = (direction * gap for gap in GAPS)
            shifts = ((0, _round(step * width)) if sides[0] == "left" else (_round(step * height), 0) for step in steps)
            fitting = (shift for shift in shifts if _suits(lab, obj, around, others, shift))
            if (shift := next(fitting, None)) is not None:
                copies.append(_copy(obj, shift, side))
        if copies:
            return tuple(copies)
    return ()


def paste_copies(image: Image, copies: Sequence[Copy]) -> tuple[Image, Mask]:
    """Return the image with copies of an object, and the mask of the covered pixels.

    The ground next to the object, with its shadow, is copied too and fades into the ground of the new place.
    """
    result, touched = image.copy(), np.zeros(image.shape[:2], bool)
    for copy in copies:
        reach = max(3.0, FADE * float(copy.mask.sum()) ** 0.5)
        outside = np.roll(distances_to(copy.mask), copy.shift, axis=(0, 1))
        opacity = 1 - smoothstep(1.0, reach, outside)
        covered = opacity > 1 / 255
        copied = np.roll(image, copy.shift, axis=(0, 1))[covered].astype(np.float32)
        under = result[covered].astype(np.float32)
        result[covered] = np.rint(under + opacity[covered][:, None] * (copied - under)).astype(np.uint8)
        touched |= covered
    return result, touched


def pair_up(photo: Photo, obj: FoundObject, copy: Copy) -> tuple[Photo, tuple[FoundObject, FoundObject], Mask]:
    """Return the photo with an object and its copy, both objects named by their places, and the copy's mask.

    The first object is the original: 'right dog' for a copy on the left.
    """
    image, touched = paste_copies(photo.image, [copy])
    noun = without_position(obj.name)
    both = (
        replace(obj, name=f"{OPPOSITE[copy.side]} {noun}"),
        FoundObject(f"{copy.side} {noun}", copy.box, copy.solid),
    )
    named = [this for this in photo.objects if this.name != obj.name]
    named += [NamedObject(this.name, this.box) for this in both]
    with_copy = replace(photo, image=image, objects=tuple(named), sha256=f"{photo.sha256} {copy.side} {noun}")
    return with_copy, both, touched


def _can_be_copied(obj: FoundObject, objects: Sequence[FoundObject]) -> bool:
    """Return whether an object can be copied: it is whole apart from its foot, touches no other, and its noun has a
    plural.
    """
    noun = without_position(obj.name)
    last = noun.split()[-1]
    has_plural = not with_article(noun).startswith("some ") and not IRREGULAR_PLURAL.fullmatch(last)
    others = [other for other in objects if other is not obj]
    alone = all(without_position(other.name).split()[-1] != last for other in others)
    clear = all(share_on(obj, other) < 0.02 and share_on(other, obj) < 0.02 for other in others)
    is_whole = MIN_AREA <= obj.area <= MAX_AREA and obj.cut_sides <= {"bottom"}
    return has_plural and noun != OBJECT and alone and clear and is_whole


def _suits(lab: FloatImage, obj: FoundObject, around: Mask, others: Sequence[Mask], shift: tuple[int, int]) -> bool:
    """Return whether a copy would lie in the image, hide only plain ground, and be surrounded by the same ground."""
    (left, top, right, bottom), (down, across) = bounding_box(around), shift
    height, width = around.shape
    rows, columns = MARGIN * height if down else 0, MARGIN * width if across else 0
    if left + across < columns or right + across > width - columns:
        return False
    if top + down < rows or bottom + down > height - rows:
        return False
    placed, ring = (np.roll(mask, shift, axis=(0, 1)) for mask in (obj.mask, around))
    if down and around[[0, -1]].any():
        return False
    if any((other & (placed | ring)).any() for other in others) or (ring & obj.mask).any():
        return False
    shifted = np.roll(lab, (-down, -across), axis=(0, 1))
    apart = np.linalg.norm(lab[around] - shifted[around], axis=1)
    if np.median(apart) > MAX_MEDIAN_DISTANCE or np.percentile(apart, 90) > MAX_RING_DISTANCE:
        return False
    return float(np.percentile(_distances_to_ground(lab, placed, ring), 90)) <= MAX_HIDDEN_DISTANCE


def _distances_to_ground(lab: FloatImage, placed: Mask, ring: Mask) -> np.ndarray:
    """Return the distance in Lab of each hidden pixel from the ring's pixels in the same rows."""
    weight = ring.sum(axis=1, keepdims=True).astype(np.float32)
    sums = np.stack([(lab[..., channel] * ring).sum(axis=1) for channel in range(3)], axis=1).astype(np.float32)
    reach = (1, max(3, 2 * (int(placed.any(axis=1).sum()) // 16) + 1))
    rows = cv2.blur(sums, reach) / np.maximum(cv2.blur(weight, reach), 1e-3).reshape(-1, 1)
    return np.linalg.norm((lab - rows[:, None])[placed], axis=1)


def _round(shift: float) -> int:
    """Round a shift to whole JPEG blocks, so that the blocks of the copy are aligned with the photo's grid."""
    return BLOCK * round(shift / BLOCK)


def _copy(obj: FoundObject, shift: tuple[int, int], side: str) -> Copy:
    down, across = shift[0] / obj.mask.shape[0], shift[1] / obj.mask.shape[1]
    x0, y0, x1, y1 = obj.box
    return Copy(obj.mask, shift, side, (x0 + across, y0 + down, x1 + across, y1 + down))


def pairs_of_one_noun(objects: Sequence[FoundObject]) -> list[tuple[FoundObject, FoundObject]]:
    """Return the pairs of objects with the same noun and different positions: 'left dog' and 'right dog'.

    Objects that touch are left out: they may be parts of one object, and hide parts of each other.
    """
    return [
        (first, second)
        for first, second in combinations(objects, 2)
        if without_position(first.name) == without_position(second.name) != first.name
        and second.name != without_position(second.name) != OBJECT
        and not (dilate_by_share(first.mask, MIN_COPY_DISTANCE) & second.mask).any()
    ]
