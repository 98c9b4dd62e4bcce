"""AnyEdit's visual types: a removal or a swap whose instruction points to a condition image, computed from the pair."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.lines import agreement, draw_lines, scale_mask, scribble_lines, sketch_lines
from omniedit.imaging.morphology import bounding_box
from omniedit.instructions.visual import point_to_reference
from omniedit.pairs import Reference
from omniedit.sources.photo import Photo
from omniedit.specialists.base import Donors, Edited, EditRequest, NotApplicable, Specialist
from omniedit.specialists.embedded.fills import Fills
from omniedit.specialists.embedded.removal import ObjectRemoval
from omniedit.specialists.embedded.swap import ObjectSwap
from omniedit.tasks import Task

RED = (255, 0, 0)
BOX_WIDTH = 1 / 200
"""Width of the line of a box, as a share of the image's longer side."""

MOST_ALIKE = 0.8
"""Largest agreement of the lines in the edit before and after it."""
LEAST_DRAWN = 0.001
"""Smallest share of a drawing that lines cover; an empty sheet guides no edit."""


class VisualEdit:
    """Removal or swap of an object, with a condition image as its reference.

    Truth: that of the edit, and `edit`, the task whose edit it is: object_removal or object_swap.
    """

    task: Task

    def __init__(self, donors: Donors, objects: ObjectIndex | None = None, fills: Fills | None = None) -> None:
        self._fills = fills or Fills()
        edits: tuple[Specialist, ...] = (ObjectRemoval(objects), ObjectSwap(donors, objects, self._fills))
        self._edits = {edit.task: edit for edit in edits}

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        reasons = []
        for chosen in rng.permutation(len(self._edits)):
            try:
                request = list(self._edits.values())[chosen].propose(photo, rng)
            except NotApplicable as reason:
                reasons.append(str(reason))
                continue
            (role,) = self.task.references
            instructions = point_to_reference(request.instructions, role, rng)
            truth = {**request.truth, "edit": request.task.name}
            return replace(request, task=self.task, instructions=instructions, truth=truth)
        raise NotApplicable("; ".join(dict.fromkeys(reasons)))

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[Edited | NotApplicable]:
        return [self._edit(request) for request in requests]

    def _edit(self, request: EditRequest) -> Edited | NotApplicable:
        (edited,) = self._edits[Task(request.truth["edit"])].edit([request])
        if isinstance(edited, NotApplicable):
            return edited
        condition = self.draw_condition(request, edited)
        if isinstance(condition, NotApplicable):
            return condition
        (role,) = self.task.references
        return replace(edited, references=(Reference(role, condition),))

    def draw_condition(self, request: EditRequest, edited: Edited) -> Image | NotApplicable:
        """Return the condition image, (h, w, 3), or why it shows nothing of the edit."""
        raise NotImplementedError


class VisualBox(VisualEdit):
    """Edit whose object is marked by a red box on a copy of the source."""

    task = Task("visual_bbox")

    def draw_condition(self, request: EditRequest, edited: Edited) -> Image | NotApplicable:
        assert request.mask is not None
        return draw_box(request.photo.image, bounding_box(request.mask))


class VisualSketch(VisualEdit):
    """Edit with a sketch of its result: thin black lines on white."""

    task = Task("visual_sketch")

    def draw_condition(self, request: EditRequest, edited: Edited) -> Image | NotApplicable:
        return draw_result(request.photo.image, edited, sketch_lines, dark=True)


class VisualScribble(VisualEdit):
    """Edit with a scribble of its result: thick white lines on black."""

    task = Task("visual_scribble")

    def draw_condition(self, request: EditRequest, edited: Edited) -> Image | NotApplicable:
        return draw_result(request.photo.image, edited, scribble_lines, dark=False)


def draw_result(source: Image, edited: Edited, find: Callable[[Image], Mask], dark: bool) -> Image | NotApplicable:
    """Draw the lines of an edited image, if they differ from the source's where it changed."""
    after, before = find(edited.image), find(source)
    mask = np.ones(after.shape, bool) if edited.mask is None else scale_mask(edited.mask, after)
    if agreement(after & mask, before & mask) > MOST_ALIKE:
        return NotApplicable("the lines of the edited image hardly differ from those of the source")
    if after.mean() < LEAST_DRAWN:
        return NotApplicable("the edited image has hardly any lines")
    return draw_lines(after, dark)


def draw_box(image: Image, box: tuple[int, int, int, int]) -> Image:
    """Return a copy of an image with a red box: left, top, right and bottom in pixels."""
    drawn, (left, top, right, bottom) = image.copy(), box
    cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), RED, max(2, round(BOX_WIDTH * max(image.shape[:2]))))
    return drawn
