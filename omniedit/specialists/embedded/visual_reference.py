"""Visual reference: the object in the reference image is inserted (AnyEdit).

The edited image is a photo, the source the same photo without one object, whose place is filled with the plain ground
next to it. The reference image shows only that object: cut out, at another size and perhaps mirrored. Objects of other
photos are not inserted, because few of them suit a scene.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from omniedit.grounding.nouns import OBJECT
from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.harmonize import cut_out
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.inpaint import MODELS
from omniedit.imaging.morphology import bounding_box
from omniedit.instructions.grammar import without_position
from omniedit.instructions.templates.objects import describe_place
from omniedit.instructions.templates.references import insert_reference
from omniedit.pairs import Reference
from omniedit.sources.photo import Photo, round_box
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.specialists.embedded.object_transform import fill_place, find_obstacle, mask_with_rim
from omniedit.tasks import Task

WHITE, GREY, LIGHT = 255, 110, 200
"""Grey levels of the background of the reference image, and the level from which an object is light."""
MARGIN = 0.15
"""Width of the margin around the object, as a share of the longer side of its box."""
SCALES = (0.6, 1.0)
"""Range of the size of the object in the reference image, relative to its size in the photo."""
MIN_SIDE = 96
"""Minimum longer side, in pixels, of the object in the reference image."""


class VisualReference(EmbeddedSpecialist):
    """Insertion of the object in a reference image, on plain ground.

    Truth: `edit` (object_addition), `object`, `box`, `reference_box` (of the object in the reference image, fractions)
    and `mirrored` (whether the reference image shows it mirrored).
    """

    task = Task("visual_reference")

    def __init__(self, objects: ObjectIndex | None = None) -> None:
        self._objects = objects or ObjectIndex()
        self._used: set[tuple[str, str]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo)
        obstacles = {obj.name: _find_obstacle(photo, obj, objects) for obj in objects}
        fresh = [obj for obj in objects if not obstacles[obj.name] and (photo.source_id, obj.name) not in self._used]
        if not fresh:
            raise NotApplicable("; ".join(filter(None, obstacles.values())) or "no further object with a clear outline")
        obj = fresh[rng.integers(len(fresh))]
        self._used.add((photo.source_id, obj.name))
        mirrored = bool(rng.random() < 0.5)
        image, box = isolate_object(photo.image, obj.mask, float(rng.uniform(*SCALES)), mirrored)
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=insert_reference(without_position(obj.name), describe_place(obj.box), rng),
            truth={
                "edit": Task.OBJECT_ADDITION.name,
                "object": obj.name,
                "box": round_box(obj.box),
                "reference_box": round_box(box),
                "mirrored": mirrored,
            },
            mask=mask_with_rim(obj),
            parts={
                "reference": Reference("subject", image),
                "found": obj,
                "others": [other for other in objects if other is not obj],
            },
        )

    def _edit(self, request: EditRequest) -> EditResult:
        assert request.parts is not None
        source = fill_place(request.photo, request.parts["found"], request.parts["others"])
        references = (request.parts["reference"],)
        return EditResult(request.photo.image, request.mask, MODELS, source=source, references=references)


def _find_obstacle(photo: Photo, obj: FoundObject, objects: Sequence[FoundObject]) -> str:
    """Return why an object cannot be inserted, or '' if it can."""
    return "nothing names the object" if obj.name == OBJECT else find_obstacle(photo, obj, objects)


def isolate_object(image: Image, mask: Mask, scale: float, mirrored: bool) -> tuple[Image, FractionBox]:
    """Return an object on white, or on grey if it is light, and its box in that image as fractions."""
    piece = cut_out(image, mask)
    margin = round(MARGIN * max(piece.alpha.shape))
    ground = GREY if float(np.median(piece.colours[piece.solid])) > LIGHT else WHITE
    pixels = np.rint(ground + piece.alpha[..., None] * (piece.colours - ground)).astype(np.uint8)
    view = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), constant_values=ground)
    solid = np.pad(piece.solid, margin)
    if max(piece.alpha.shape) * scale >= MIN_SIDE:
        resized = cv2.resize(view, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        view = resized.astype(np.uint8, copy=False)
    if mirrored:
        view, solid = view[:, ::-1], solid[:, ::-1]
    left, top, right, bottom = bounding_box(solid)
    height, width = solid.shape
    box = (left / width, top / height, right / width, bottom / height)
    return np.ascontiguousarray(view, dtype=np.uint8), box
