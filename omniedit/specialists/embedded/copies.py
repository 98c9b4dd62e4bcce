"""Copies of an object beside it: at the same scale, on the same ground line, over ground that looks the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np

from omniedit.grounding.nouns import OBJECT
from omniedit.grounding.objects import FoundObject
from omniedit.imaging.color import FloatImage, blur, smoothstep, to_float, to_lab
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box, dilate, distances_to
from omniedit.instructions.objects import IRREGULAR_PLURAL, with_article, without_position
from omniedit.sources.photo import FractionBox, NamedObject, Photo
from omniedit.specialists.embedded.holes import share_on
from omniedit.specialists.embedded.placement import box_size

LEAST_AREA, MOST_AREA = 0.004, 0.12
"""Smallest and largest share of the image that a copied object covers."""
GAPS = (1.12, 1.3, 1.6, 2.0, 2.5)
"""Distances of a copy that are tried, in widths of the object."""
SURROUNDINGS = 0.2
"""Width of the surroundings that are compared, as a share of the square root of the object's area."""
MOST_APART, MOST_UNLIKE = 7.0, 16.0
"""Largest distance in Lab between the surroundings of the object and of its copy: the median, and for nine tenths."""
MOST_HIDDEN = 14.0
"""Largest distance in Lab of what a copy hides from its surroundings, for nine tenths: it hides plain ground only."""
FADE = 0.12
"""Distance from a copy at which the copied ground has faded out, as a share of the square root of its area."""
MARGIN = 0.01
"""Distance that a copy keeps from the image's border, as a share of the image's width."""


@dataclass(frozen=True)
class Copy:
    """Copy of an object in the same photo, with the ground next to it.

    Args:
        mask: (H, W), of the object itself.
        shift: distance of the copy to the right, in pixels.
        side: 'left' or 'right' of the object.
        box: of the copy, as fractions.
    """

    mask: Mask
    shift: int
    side: str
    box: FractionBox

    @property
    def solid(self) -> Mask:
        """Return the (H, W) mask of the copy."""
        return np.roll(self.mask, self.shift, axis=1)


def possible_copies(photo: Photo, found: FoundObject, objects: Sequence[FoundObject]) -> tuple[Copy, ...]:
    """Return at most one copy on each side of an object, or () if the object or the ground beside it does not suit."""
    if not _can_be_copied(found, objects):
        return ()
    size = float(found.mask.sum()) ** 0.5
    lab = to_lab(blur(to_float(photo.image), max(1.0, 0.03 * size)))
    around = dilate(found.mask, round(SURROUNDINGS * size)) & ~dilate(found.mask, 3)
    others = [other.mask for other in objects if other is not found]
    width, _ = box_size(found.mask)
    copies = []
    for side, direction in (("left", -1), ("right", 1)):
        shifts = (direction * round(gap * width) for gap in GAPS)
        fitting = (shift for shift in shifts if _fits(lab, found, around, others, shift))
        if (shift := next(fitting, None)) is not None:
            copies.append(_copy(found, shift, side))
    return tuple(copies)


def paste_copies(image: Image, copies: Sequence[Copy]) -> tuple[Image, Mask]:
    """Return the image with copies of an object, and the mask of all that they cover.

    The ground next to the object, with the shadow where it stands, is copied too and fades into that of the new place.
    """
    result, touched = image.copy(), np.zeros(image.shape[:2], bool)
    for copy in copies:
        reach = max(3.0, FADE * float(copy.mask.sum()) ** 0.5)
        outside = np.roll(distances_to(copy.mask), copy.shift, axis=1)
        opacity = 1 - smoothstep(1.0, reach, outside)
        covered = opacity > 1 / 255
        copied = np.roll(image, copy.shift, axis=1)[covered].astype(np.float32)
        under = result[covered].astype(np.float32)
        result[covered] = np.rint(under + opacity[covered][:, None] * (copied - under)).astype(np.uint8)
        touched |= covered
    return result, touched


def pair_up(photo: Photo, found: FoundObject, copy: Copy) -> tuple[Photo, tuple[FoundObject, FoundObject], Mask]:
    """Return the photo with an object and its copy, both objects named by their places, and the copy's mask.

    The first object is the original: 'right dog' for a copy on the left.
    """
    image, touched = paste_copies(photo.image, [copy])
    noun = without_position(found.name)
    other = "right" if copy.side == "left" else "left"
    both = (
        replace(found, name=f"{other} {noun}"),
        FoundObject(f"{copy.side} {noun}", copy.box, copy.solid),
    )
    named = [this for this in photo.objects if this.name != found.name]
    named += [NamedObject(this.name, this.box) for this in both]
    made = replace(photo, image=image, objects=tuple(named), sha256=f"{photo.sha256} {copy.side} {noun}")
    return made, both, touched


def _can_be_copied(found: FoundObject, objects: Sequence[FoundObject]) -> bool:
    """Return whether an object is whole, alone of its kind, clear of the others, and has a noun with a plural."""
    noun = without_position(found.name)
    last = noun.split()[-1]
    has_plural = not with_article(noun).startswith("some ") and not IRREGULAR_PLURAL.fullmatch(last)
    others = [other for other in objects if other is not found]
    alone = all(without_position(other.name).split()[-1] != last for other in others)
    clear = all(share_on(found, other) < 0.02 and share_on(other, found) < 0.02 for other in others)
    whole = LEAST_AREA <= found.area <= MOST_AREA and not found.cut_sides
    return has_plural and noun != OBJECT and alone and clear and whole


def _fits(lab: FloatImage, found: FoundObject, around: Mask, others: Sequence[Mask], shift: int) -> bool:
    """Return whether a copy would be in the image, hide plain ground alone, and have the same ground around it."""
    left, _, right, _ = bounding_box(around)
    rim = round(MARGIN * around.shape[1])
    if left + shift < rim or right + shift > around.shape[1] - rim:
        return False
    placed, ring = (np.roll(mask, shift, axis=1) for mask in (found.mask, around))
    if any((other & (placed | ring)).any() for other in others) or (ring & found.mask).any():
        return False
    apart = np.linalg.norm(lab[around] - np.roll(lab, -shift, axis=1)[around], axis=1)
    if np.median(apart) > MOST_APART or np.percentile(apart, 90) > MOST_UNLIKE:
        return False
    return float(np.percentile(_distances_to_ground(lab, placed, ring), 90)) <= MOST_HIDDEN


def _distances_to_ground(lab: FloatImage, placed: Mask, ring: Mask) -> np.ndarray:
    """Return the distance in Lab of each hidden pixel from the ring's pixels in the same rows."""
    weight = ring.sum(axis=1, keepdims=True).astype(np.float32)
    sums = np.stack([(lab[..., channel] * ring).sum(axis=1) for channel in range(3)], axis=1).astype(np.float32)
    reach = (1, max(3, 2 * (int(placed.any(axis=1).sum()) // 16) + 1))
    rows = cv2.blur(sums, reach) / np.maximum(cv2.blur(weight, reach), 1e-3).reshape(-1, 1)
    return np.linalg.norm((lab - rows[:, None])[placed], axis=1)


def _copy(found: FoundObject, shift: int, side: str) -> Copy:
    moved = shift / found.mask.shape[1]
    x0, y0, x1, y1 = found.box
    return Copy(found.mask, shift, side, (x0 + moved, y0, x1 + moved, y1))


def pairs_of_a_kind(objects: Sequence[FoundObject]) -> list[tuple[FoundObject, FoundObject]]:
    """Return the pairs of objects that share a noun and are told apart by a position: 'left dog' and 'right dog'."""
    return [
        (first, second)
        for first, second in combinations(objects, 2)
        if without_position(first.name) == without_position(second.name) != first.name
        and second.name != without_position(second.name) != OBJECT
    ]
