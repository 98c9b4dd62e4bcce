"""Visual reference: the object in the reference image is inserted (AnyEdit).

The edited image is a photo, the source the same photo without one object, and the reference image shows that object
alone: cut out, at another size and perhaps mirrored. Objects of other photos are not inserted, because few of them
suit a scene.
"""

from dataclasses import replace

import cv2
import numpy as np

from omniedit.imaging.harmonize import cut_out
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box
from omniedit.instructions.objects import describe_place, without_position
from omniedit.instructions.references import insert_reference
from omniedit.pairs import Reference
from omniedit.sources.photo import FractionBox, Photo, round_box
from omniedit.specialists.base import Edited, EditRequest
from omniedit.specialists.embedded.addition import ObjectAddition
from omniedit.tasks import Task

WHITE, GREY, LIGHT = 255, 110, 200
"""Grey levels of the background of the reference image, and the level from which an object is light."""
MARGIN = 0.15
"""Width of the margin around the object, as a share of the longer side of its box."""
SCALES = (0.6, 1.0)
"""Range of the size of the object in the reference image, relative to its size in the photo."""
LEAST_SIDE = 96
"""Longer side in pixels below which an object is not made smaller."""


class VisualReference(ObjectAddition):
    """Insertion of the object in a reference image.

    Truth: `edit` (object_addition), `object`, `box`, `reference_box` (of the object in the reference image, fractions)
    and `mirrored` (whether the reference image shows it mirrored).
    """

    task = Task("visual_reference")

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        known = {found.name: found for found in self._objects.find(photo)}
        request = super().propose(photo, rng)
        while (name := request.truth["object"]) not in known:  # two objects at once
            request = super().propose(photo, rng)
        mirrored = bool(rng.random() < 0.5)
        image, box = show_alone(photo.image, known[name].mask, float(rng.uniform(*SCALES)), mirrored)
        more = {"edit": Task.OBJECT_ADDITION.name, "reference_box": round_box(box), "mirrored": mirrored}
        return replace(
            request,
            instructions=insert_reference(without_position(name), describe_place(known[name].box), rng),
            truth={**request.truth, **more},
            parts={"reference": Reference("subject", image)},
        )

    def _edit(self, request: EditRequest) -> Edited:
        assert request.parts is not None
        return replace(super()._edit(request), references=(request.parts["reference"],))


def show_alone(image: Image, mask: Mask, scale: float, mirrored: bool) -> tuple[Image, FractionBox]:
    """Return an object on white, or on grey if it is light, and its box in that image as fractions."""
    piece = cut_out(image, mask)
    margin = round(MARGIN * max(piece.alpha.shape))
    ground = GREY if float(np.median(piece.colours[piece.solid])) > LIGHT else WHITE
    pixels = np.rint(ground + piece.alpha[..., None] * (piece.colours - ground)).astype(np.uint8)
    shown = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), constant_values=ground)
    solid = np.pad(piece.solid, margin)
    if max(piece.alpha.shape) * scale >= LEAST_SIDE:
        resized = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        shown = resized.astype(np.uint8, copy=False)
    if mirrored:
        shown, solid = shown[:, ::-1], solid[:, ::-1]
    left, top, right, bottom = bounding_box(solid)
    height, width = solid.shape
    box = (left / width, top / height, right / width, bottom / height)
    return np.ascontiguousarray(shown, dtype=np.uint8), box
