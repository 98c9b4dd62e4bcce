"""Object removal: the object is cut out with a narrow rim, and the hole is inpainted."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from omniedit.grounding.masks import box_mask
from omniedit.grounding.objects import FoundObject, find_objects
from omniedit.grounding.shapes import bounding_box, dilated, eroded
from omniedit.images import Image, Mask
from omniedit.instructions.objects import removal_wordings
from omniedit.sources.photo import FractionBox, Photo
from omniedit.specialists.base import Edited, EditRequest, Unsuitable
from omniedit.specialists.inpainting import MODELS, inpaint
from omniedit.tasks import Task

MAX_HOLE = 0.1
"""Largest share of the picture that PatchMatch fills without smearing."""
MAX_PAIR_HOLE = 0.06
"""The same for the holes of two objects: beside each other they leave little between them to fill from."""
MISSED = 0.2
"""An outline that ends this far short of its box, as a share of the box's side, has missed a part of the object."""
RIM = 0.012
"""Width of the rim added round the object, as a share of the square root of the picture's area (15 px at 1.5 MP)."""
TIP = 0.08
"""Share of an outline's height that counts as its tip or foot."""
STRADDLES = (0.05, 0.5)
"""Shares of an object that lie on another one between which it is neither apart from it nor in it: a drum that leans on
a bean bag. Taken away, it would leave an edge of the other to be invented."""


@dataclass(frozen=True)
class Removal:
    """One or two objects of a photo and the hole that they leave.

    Args:
        names: bare nouns: ('wine bottle',).
        box: round all of them, as fractions.
        hole: (H, W).
    """

    names: tuple[str, ...]
    box: FractionBox
    hole: Mask

    @property
    def phrase(self) -> str:
        """'wine bottle', 'wine bottle and the wine glass'."""
        return " and the ".join(self.names)


class ObjectRemoval:
    """Takes objects away. Truth: object (as the instruction names it), box (fractions)."""

    task = Task.OBJECT_REMOVAL

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        removals = possible_removals(photo)
        removal = removals[rng.integers(len(removals))]
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=removal_wordings(removal.phrase, "", rng),
            truth={"object": removal.phrase, "box": list(removal.box)},
            mask=removal.hole,
        )

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[Edited | Unsuitable]:
        return [Edited(remove(request), request.mask, MODELS) for request in requests]


def remove(request: EditRequest) -> Image:
    """The photo without what the request's mask covers."""
    assert request.mask is not None
    return inpaint(request.photo.image, request.mask)


def possible_removals(photo: Photo) -> list[Removal]:
    """Every object, and every pair of objects, that can be taken away whole and whose hole is small enough to fill.

    Raises:
        Unsuitable: there is none; the text says of each object why.
    """
    objects = find_objects(photo)
    if not objects:
        raise Unsuitable("no object whose outline could be found")
    obstacles = {this.name: _obstacle(this, objects, photo) for this in objects}
    singles = [
        Removal((this.name,), _round(this.box), _hole(this, objects, photo))
        for this in objects
        if not obstacles[this.name]
    ]
    pairs = [_together(first, second) for first, second in combinations(singles, 2)]
    possible = [removal for removal in singles if removal.hole.mean() <= MAX_HOLE]
    possible += [removal for removal in pairs if removal.hole.mean() <= MAX_PAIR_HOLE]
    if not possible:
        too_large = [
            f"what is behind the {removal.phrase} ({removal.hole.mean():.0%} of the picture) is too large to fill"
            for removal in singles
        ]
        raise Unsuitable("; ".join([*filter(None, obstacles.values()), *too_large]))
    return possible


def _obstacle(this: FoundObject, objects: Sequence[FoundObject], photo: Photo) -> str:
    """Why an object cannot be taken away whole, '' where it can."""
    if _misses_part(this.box, _known_box(this, photo)):
        return f"a part of the {this.name} lies outside the outline that was found"
    for other in objects:
        share = _share_on(this, other)
        if this is not other and STRADDLES[0] < share < STRADDLES[1]:
            return f"the {this.name} hides an edge of the {other.name}"
    return ""


def _hole(this: FoundObject, objects: Sequence[FoundObject], photo: Photo) -> Mask:
    """The object with a rim. Objects beside it stay whole but for the rim; what it lies on or in may be cut."""
    radius = round(RIM * np.sqrt(this.mask.size))
    hole = dilated(_stretched(this.mask, _known_box(this, photo)), radius)
    found = {other.name for other in objects}
    for other in objects:
        if other is not this and _share_on(this, other) < STRADDLES[1]:
            hole &= this.mask | ~eroded(other.mask, radius)
    for unseen in photo.objects:
        if unseen.name not in found and unseen.box is not None:
            hole &= this.mask | ~box_mask(unseen.box, hole.shape)
    return hole


def _stretched(mask: Mask, box: FractionBox) -> Mask:
    """The mask with a narrow tip or foot drawn out to the box's top or bottom, where the outline just missed it."""
    left, top, right, bottom = bounding_box(mask)
    depth = max(1, round(TIP * (bottom - top)))
    y0, y1 = round(box[1] * len(mask)), round(box[3] * len(mask))
    result = mask.copy()
    for end, gap in ((mask[top : top + depth], np.s_[y0:top]), (mask[bottom - depth : bottom], np.s_[bottom:y1])):
        columns = np.any(end, axis=0)
        if columns.sum() < 0.5 * (right - left):
            result[gap] |= columns
    return result


def _share_on(this: FoundObject, other: FoundObject) -> float:
    """Share of an object that lies within the outline of another one."""
    return float((this.mask & other.mask).sum() / this.mask.sum())


def _known_box(this: FoundObject, photo: Photo) -> FractionBox:
    """The box that the caption file gives, else the outline's own."""
    return next((named.box for named in photo.objects if named.name == this.name and named.box), this.box)


def _misses_part(outline: FractionBox, box: FractionBox) -> bool:
    """Whether an outline ends clearly short of the object's box on some side."""
    sides = (box[2] - box[0], box[3] - box[1]) * 2
    inwards = (outline[0] - box[0], outline[1] - box[1], box[2] - outline[2], box[3] - outline[3])
    return any(gap > MISSED * side for gap, side in zip(inwards, sides, strict=True))


def _round(box: FractionBox) -> FractionBox:
    left, top, right, bottom = (round(edge, 4) for edge in box)
    return left, top, right, bottom


def _together(first: Removal, second: Removal) -> Removal:
    (l0, t0, r0, b0), (l1, t1, r1, b1) = first.box, second.box
    box = (min(l0, l1), min(t0, t1), max(r0, r1), max(b0, b1))
    return Removal(first.names + second.names, box, first.hole | second.hole)
