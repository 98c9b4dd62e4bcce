"""Counting: one of several objects of a kind is removed, or a copy of one is added (AnyEdit)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.inpaint import MODELS, inpaint
from omniedit.instructions.grammar import without_position
from omniedit.instructions.templates.counting import count_instructions
from omniedit.sources.photo import Photo, round_box
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.specialists.embedded.copies import Copy, pairs_of_one_noun, paste_copies, possible_copies
from omniedit.specialists.embedded.removal import possible_removals
from omniedit.tasks import Task


@dataclass(frozen=True)
class _CountChange:
    """Change of a number: `copies` are pasted, or one of two objects is removed, which leaves `hole`.

    Args:
        boxes: boxes of all objects of the kind; objects in both images come first.
    """

    noun: str
    before: int
    after: int
    boxes: tuple[FractionBox, ...]
    copies: tuple[Copy, ...] = ()
    hole: np.ndarray | None = None


class Counting(EmbeddedSpecialist):
    """Change of the number of objects of one kind.

    Truth: `object` (its noun), `count` and `new_count`, `boxes` (of all objects of the kind; objects in both images
    come first), `box` (around the objects that change) and `edit` (object_removal or object_addition).
    """

    task = Task("counting")

    def __init__(self, objects: ObjectIndex | None = None) -> None:
        self._objects = objects or ObjectIndex()
        self._used: set[tuple[str, str, int, int]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo)
        changes = [
            change
            for change in (*_with_removal(photo, objects), *_with_copies(photo, objects))
            if (photo.source_id, change.noun, change.before, change.after) not in self._used
        ]
        if not changes:
            raise NotApplicable(
                "no further object whose number can change: none has a second object of its kind, or space for one"
            )
        change = changes[rng.integers(len(changes))]
        self._used.add((photo.source_id, change.noun, change.before, change.after))
        both = min(change.before, change.after)
        changed = np.array(change.boxes[both:])
        box = (*changed[:, :2].min(axis=0), *changed[:, 2:].max(axis=0))
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=count_instructions(change.noun, change.before, change.after, rng),
            truth={
                "object": change.noun,
                "count": change.before,
                "new_count": change.after,
                "boxes": [round_box(each) for each in change.boxes],
                "box": round_box(box),
                "edit": (Task.OBJECT_REMOVAL if change.after < change.before else Task.OBJECT_ADDITION).name,
            },
            mask=change.hole,
            parts={"change": change},
        )

    def _edit(self, request: EditRequest) -> EditResult:
        assert request.parts is not None
        change, image = request.parts["change"], request.photo.image
        if change.hole is not None:
            images = {2: image, 1: inpaint(image, change.hole)}
            return EditResult(images[change.after], change.hole, MODELS, source=images[change.before])
        fewer, more = sorted((change.before, change.after))
        first, _ = paste_copies(image, change.copies[: fewer - 1])
        second, mask = paste_copies(first, change.copies[fewer - 1 : more - 1])
        images = {fewer: first, more: second}
        return EditResult(images[change.after], mask, {}, source=images[change.before])


def _with_removal(photo: Photo, objects: Sequence[FoundObject]) -> list[_CountChange]:
    """Return the changes that remove or restore one of two objects of a kind."""
    kinds = pairs_of_one_noun(objects)
    if not kinds:
        return []
    try:
        removals = {removal.names: removal for removal in possible_removals(photo, objects)}
    except NotApplicable:
        return []
    changes = []
    for pair in kinds:
        for removed, stays in (pair, pair[::-1]):
            removal = removals.get((removed.name,))
            if removal is not None:
                noun, boxes = without_position(removed.name), (stays.box, removed.box)
                changes += [_CountChange(noun, *numbers, boxes, hole=removal.hole) for numbers in ((2, 1), (1, 2))]
    return changes


def _with_copies(photo: Photo, objects: Sequence[FoundObject]) -> list[_CountChange]:
    """Return the changes between the photo with an object and the same photo with one or two copies of it."""
    changes = []
    for obj in objects:
        copies = possible_copies(photo, obj, objects)
        noun, total = without_position(obj.name), 1 + len(copies)
        for before in range(1, total + 1):
            for after in range(1, total + 1):
                if before != after:
                    boxes = (obj.box, *(copy.box for copy in copies[: max(before, after) - 1]))
                    changes.append(_CountChange(noun, before, after, boxes, copies))
    return changes
