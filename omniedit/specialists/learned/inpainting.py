"""Object swap, removal, addition and background swap by inpainting (Wei et al. 2024, section 3.2).

A phrase gives the mask, and a prompt gives what is painted into it.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from omniedit.grounding.detector import Detections, Grounding, NotGrounded, PhraseQuery
from omniedit.grounding.masks import box_mask
from omniedit.imaging.boxes import FractionBox, fraction_box
from omniedit.imaging.images import Mask, decode_mask, encode_mask
from omniedit.imaging.morphology import dilate_by_share
from omniedit.instructions.edit_proposals.classes import (
    AdditionProposal,
    BackgroundProposal,
    RemovalProposal,
    SwapProposal,
)
from omniedit.models.roles import ROLES
from omniedit.sources.photo import round_box
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.learned.inpainter import Hole
from omniedit.specialists.learned.proposal_specialist import P, ProposalSpecialist, get_proposal, request_seed
from omniedit.specialists.learned.shared_models import Toolbox
from omniedit.tasks import Task

HOLE_OVERLAP = 0.25
"""Overlap of box and hole, as a share of the smaller of both, above which the object in the box is in the hole."""


@dataclass(frozen=True)
class GroundedHole:
    """Grounded object of a proposal, and the hole made from its mask."""

    query: PhraseQuery
    grounded: Grounding
    hole: Hole


class Inpainting(ProposalSpecialist[P]):
    """Specialist that grounds the object of each proposal and inpaints its edit."""

    proposal: ClassVar[type[Any]]

    def __init__(self, toolbox: Toolbox, proposals: Any, task: Task | None = None) -> None:
        super().__init__(toolbox, proposals, task)
        self._known: dict[tuple[str, str, bool], CachedGrounding] = {}

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[EditResult | NotApplicable]:
        return self.finish(requests, self.prepare(requests))

    def prepare(self, requests: Sequence[EditRequest]) -> list[GroundedHole | NotGrounded]:
        """Ground the proposals' objects and return the holes made from their masks."""
        proposals = [get_proposal(request, self.proposal) for request in requests]
        queries = [
            PhraseQuery(request.photo.image, proposal.object, getattr(proposal, "every", False))
            for request, proposal in zip(requests, proposals, strict=True)
        ]
        groundings = self._ground_all(requests, queries)
        return [
            one if isinstance(one, NotGrounded) else self._place(query, one, proposal, request_seed(request))
            for query, one, proposal, request in zip(queries, groundings, proposals, requests, strict=True)
        ]

    def finish(
        self, requests: Sequence[EditRequest], prepared: Sequence[GroundedHole | NotGrounded]
    ) -> Sequence[EditResult | NotApplicable]:
        placed = [one for one in prepared if isinstance(one, GroundedHole)]
        results = iter(self.filter_edits(self._edit_placed(placed), placed))
        return [NotApplicable(one.reason) if isinstance(one, NotGrounded) else next(results) for one in prepared]

    def _place(self, query: PhraseQuery, grounded: Grounding, proposal: P, seed: int) -> GroundedHole:
        return GroundedHole(query, grounded, Hole(query.image, self.hole(grounded.mask), self.prompt(proposal), seed))

    def _ground_all(
        self, requests: Sequence[EditRequest], queries: Sequence[PhraseQuery]
    ) -> list[Grounding | NotGrounded]:
        """Ground each query's phrase, once for all its candidates."""
        keys = [
            (request.photo.source_id, query.phrase, query.every)
            for request, query in zip(requests, queries, strict=True)
        ]
        new = {key: query for key, query in zip(keys, queries, strict=True) if key not in self._known}
        groundings = dict(zip(new, self.toolbox.grounder.ground(list(new.values())), strict=True))
        outcomes = [groundings[key] if key in groundings else self._known[key].whole for key in keys]
        if self.toolbox.config.candidates > 1:
            self._known |= {key: CachedGrounding.of(grounded) for key, grounded in groundings.items()}
        return outcomes

    def _edit_placed(self, placed: Sequence[GroundedHole]) -> list[EditResult]:
        models = self.toolbox.revisions(*ROLES[self.task])
        filled = self.toolbox.inpainter.fill([one.hole for one in placed])
        return [
            EditResult(
                image, one.hole.mask, models, truth={**grounding_truth(one.grounded), **self.extra_truth(one.hole)}
            )
            for one, image in zip(placed, filled, strict=True)
        ]

    @abstractmethod
    def prompt(self, proposal: P) -> str:
        """Return the description of what to paint into the hole."""

    def hole(self, mask: Mask) -> Mask:
        """Return the mask to inpaint, from the mask of the proposal's object."""
        return dilate_by_share(mask, self.toolbox.config.grounding.dilation)

    def extra_truth(self, hole: Hole) -> dict[str, Any]:
        """Return further truth of the edit."""
        return {}

    def filter_edits(
        self, edits: Sequence[EditResult], placed: Sequence[GroundedHole]
    ) -> Sequence[EditResult | NotApplicable]:
        """Return the edits, with `NotApplicable` for each one that failed."""
        return edits


class InpaintingSwap(Inpainting[SwapProposal]):
    """Painting of another object over an object. Truth: object, new_object, box and new_box (fractions)."""

    task, proposal = Task.OBJECT_SWAP, SwapProposal

    def prompt(self, proposal: SwapProposal) -> str:
        return proposal.new_object

    def extra_truth(self, hole: Hole) -> dict[str, Any]:
        return {"new_box": mask_box(hole.mask)}


class InpaintingRemoval(Inpainting[RemovalProposal]):
    """Painting of the background over an object. Truth: object, every, background, box (fractions)."""

    task, proposal = Task.OBJECT_REMOVAL, RemovalProposal

    def prompt(self, proposal: RemovalProposal) -> str:
        return proposal.background


class InpaintingAddition(Inpainting[AdditionProposal]):
    """Removal with source and edited image exchanged.

    It fails if the detector still finds the object in its place. Similar objects elsewhere do not matter. Truth: as for
    `InpaintingRemoval`.
    """

    task, proposal = Task.OBJECT_ADDITION, AdditionProposal

    def prompt(self, proposal: AdditionProposal) -> str:
        return proposal.background

    def filter_edits(
        self, edits: Sequence[EditResult], placed: Sequence[GroundedHole]
    ) -> Sequence[EditResult | NotApplicable]:
        grounder, queries = self.toolbox.grounder, [one.query for one in placed]
        emptied = [PhraseQuery(edited.image, query.phrase) for edited, query in zip(edits, queries, strict=True)]
        detections = grounder.detector.detect(emptied, grounder.limits)
        return [self._swap_source_and_edit(*each) for each in zip(edits, queries, detections, strict=True)]

    def _swap_source_and_edit(
        self, removed: EditResult, query: PhraseQuery, detections: Detections
    ) -> EditResult | NotApplicable:
        assert removed.mask is not None
        if any(is_inside_hole(box, removed.mask) for box in detections.boxes.tolist()):
            return NotApplicable(f"'{query.phrase}' is still found where it was removed")
        return EditResult(query.image, removed.mask, removed.models, source=removed.image, truth=removed.truth)


class InpaintingBackground(Inpainting[BackgroundProposal]):
    """Painting of all but an object. Truth: object, every, background, box (fractions), background_source_id ('')."""

    task, proposal = Task.BACKGROUND_SWAP, BackgroundProposal

    def prompt(self, proposal: BackgroundProposal) -> str:
        return proposal.background

    def hole(self, mask: Mask) -> Mask:
        return ~mask

    def extra_truth(self, hole: Hole) -> dict[str, Any]:
        return {"background_source_id": ""}


def grounding_truth(grounded: Grounding) -> dict[str, Any]:
    """Return the box and the score of a grounded object."""
    return {"box": mask_box(grounded.mask), "score": round(grounded.score, 3)}


def is_inside_hole(box: FractionBox, hole: Mask) -> bool:
    """Return whether the object in a box is in a hole, not only next to it."""
    boxed = box_mask(box, hole.shape)
    both = (boxed & hole).sum()
    return bool(both > HOLE_OVERLAP * min(boxed.sum(), hole.sum()))


@dataclass(frozen=True)
class CachedGrounding:
    """Result of grounding a phrase. The mask is encoded, so that it takes kilobytes instead of a byte per pixel."""

    grounding: Grounding | NotGrounded
    mask: bytes = b""

    @classmethod
    def of(cls, grounding: Grounding | NotGrounded) -> "CachedGrounding":
        if isinstance(grounding, NotGrounded):
            return cls(grounding)
        return cls(replace(grounding, mask=np.zeros((0, 0), bool)), encode_mask(grounding.mask))

    @property
    def whole(self) -> Grounding | NotGrounded:
        return (
            self.grounding
            if isinstance(self.grounding, NotGrounded)
            else replace(self.grounding, mask=decode_mask(self.mask))
        )


def mask_box(mask: Mask) -> list[float]:
    """Return the bounding box of a mask, as fractions of the image."""
    return round_box(fraction_box(mask))
