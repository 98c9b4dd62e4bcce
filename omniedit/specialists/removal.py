"""Object removal: the object and what of it the outline missed are cut out, and the hole is inpainted."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from omniedit.grounding.masks import box_mask, dilated, eroded
from omniedit.grounding.objects import find_objects
from omniedit.images import Image, Mask
from omniedit.instructions.objects import removal_wordings
from omniedit.sources.photo import FractionBox, NamedObject, Photo
from omniedit.specialists.base import Edited, EditRequest, Unsuitable
from omniedit.specialists.inpainting import MODELS, inpaint
from omniedit.tasks import Task

MAX_HOLE = 0.1
"""Largest share of the picture that PatchMatch fills without smearing."""
MISSED = 0.05
"""An outline that ends this far short of its box, as a share of the box's side, has missed a part of the object."""
RIM = 0.02
"""Width of the rim added round the object, as a share of the square root of the picture's area (25 px at 1.5 MP)."""


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
    """Every object, and every pair of objects, whose hole is small enough to fill.

    Raises:
        Unsuitable: there is none; the text names the objects and the size of their holes.
    """
    holes = _holes(photo)
    if not holes:
        raise Unsuitable("no object whose place is known")
    singles = [Removal((thing.name,), _round(thing), hole) for thing, hole in holes]
    pairs = [_together(first, second) for first, second in combinations(singles, 2)]
    possible = [removal for removal in singles + pairs if removal.hole.mean() <= MAX_HOLE]
    if not possible:
        sizes = ", ".join(f"{removal.phrase} {removal.hole.mean():.0%}" for removal in singles)
        raise Unsuitable(f"too large to fill what is behind: {sizes} of the picture, at most {MAX_HOLE:.0%}")
    return possible


def _holes(photo: Photo) -> list[tuple[NamedObject, Mask]]:
    """What must go with each object: its mask, its whole box where the mask missed a part of it, and a rim.

    Objects beside it stay whole but for the rim; what it lies on or in may be cut.
    """
    found = {thing.name: thing for thing in find_objects(photo)}
    things = photo.objects or tuple(NamedObject(thing.name, thing.box) for thing in found.values())
    radius = round(RIM * np.sqrt(photo.image.shape[0] * photo.image.shape[1]))
    holes = []
    for thing in things:
        if thing.box is None:
            continue
        mask = found[thing.name].mask if thing.name in found else None
        if mask is None or _misses_part(found[thing.name].box, thing.box):
            mask = box_mask(thing.box, photo.image.shape)
        hole = dilated(mask, radius)
        for other in found.values():
            if other.name != thing.name and not (other.mask & mask).sum() > 0.5 * mask.sum():
                hole &= mask | ~eroded(other.mask, radius)
        holes.append((thing, hole))
    return holes


def _misses_part(outline: FractionBox, box: FractionBox) -> bool:
    """Whether an outline ends clearly short of the object's box on some side."""
    sides = (box[2] - box[0], box[3] - box[1]) * 2
    inwards = (outline[0] - box[0], outline[1] - box[1], box[2] - outline[2], box[3] - outline[3])
    return any(gap > MISSED * side for gap, side in zip(inwards, sides, strict=True))


def _round(thing: NamedObject) -> FractionBox:
    assert thing.box is not None
    return tuple(round(edge, 4) for edge in thing.box)  # type: ignore[return-value]


def _together(first: Removal, second: Removal) -> Removal:
    (l0, t0, r0, b0), (l1, t1, r1, b1) = first.box, second.box
    box = (min(l0, l1), min(t0, t1), max(r0, r1), max(b0, b1))
    return Removal(first.names + second.names, box, first.hole | second.hole)
