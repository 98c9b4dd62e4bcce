"""Outpainting: the source shows the middle of a photo on an empty border, the edited image is the photo (AnyEdit)."""

import numpy as np

from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import CLEAR_LEVELS, Image, Mask
from omniedit.instructions.templates.camera import outpaint_instructions
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.tasks import Task

SIDES = ("all", "left", "right", "top", "bottom")
ALL_SIDES, ONE_SIDE = (0.1, 0.2), (0.2, 0.35)
"""Ranges of the border's width, as a share of the image's side: for a border on all sides, and on one side."""
BORDERS = {"white": 255, "grey": 128, "black": 0}
"""Grey level of the empty border, by its name."""
MIN_FILLED_SHARE = 0.6
"""Minimum share of the border that must clearly differ from the empty one, so that the edit is visible."""
MAX_HIDDEN_SHARE = 0.5
"""Maximum share of an object that the border may hide; a model could only guess more."""


class Outpaint(EmbeddedSpecialist):
    """Continuation of a photo into an empty border. Truth: side, border (a key of BORDERS), box (kept; fractions)."""

    task = Task("outpaint")

    def __init__(self, objects: ObjectIndex | None = None) -> None:
        self._objects = objects or ObjectIndex()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo)
        boxes = {side: draw_kept_box(side, rng) for side in SIDES}
        masks = {side: border_mask(photo.image.shape[:2], box) for side, box in boxes.items()}
        possible = [
            side for side in SIDES if not any(_share_hidden(o, masks[side]) > MAX_HIDDEN_SHARE for o in objects)
        ]
        if not possible:
            raise NotApplicable("on every side, the border would hide most of an object")
        side = possible[rng.integers(len(possible))]
        box, mask = boxes[side], masks[side]
        borders = [
            name for name, level in BORDERS.items() if _share_filled(photo.image[mask], level) >= MIN_FILLED_SHARE
        ]
        if not borders:
            raise NotApplicable("the border of the photo looks empty already")
        border = borders[rng.integers(len(borders))]
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=outpaint_instructions(side, rng),
            truth={"side": side, "border": border, "box": list(box)},
            mask=mask,
        )

    def _edit(self, request: EditRequest) -> EditResult:
        assert request.mask is not None
        source = request.photo.image.copy()
        source[request.mask] = BORDERS[request.truth["border"]]
        return EditResult(request.photo.image, request.mask, {}, source=source)


def draw_kept_box(side: str, rng: np.random.Generator) -> FractionBox:
    """Draw at random the box that is kept, as fractions with four decimals."""
    widths = dict.fromkeys(SIDES[1:], 0.0)
    if side == "all":
        widths = {name: rng.uniform(*ALL_SIDES) for name in widths}
    else:
        widths[side] = rng.uniform(*ONE_SIDE)
    left, right, top, bottom = (round(float(widths[name]), 4) for name in SIDES[1:])
    return left, top, round(1 - right, 4), round(1 - bottom, 4)


def border_mask(shape: tuple[int, ...], box: FractionBox) -> Mask:
    """Return the (H, W) mask of all pixels outside the box."""
    height, width = shape
    mask = np.ones((height, width), bool)
    left, right = (round(edge * width) for edge in box[::2])
    top, bottom = (round(edge * height) for edge in box[1::2])
    mask[top:bottom, left:right] = False
    return mask


def _share_hidden(obj: FoundObject, border: Mask) -> float:
    return float((obj.mask & border).sum() / obj.mask.sum())


def _share_filled(pixels: Image, level: int) -> float:
    """Return the share of pixels that clearly differ from a grey level."""
    differences = np.abs(pixels.astype(np.int16) - level).max(axis=-1)
    return float((differences > CLEAR_LEVELS).mean())
