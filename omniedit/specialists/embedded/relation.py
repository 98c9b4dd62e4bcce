"""Relation: an edit of one of two objects of a kind, which the instruction names by its place (AnyEdit)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.images import Mask
from omniedit.instructions.templates.counting import name_by_place
from omniedit.instructions.templates.objects import removal_instructions
from omniedit.sources.photo import Photo, round_box
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable, Specialist
from omniedit.specialists.embedded.attribute import ColorAlter
from omniedit.specialists.embedded.copies import pair_up, pairs_of_one_noun, possible_copies
from omniedit.specialists.embedded.removal import ObjectRemoval
from omniedit.tasks import Task


class PhotoObjectIndex(ObjectIndex):
    """Index of objects for one photo whose objects are known.

    Args:
        objects: of every photo that is looked up.
    """

    def __init__(self, objects: Sequence[FoundObject]) -> None:
        super().__init__()
        self._objects = tuple(objects)

    def find(self, photo: Photo, crowds: bool = False) -> tuple[FoundObject, ...]:
        return self._objects


class Relation(EmbeddedSpecialist):
    """Removal or recolouring of one of two objects of a kind, named by its place: "the bird on the left".

    Both objects are in the photo, or the source image shows an object of the photo with a copy next to it. Removing the
    copy restores the photo.

    Truth: the truth of the base edit; `edit` (object_removal or attribute_modification), `place` ('left', 'right',
    'upper' or 'lower') and `other_box` (of the other object of the kind, fractions).
    """

    task = Task("relation")

    def __init__(self, objects: ObjectIndex | None = None) -> None:
        self._objects = objects or ObjectIndex()
        self._used: set[tuple[str, str, str]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo)
        possible = [
            *(request for pair in pairs_of_one_noun(objects) for request in _edits_of_two(photo, pair, objects, rng)),
            *_edits_of_a_copy(photo, objects, rng),
        ]
        fresh = [request for request in possible if self._key(request) not in self._used]
        if not fresh:
            raise NotApplicable(
                "no further edit of one of two objects of a kind: none has a second one of its kind, or space for one"
            )
        request = fresh[rng.integers(len(fresh))]
        self._used.add(self._key(request))
        return request

    def _key(self, request: EditRequest) -> tuple[str, str, str]:
        return request.photo.source_id, request.truth["object"], request.truth["edit"]

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        assert request.parts is not None
        if (photo := request.parts.get("photo")) is not None:
            return EditResult(photo.image, request.mask, {}, source=request.photo.image)
        specialist: Specialist = request.parts["specialist"]
        (edited,) = specialist.edit([request])
        return edited if isinstance(edited, NotApplicable) else replace(edited, source=request.photo.image)


def _edits_of_two(
    photo: Photo, pair: tuple[FoundObject, FoundObject], objects: Sequence[FoundObject], rng: np.random.Generator
) -> Iterator[EditRequest]:
    """Yield a removal and a recolouring of each of two objects, if possible."""
    for target, other in (pair, pair[::-1]):
        for specialist in (ObjectRemoval, ColorAlter):
            index = PhotoObjectIndex([target, *(obj for obj in objects if obj is not target)])
            request = _propose(specialist(index), photo, target, rng)
            if request is not None:
                yield _point_out(request, target, other, rng)


def _propose(specialist: Specialist, photo: Photo, target: FoundObject, rng: np.random.Generator) -> EditRequest | None:
    """Return the specialist's edit of one object, or None if it does not propose it."""
    try:
        for _ in range(8):
            request = specialist.propose(photo, rng)
            if request.truth["object"] == target.name:
                return replace(request, parts={**(request.parts or {}), "specialist": specialist})
    except NotApplicable:
        pass
    return None


def _edits_of_a_copy(photo: Photo, objects: Sequence[FoundObject], rng: np.random.Generator) -> Iterator[EditRequest]:
    """Yield the removal of each possible copy of an object, and a recolouring of the object or of its copy."""
    for obj in objects:
        for copy in possible_copies(photo, obj, objects):
            with_copy, (original, second), touched = pair_up(photo, obj, copy)
            yield _point_out(_restore(photo, with_copy, second, touched, rng), second, original, rng)
            others = [each for each in objects if each is not obj]
            target, other = (original, second) if rng.random() < 0.5 else (second, original)
            request = _propose(ColorAlter(PhotoObjectIndex([target, other, *others])), with_copy, target, rng)
            if request is not None:
                yield _point_out(request, target, other, rng)


def _restore(photo: Photo, with_copy: Photo, copy: FoundObject, touched: Mask, rng: np.random.Generator) -> EditRequest:
    """Return the removal of a copy, whose result is the photo."""
    return EditRequest(
        photo=with_copy,
        task=Task.OBJECT_REMOVAL,
        instructions=removal_instructions(copy.name, "", rng),
        truth={"object": copy.name, "box": round_box(copy.box)},
        mask=touched,
        parts={"photo": photo},
    )


def _point_out(request: EditRequest, target: FoundObject, other: FoundObject, rng: np.random.Generator) -> EditRequest:
    """Return the request as one of a relation, whose instructions name the object by its place."""
    edit = Task.OBJECT_REMOVAL if "attribute" not in request.truth else Task.ATTRIBUTE_MODIFICATION
    place = target.name.split()[0]
    truth = {**request.truth, "edit": edit.name, "place": place, "other_box": round_box(other.box)}
    return replace(
        request, task=Relation.task, instructions=name_by_place(request.instructions, target.name, rng), truth=truth
    )
