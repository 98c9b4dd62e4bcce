"""AnyEdit's visual types: a removal or a swap whose instruction points to a condition image, computed from the pair."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.line_drawing import RED, agreement, draw_lines, scale_mask, scribble_lines, sketch_lines
from omniedit.imaging.morphology import bounding_box
from omniedit.instructions.templates.references import point_to_reference
from omniedit.pairs import Reference
from omniedit.sources.photo import Photo
from omniedit.specialists.base import Donors, EditRequest, EditResult, EmbeddedSpecialist, NotApplicable, Specialist
from omniedit.specialists.embedded.addition import ObjectAddition
from omniedit.specialists.embedded.fill_cache import FillCache
from omniedit.specialists.embedded.removal import ObjectRemoval
from omniedit.specialists.embedded.swap import PlausibleSwap
from omniedit.tasks import Task

BOX_WIDTH = 1 / 200
"""Width of the line of a box, as a share of the image's longer side."""

PALETTE = ((230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 240, 240))
"""Colours of the segments of a map, on black."""

MAX_AGREEMENT = 0.8
"""Maximum agreement between the lines of the edited region before and after the edit."""
MIN_LINE_SHARE = 0.001
"""Minimum share of a drawing that lines cover, because an empty drawing cannot guide an edit."""


class VisualEdit(EmbeddedSpecialist):
    """Edit of an object with a condition image as its reference. The edit is a removal or a swap, unless a subclass
    says otherwise.

    Truth: the truth of the edit, and `edit`, the task of that edit, such as object_removal.
    """

    task: Task

    def __init__(self, donors: Donors, objects: ObjectIndex | None = None, fills: FillCache | None = None) -> None:
        self._fills, self._objects = fills or FillCache(), objects or ObjectIndex()
        self._edits = {edit.task: edit for edit in self._make_edits(donors)}

    def _make_edits(self, donors: Donors) -> tuple[Specialist, ...]:
        return ObjectRemoval(self._objects), PlausibleSwap(donors, self._objects, self._fills)

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

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        (edited,) = self._edits[Task(request.truth["edit"])].edit([request])
        if isinstance(edited, NotApplicable):
            return edited
        condition = self.draw_condition(request, edited)
        if isinstance(condition, NotApplicable):
            return condition
        (role,) = self.task.references
        return replace(edited, references=(Reference(role, condition),))

    def draw_condition(self, request: EditRequest, edited: EditResult) -> Image | NotApplicable:
        """Return the condition image, (h, w, 3), or why it does not show the edit."""
        raise NotImplementedError


class VisualBox(VisualEdit):
    """Removal of an object that a red box marks on a copy of the source."""

    task = Task("visual_bbox")

    def _make_edits(self, donors: Donors) -> tuple[Specialist, ...]:
        return (ObjectRemoval(self._objects),)

    def draw_condition(self, request: EditRequest, edited: EditResult) -> Image | NotApplicable:
        assert request.mask is not None
        return draw_box(request.photo.image, bounding_box(request.mask))


class VisualSketch(VisualEdit):
    """Edit with a sketch of its result: thin black lines on white."""

    task = Task("visual_sketch")

    def draw_condition(self, request: EditRequest, edited: EditResult) -> Image | NotApplicable:
        return draw_result(request.photo.image, edited, sketch_lines, dark=True)


class VisualScribble(VisualEdit):
    """Edit with a scribble of its result: thick white lines on black."""

    task = Task("visual_scribble")

    def draw_condition(self, request: EditRequest, edited: EditResult) -> Image | NotApplicable:
        return draw_result(request.photo.image, edited, scribble_lines, dark=False)


class VisualSegment(VisualEdit):
    """Addition of an object with a segmentation map of the result.

    The map shows the new object and the photo's other objects, in different colours on black.

    Truth: also `segment`, the colour of the new object in the map.
    """

    task = Task("visual_segment")

    def _make_edits(self, donors: Donors) -> tuple[Specialist, ...]:
        return (ObjectAddition(self._objects, self._fills),)

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        request = super().propose(photo, rng)
        colours = rng.permutation(PALETTE).tolist()
        return replace(
            request, truth={**request.truth, "segment": colours[0]}, parts={**(request.parts or {}), "colours": colours}
        )

    def draw_condition(self, request: EditRequest, edited: EditResult) -> Image | NotApplicable:
        assert request.parts is not None
        objects = self._objects.find(request.photo)
        added = set(request.truth["object"].split(" and the "))
        shape = np.logical_or.reduce([obj.mask for obj in objects if obj.name in added])
        others = [obj.mask for obj in objects if obj.name not in added]
        return draw_segments(
            [*others, shape], [*request.parts["colours"][1 : len(others) + 1], request.truth["segment"]]
        )


def draw_segments(masks: Sequence[Mask], colours: Sequence[Sequence[int]]) -> Image:
    """Return a map of masks on black, the last on top; masks beyond the number of colours are left out."""
    canvas = np.zeros((*masks[0].shape, 3), np.uint8)
    for mask, colour in zip(masks[-len(colours) :], colours, strict=False):
        canvas[mask] = colour
    return canvas


def draw_result(source: Image, edited: EditResult, find: Callable[[Image], Mask], dark: bool) -> Image | NotApplicable:
    """Draw the lines of an edited image, if they differ from the lines of the source in the changed region."""
    after, before = find(edited.image), find(source)
    mask = np.ones(after.shape, bool) if edited.mask is None else scale_mask(edited.mask, after)
    if agreement(after & mask, before & mask) > MAX_AGREEMENT:
        return NotApplicable("the lines of the edited image hardly differ from those of the source")
    if after.mean() < MIN_LINE_SHARE:
        return NotApplicable("the edited image has hardly any lines")
    return draw_lines(after, dark)


def draw_box(image: Image, box: tuple[int, int, int, int]) -> Image:
    """Return a copy of an image with a red box: left, top, right and bottom in pixels."""
    canvas, (left, top, right, bottom) = image.copy(), box
    cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), RED, max(2, round(BOX_WIDTH * max(image.shape[:2]))))
    return canvas
