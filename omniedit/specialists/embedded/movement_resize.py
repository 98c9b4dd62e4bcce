"""Movement and resize: an object moves within its photo, or becomes larger or smaller (AnyEdit).

Pairs have both directions: the edited image is the photo with the moved object, or the photo itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.images import Image
from omniedit.imaging.inpaint import MODELS
from omniedit.instructions.templates.movement_resize import SHARES, TIMES, movement_instructions, resize_instructions
from omniedit.sources.photo import Photo, round_box
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.specialists.embedded.cut_out_placement import box_size, is_lying, is_standing
from omniedit.specialists.embedded.object_transform import (
    ObjectTransform,
    can_place,
    fill_place,
    find_obstacle,
    foot,
    place,
)
from omniedit.tasks import Task

DISTANCES = (1.1, 0.8, 1.6, 0.6, 2.2)
"""Distances of a movement in the order of trial, in multiples of the object's side."""
MIN_DISTANCE = 0.04
"""Minimum distance of a movement, as a share of the image's side."""
OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}


@dataclass(frozen=True)
class _PlaceChange:
    """Object, its new place, and the value in the instruction.

    Args:
        filled: (H, W, 3), the photo without the object.
        value: direction of a movement, or scale.
    """

    obj: FoundObject
    filled: Image
    placing: ObjectTransform
    value: str | float


class _Rearrangement(EmbeddedSpecialist):
    """Specialist that moves or resizes an object. `_changes` yields the possible changes of one object."""

    task: Task

    def __init__(self, objects: ObjectIndex | None = None) -> None:
        self._objects = objects or ObjectIndex()
        self._used: set[tuple[str, str, str | float]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo)
        if not objects:
            raise NotApplicable("no object with a clear outline")
        possible, reasons = self._list_changes(photo, objects)
        changes = [
            (change, restores)
            for change in possible
            for restores in (False, True)
            if (photo.source_id, change.obj.name, self._value(change, restores)) not in self._used
        ]
        if not changes:
            raise NotApplicable("; ".join(reasons) or "no further object with free, plain ground around it")
        change, restores = changes[rng.integers(len(changes))]
        value = self._value(change, restores)
        self._used.add((photo.source_id, change.obj.name, value))
        old_box, moved_box = change.obj.box, change.placing.move_box(change.obj.box, change.obj.mask.shape)
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=self._instructions(change.obj.name, value, rng),
            truth={
                "object": change.obj.name,
                "box": round_box(moved_box if restores else old_box),
                "new_box": round_box(old_box if restores else moved_box),
                **self._extra_truth(value),
            },
            parts={"change": change, "restores": restores},
        )

    def _list_changes(self, photo: Photo, objects: Sequence[FoundObject]) -> tuple[list[_PlaceChange], list[str]]:
        """Return the possible changes of a photo's objects, and why other objects cannot change."""
        changes, reasons = list[_PlaceChange](), list[str]()
        for obj in objects:
            others = [other for other in objects if other is not obj]
            if obstacle := find_obstacle(photo, obj, objects):
                reasons.append(obstacle)
            else:
                changes += self._changes(photo, obj, fill_place(photo, obj, others), others)
        return changes, reasons

    def _edit(self, request: EditRequest) -> EditResult:
        assert request.parts is not None
        change, photo = request.parts["change"], request.photo
        placed, mask = place(photo, change.filled, change.obj, change.placing)
        source, edited = (placed, photo.image) if request.parts["restores"] else (photo.image, placed)
        return EditResult(edited, mask, MODELS, source=source)

    def _changes(
        self, photo: Photo, obj: FoundObject, filled: Image, others: Sequence[FoundObject]
    ) -> Iterator[_PlaceChange]:
        raise NotImplementedError

    def _value(self, change: _PlaceChange, restores: bool) -> str | float:
        """Return the direction or scale of a change, or of the change that undoes it."""
        raise NotImplementedError

    def _instructions(self, name: str, value: str | float, rng: np.random.Generator) -> tuple[str, ...]:
        raise NotImplementedError

    def _extra_truth(self, value: str | float) -> dict[str, str | float]:
        raise NotImplementedError


class Movement(_Rearrangement):
    """Shift of an object over plain ground: to the side, and also up and down if it lies on a surface seen from above.

    Truth: `object`, `box` and `new_box` (fractions), `direction` ('left', 'right', 'up' or 'down').
    """

    task = Task("movement")

    def _changes(
        self, photo: Photo, obj: FoundObject, filled: Image, others: Sequence[FoundObject]
    ) -> Iterator[_PlaceChange]:
        masks = [other.mask for other in others]
        width, height = box_size(obj.mask)
        directions = tuple(OPPOSITE) if is_lying(photo.image, obj.mask) else ("left", "right")
        for direction in directions:
            axis, sign = int(direction in ("up", "down")), -1 if direction in ("left", "up") else 1
            side, length = (width, height)[axis], photo.image.shape[1 - axis]
            for distance in DISTANCES:
                pixels = sign * round(distance * side)
                placing = ObjectTransform(1.0, (0.0, 0.0), (0, pixels) if axis else (pixels, 0))
                if abs(pixels) >= MIN_DISTANCE * length and can_place(filled, obj, placing, masks):
                    yield _PlaceChange(obj, filled, placing, direction)
                    break

    def _value(self, change: _PlaceChange, restores: bool) -> str | float:
        assert isinstance(change.value, str)
        return OPPOSITE[change.value] if restores else change.value

    def _instructions(self, name: str, value: str | float, rng: np.random.Generator) -> tuple[str, ...]:
        return movement_instructions(name, str(value), rng)

    def _extra_truth(self, value: str | float) -> dict[str, str | float]:
        return {"direction": value}


class Resize(_Rearrangement):
    """Change of an object's size. The photo shows the larger one, so that nothing is enlarged.

    The middle of the lower edge stays in place if the object stands; otherwise its centre does.

    Truth: `object`, `box` and `new_box` (fractions), `scale` (of width and height).
    """

    task = Task("resize")

    def _changes(
        self, photo: Photo, obj: FoundObject, filled: Image, others: Sequence[FoundObject]
    ) -> Iterator[_PlaceChange]:
        x, y = foot(obj)
        anchor = (x, y if is_standing(photo.image, obj.mask) else y - box_size(obj.mask)[1] / 2)
        for scale in SHARES:
            placing = ObjectTransform(scale, anchor, (0, 0))
            if can_place(filled, obj, placing, [other.mask for other in others]):
                yield _PlaceChange(obj, filled, placing, scale)

    def _value(self, change: _PlaceChange, restores: bool) -> str | float:
        inverse = 1 / float(change.value)
        return min(TIMES, key=lambda times: abs(times - inverse)) if restores else change.value

    def _instructions(self, name: str, value: str | float, rng: np.random.Generator) -> tuple[str, ...]:
        return resize_instructions(name, float(value), rng)

    def _extra_truth(self, value: str | float) -> dict[str, str | float]:
        return {"scale": round(float(value), 4)}
