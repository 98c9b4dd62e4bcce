"""AnyEdit's outpaint: inpainting on a canvas that extends the photo, at the photo's own size and ratio."""

from collections.abc import Sequence

import numpy as np

from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image, Mask, resize
from omniedit.instructions.edit_proposals.camera_classes import OutpaintProposal
from omniedit.models.roles import ROLES
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.embedded.outpainting import border_mask
from omniedit.specialists.learned.inpainter import Hole
from omniedit.specialists.learned.proposal_specialist import ProposalSpecialist, get_proposal, request_seed
from omniedit.tasks import Task

BORDER = 127
"""Grey level of the empty border of the source."""
BORDER_SHARE = 0.25
"""Width of the border on one side, as a share of the canvas; on all sides it is half as wide."""


class Outpainting(ProposalSpecialist[OutpaintProposal]):
    """Continuation of a photo into an empty border.

    For a border on one side, the photo is shifted, so that its opposite edge leaves the canvas. For a border on all
    sides, it is scaled down.
    Truth: side, scene, box (what is kept; fractions).
    """

    task = Task("outpaint")

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[EditResult | NotApplicable]:
        proposals = [get_proposal(request, OutpaintProposal) for request in requests]
        extended = [
            extend(request.photo.image, proposal.side) for request, proposal in zip(requests, proposals, strict=True)
        ]
        holes = [
            Hole(canvas, border, proposal.scene, request_seed(request))
            for (canvas, border, _), proposal, request in zip(extended, proposals, requests, strict=True)
        ]
        models = self.toolbox.revisions(*ROLES[self.task])
        return [
            EditResult(image, border, models, source=canvas, truth={"box": list(box)})
            for image, (canvas, border, box) in zip(self.toolbox.inpainter.fill(holes), extended, strict=True)
        ]


def extend(image: Image, side: str) -> tuple[Image, Mask, FractionBox]:
    """Return a canvas of the image's size with an empty border, the border's mask, and the box of what is kept.

    Args:
        side: 'all', 'left', 'right', 'top' or 'bottom'.
    """
    height, width = image.shape[:2]
    canvas = np.full_like(image, BORDER)
    if side == "all":
        left, top = round(BORDER_SHARE / 2 * width), round(BORDER_SHARE / 2 * height)
        inner = resize(image, width - 2 * left, height - 2 * top)
    else:
        left, top = (round(BORDER_SHARE * width), 0) if side in ("left", "right") else (0, round(BORDER_SHARE * height))
        inner = image[: height - top, : width - left] if side in ("left", "top") else image[top:, left:]
        left, top = (left, top) if side in ("left", "top") else (0, 0)
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    box = (left / width, top / height, (left + inner.shape[1]) / width, (top + inner.shape[0]) / height)
    return canvas, border_mask(image.shape[:2], box), box
