"""Visual reference: the object of another photo, the reference image, is inserted or replaces one (AnyEdit)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.inpaint import MODELS
from omniedit.imaging.morphology import bounding_box, dilate
from omniedit.instructions.objects import describe_place
from omniedit.instructions.references import insert_reference, replace_by_reference
from omniedit.pairs import Reference
from omniedit.sources.photo import FractionBox, Photo, round_box
from omniedit.specialists.base import Donors, Edited, EditRequest, NotApplicable
from omniedit.specialists.embedded.fills import Fills
from omniedit.specialists.embedded.swap import ObjectSwap
from omniedit.tasks import Task

CONTEXT = 0.2
"""Margin of the reference image around its object, as a share of the sides of the object's box."""
RIM = 2
"""Pixels around those that an insertion changes that belong to its mask."""


class VisualReference:
    """Replacement of an object by the object in a reference image, or insertion of that object.

    An insertion is a swap whose source image is the photo without the old object.

    Truth: `edit` (object_swap or object_addition), the truth of that edit, `new_object_source_id` (the donor photo)
    and `reference_box` (of the object in the reference image, fractions).
    """

    task = Task("visual_reference")

    def __init__(self, donors: Donors, objects: ObjectIndex | None = None, fills: Fills | None = None) -> None:
        self._fills = fills or Fills()
        self._swap = ObjectSwap(donors, objects, self._fills)

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        swap = self._swap.propose(photo, rng)
        assert swap.parts is not None
        image, box = crop_around(swap.parts["donor"].image, swap.parts["new"].mask)
        more = {"new_object_source_id": swap.truth["new_object_source_id"], "reference_box": round_box(box)}
        parts = {**swap.parts, "reference": Reference("subject", image)}
        old, new, place = swap.truth["object"], swap.truth["new_object"], swap.truth["new_box"]
        if rng.random() < 0.5:
            truth = {"object": new, "box": place, "edit": Task.OBJECT_ADDITION.name, **more}
            instructions = insert_reference(new, describe_place(place), rng)
        else:
            truth = {**swap.truth, "edit": Task.OBJECT_SWAP.name, **more}
            instructions = replace_by_reference(old, new, rng)
        return replace(swap, task=self.task, instructions=instructions, truth=truth, parts=parts)

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[Edited | NotApplicable]:
        return [self._edit(request) for request in requests]

    def _edit(self, request: EditRequest) -> Edited | NotApplicable:
        assert request.parts is not None
        (edited,) = self._swap.edit([request])
        if isinstance(edited, NotApplicable):
            return edited
        edited = replace(edited, references=(request.parts["reference"],))
        if request.truth["edit"] == Task.OBJECT_SWAP:
            return edited
        source = self._fills.fill(request.photo, request.parts["hole"])
        changed = (source != edited.image).any(axis=2)
        return replace(edited, mask=dilate(changed, RIM), source=source, models=MODELS)


def crop_around(image: Image, mask: Mask) -> tuple[Image, FractionBox]:
    """Return the part of an image around an object, and the object's box in it as fractions."""
    left, top, right, bottom = bounding_box(mask)
    dx, dy = round(CONTEXT * (right - left)), round(CONTEXT * (bottom - top))
    x0, y0 = max(0, left - dx), max(0, top - dy)
    crop = np.ascontiguousarray(image[y0 : bottom + dy, x0 : right + dx])
    height, width = crop.shape[:2]
    box = ((left - x0) / width, (top - y0) / height, (right - x0) / width, (bottom - y0) / height)
    return crop, box
