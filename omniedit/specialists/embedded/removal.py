"""Object removal: the object is cut out with a narrow rim, and the hole is inpainted."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.inpaint import MODELS, inpaint
from omniedit.instructions.templates.objects import removal_instructions
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.embedded.removal_mask import inpaint_mask, is_plain_around, share_on
from omniedit.tasks import Task

MAX_HOLE = 0.1
"""Maximum share of the image that PatchMatch fills without smearing."""
MAX_PLAIN_HOLE = 0.35
"""Maximum share if one colour or gradient surrounds the hole, so that there is no structure to smear."""
MAX_PAIR_HOLE = 0.06
"""Maximum share for the holes of two objects, because little is left between neighbouring holes to fill them from."""
STRADDLING_SHARES = (0.05, 0.5)
"""Range of the share of an object that lies on another one, in which it is neither apart from the other nor part of it,
such as a drum that leans on a bean bag. Removing it would require inventing an edge of the other object."""


@dataclass(frozen=True)
class Removal:
    """One or two objects of a photo and the hole that they leave.

    Args:
        names: names without articles, such as ('wine bottle',).
        box: around all of them, as fractions.
        hole: (H, W).
    """

    names: tuple[str, ...]
    box: FractionBox
    hole: Mask

    @property
    def phrase(self) -> str:
        """Return a phrase for the instruction, such as 'wine bottle' or 'wine bottle and the wine glass'."""
        return " and the ".join(self.names)


class ObjectRemoval:
    """Removal of objects. Truth: object (as the instruction names it), box (fractions)."""

    task = Task.OBJECT_REMOVAL

    def __init__(self, objects: ObjectIndex | None = None) -> None:
        self._objects = objects or ObjectIndex()
        self._used: set[tuple[str, ...]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        removal = draw_unused_removal(possible_removals(photo, self._objects.find(photo)), photo, self._used, rng)
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=removal_instructions(removal.phrase, "", rng),
            truth={"object": removal.phrase, "box": list(removal.box)},
            mask=removal.hole,
        )

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[EditResult | NotApplicable]:
        return [EditResult(remove(request), request.mask, MODELS) for request in requests]


def remove(request: EditRequest) -> Image:
    """Return the photo with the request's mask inpainted."""
    assert request.mask is not None
    return inpaint(request.photo.image, request.mask)


def draw_unused_removal(
    removals: Sequence[Removal], photo: Photo, offered: set[tuple[str, ...]], rng: np.random.Generator
) -> Removal:
    """Draw one of the photo's removals and add it to `offered` as (source id, names...).

    Raises:
        NotApplicable: all of them were offered before.
    """
    fresh = [removal for removal in removals if (photo.source_id, *removal.names) not in offered]
    if not fresh:
        raise NotApplicable("no further object to remove")
    drawn = fresh[rng.integers(len(fresh))]
    offered.add((photo.source_id, *drawn.names))
    return drawn


def possible_removals(photo: Photo, objects: Sequence[FoundObject]) -> list[Removal]:
    """Return every object, and every pair of objects, that can be removed completely and leaves a small enough hole.

    Raises:
        NotApplicable: no object qualifies; the text gives a reason for each.
    """
    if not objects:
        raise NotApplicable("no object with a clear outline")
    obstacles = {obj.name: _obstacle(obj, objects) for obj in objects}
    singles = [
        Removal((obj.name,), _round(obj.box), inpaint_mask(obj, objects, photo))
        for obj in objects
        if not obstacles[obj.name]
    ]
    pairs = [_together(first, second) for first, second in combinations(singles, 2)]
    possible = [removal for removal in singles if _can_be_filled(removal.hole, photo)]
    possible += [removal for removal in pairs if removal.hole.mean() <= MAX_PAIR_HOLE]
    if not possible:
        too_large = [
            f"the hole left by the {removal.phrase} ({removal.hole.mean():.0%} of the image) is too large to fill"
            for removal in singles
        ]
        raise NotApplicable("; ".join([*filter(None, obstacles.values()), *too_large]))
    return possible


def _can_be_filled(hole: Mask, photo: Photo) -> bool:
    share = hole.mean()
    return bool(share <= MAX_HOLE or (share <= MAX_PLAIN_HOLE and is_plain_around(photo.image, hole)))


def _obstacle(obj: FoundObject, objects: Sequence[FoundObject]) -> str:
    """Return why an object cannot be removed completely, or '' if it can."""
    for other in objects:
        share = share_on(obj, other)
        if obj is not other and STRADDLING_SHARES[0] < share < STRADDLING_SHARES[1]:
            return f"the {obj.name} hides an edge of the {other.name}"
    return ""


def _round(box: FractionBox) -> FractionBox:
    left, top, right, bottom = (round(edge, 4) for edge in box)
    return left, top, right, bottom


def _together(first: Removal, second: Removal) -> Removal:
    (l0, t0, r0, b0), (l1, t1, r1, b1) = first.box, second.box
    box = (min(l0, l1), min(t0, t1), max(r0, r1), max(b0, b1))
    return Removal(first.names + second.names, box, first.hole | second.hole)
