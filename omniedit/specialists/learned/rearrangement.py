"""AnyEdit's movement, resize and relation: an object is cut out, its old place is inpainted, and the object is pasted
at its new place.

The border of the pasted object is then inpainted to blend into its new surroundings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from omniedit.aspect import Box
from omniedit.grounding.detector import Grounding, NotGrounded, PhraseQuery
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box, dilate, erode
from omniedit.instructions.edit_proposals.camera_classes import (
    MovementProposal,
    PlacementProposal,
    RelationProposal,
    ResizeProposal,
)
from omniedit.models.roles import ROLES
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.learned.inpainter import Hole
from omniedit.specialists.learned.inpainting import GroundedHole, Inpainting, grounding_truth, mask_box
from omniedit.specialists.learned.proposal_specialist import get_proposal
from omniedit.tasks import Task

RIM = 0.02
"""Half the width of the border that is inpainted, as a share of the square root of the object's area."""
GAP = 0.03
"""Distance between an object and its anchor, as a share of the image's longer side."""
MAX_HIDDEN_SHARE = 0.1
"""Maximum share of the anchor that the placed object may hide."""


@dataclass(frozen=True)
class ScaledPlace:
    """Placement of an object after the edit: its scale, and the left upper corner of its bounding box."""

    scale: float
    left: int
    top: int


class Rearrangement(Inpainting[PlacementProposal]):
    """Edit that puts an object in another place or gives it another size. Truth: the proposal's fields, box and
    new_box (fractions).
    """

    task, proposal = Task("movement"), PlacementProposal

    def prompt(self, proposal: PlacementProposal) -> str:
        return proposal.background

    def finish(
        self, requests: Sequence[EditRequest], prepared: Sequence[GroundedHole | NotGrounded]
    ) -> Sequence[EditResult | NotApplicable]:
        proposals = [get_proposal(request, PlacementProposal) for request in requests]
        anchors = self._ground_anchors(requests, proposals, prepared)
        places = [
            one if isinstance(one, NotGrounded) else choose_place(one.grounded.mask, proposal, anchor)
            for one, proposal, anchor in zip(prepared, proposals, anchors, strict=True)
        ]
        chosen = [
            (one, place, proposal)
            for one, place, proposal in zip(prepared, places, proposals, strict=True)
            if isinstance(one, GroundedHole) and isinstance(place, ScaledPlace)
        ]
        results = iter(self._rearrange(chosen))
        return [next(results) if isinstance(place, ScaledPlace) else NotApplicable(place.reason) for place in places]

    def _ground_anchors(
        self,
        requests: Sequence[EditRequest],
        proposals: Sequence[PlacementProposal],
        prepared: Sequence[GroundedHole | NotGrounded],
    ) -> list[Grounding | NotGrounded | None]:
        """Ground the object that each relation refers to; None for other proposals and for phrases without a match."""
        queries = [
            PhraseQuery(request.photo.image, proposal.anchor)
            for request, proposal, one in zip(requests, proposals, prepared, strict=True)
            if isinstance(proposal, RelationProposal) and isinstance(one, GroundedHole)
        ]
        groundings = iter(self.toolbox.grounder.ground(queries) if queries else ())
        return [
            next(groundings) if isinstance(proposal, RelationProposal) and isinstance(one, GroundedHole) else None
            for proposal, one in zip(proposals, prepared, strict=True)
        ]

    def _rearrange(self, chosen: Sequence[tuple[GroundedHole, ScaledPlace, PlacementProposal]]) -> list[EditResult]:
        painter, models = self.toolbox.inpainter, self.toolbox.revisions(*ROLES[self.task])
        emptied = painter.fill([one.hole for one, _, _ in chosen])
        pasted = [
            paste(one.hole.image, one.grounded.mask, scene, place)
            for (one, place, _), scene in zip(chosen, emptied, strict=True)
        ]
        rims = [
            Hole(image, rim(mask), f"{proposal.object}, {proposal.background}", one.hole.seed)
            for (one, _, proposal), (image, mask) in zip(chosen, pasted, strict=True)
        ]
        return [
            EditResult(
                image,
                one.hole.mask | mask | joined.mask,
                models,
                truth=grounding_truth(one.grounded) | {"new_box": mask_box(mask)},
            )
            for (one, _, _), (_, mask), joined, image in zip(chosen, pasted, rims, painter.fill(rims), strict=True)
        ]


def choose_place(
    mask: Mask, proposal: PlacementProposal, anchor: Grounding | NotGrounded | None = None
) -> ScaledPlace | NotGrounded:
    """Return where a proposal places the object of a mask, or the reason why the object cannot be placed there.

    Args:
        anchor: the other object of a relation.
    """
    if isinstance(anchor, NotGrounded):
        return anchor
    (height, width), box = mask.shape, bounding_box(mask)
    scale = proposal.scale if isinstance(proposal, ResizeProposal) else 1.0
    size = round((box[2] - box[0]) * scale), round((box[3] - box[1]) * scale)
    left, top = _corner(box, size, proposal, (width, height), None if anchor is None else bounding_box(anchor.mask))
    if left < 0 or top < 0 or left + size[0] > width or top + size[1] > height:
        return NotGrounded(f"'{proposal.object}' would leave the image")
    placing = ScaledPlace(scale, left, top)
    if anchor is not None:
        hidden = anchor.mask & place_mask(mask, placing) & ~mask
        if hidden.sum() > MAX_HIDDEN_SHARE * anchor.mask.sum():
            return NotGrounded(f"'{proposal.object}' would hide the object next to which it is placed")
    return placing


def _corner(
    box: Box, size: tuple[int, int], proposal: PlacementProposal, image: tuple[int, int], anchor: Box | None
) -> tuple[int, int]:
    """Return the left and upper edge of the placed object."""
    left, top, right, bottom = box
    match proposal:
        case MovementProposal(direction=direction, distance=distance):
            across, down = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[direction]
            return left + round(across * distance * image[0]), top + round(down * distance * image[1])
        case RelationProposal(side=side) if anchor is not None:
            gap = round(GAP * max(image))
            middle = (anchor[0] + anchor[2] - size[0]) // 2
            return {
                "left": (anchor[0] - gap - size[0], anchor[3] - size[1]),
                "right": (anchor[2] + gap, anchor[3] - size[1]),
                "above": (middle, anchor[1] - size[1]),
                "below": (middle, anchor[3] + gap),
            }[side]
    return (left + right - size[0]) // 2, bottom - size[1]


def place_mask(mask: Mask, place: ScaledPlace) -> Mask:
    """Return the (H, W) mask of the placed object."""
    placed = np.zeros_like(mask)
    left, top, right, bottom = bounding_box(mask)
    piece = _scale(mask[top:bottom, left:right].astype(np.uint8), place.scale, cv2.INTER_NEAREST) > 0
    placed[place.top : place.top + piece.shape[0], place.left : place.left + piece.shape[1]] = piece
    return placed


def paste(image: Image, mask: Mask, scene: Image, place: ScaledPlace) -> tuple[Image, Mask]:
    """Return the scene with the masked object of an image in its new place, and the mask of that place."""
    placed = place_mask(mask, place)
    left, top, right, bottom = bounding_box(mask)
    interpolation = cv2.INTER_AREA if place.scale < 1 else cv2.INTER_CUBIC
    piece = _scale(image[top:bottom, left:right], place.scale, interpolation)
    canvas = scene.copy()
    canvas[place.top : place.top + piece.shape[0], place.left : place.left + piece.shape[1]] = piece
    return np.where(placed[..., None], canvas, scene), placed


def rim(mask: Mask) -> Mask:
    """Return the mask of a band on both sides of an object's outline."""
    pixels = max(1, round(RIM * float(mask.sum()) ** 0.5))
    return dilate(mask, pixels) & ~erode(mask, pixels)


def _scale(piece: np.ndarray, scale: float, interpolation: int) -> np.ndarray:
    if scale == 1:
        return piece
    height, width = piece.shape[:2]
    return np.asarray(
        cv2.resize(piece, (round(width * scale), round(height * scale)), interpolation=interpolation), np.uint8
    )
