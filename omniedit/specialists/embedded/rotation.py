"""Rotation about the view axis. The source image is a crop of a photo, the edited image is the same crop of the rotated
photo."""

from importlib.metadata import version
from math import cos, radians, sin

import cv2
import numpy as np

from omniedit.imaging.images import Image
from omniedit.instructions.templates.camera import rotation_instructions
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.tasks import Task

ANGLES = (-20, -15, -10, 10, 15, 20, 180)
"""Degrees, positive for clockwise. With angles above 20, too little of the photo remains without empty corners."""
MIN_CHANGE = 10.0
"""Mean absolute difference of grey levels below which the rotation is not visible."""


class RotationChange(EmbeddedSpecialist):
    """Rotation of the view. Truth: angle, in degrees, positive for clockwise."""

    task = Task("rotation_change")

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        angle = ANGLES[rng.integers(len(ANGLES))]
        return EditRequest(photo, self.task, rotation_instructions(angle, rng), {"angle": angle})

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        source, edited = rotate_view(request.photo.image, request.truth["angle"])
        change = float(cv2.absdiff(source[::4, ::4].copy(), edited[::4, ::4].copy()).mean())
        if change < MIN_CHANGE:
            return NotApplicable(f"the rotated photo looks the same: it differs by {change:.1f} grey levels")
        return EditResult(edited, None, {"opencv": version("opencv-python-headless")}, source=source)


def rotate_view(image: Image, angle: float) -> tuple[Image, Image]:
    """Return the central crop of an image and the same crop of the image rotated clockwise, without empty corners.

    A half turn keeps every pixel.
    """
    if abs(angle) == 180:
        return image, np.ascontiguousarray(image[::-1, ::-1])
    height, width = image.shape[:2]
    scale = inner_scale(width, height, angle)
    crop = int(width * scale) - 2, int(height * scale) - 2
    left, top = (width - crop[0]) // 2, (height - crop[1]) // 2
    middle = left + (crop[0] - 1) / 2, top + (crop[1] - 1) / 2
    matrix = cv2.getRotationMatrix2D(middle, -angle, 1.0)
    matrix[:, 2] -= left, top
    turned = cv2.warpAffine(image, matrix, crop, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    source = np.ascontiguousarray(image[top : top + crop[1], left : left + crop[0]])
    return source, np.asarray(turned, np.uint8)


def inner_scale(width: int, height: int, angle: float) -> float:
    """Return the largest scale at which a rectangle, rotated by an angle in degrees, fits into itself unrotated."""
    c, s = abs(cos(radians(angle))), abs(sin(radians(angle)))
    return min(width / (width * c + height * s), height / (height * c + width * s))
