"""Object swap, removal, addition and background swap: a mask by words, and what is painted into it by words (Wei et al.
2024, section 3.2)."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from omniedit.grounding.detector import Grounded, NotGrounded, Query
from omniedit.grounding.shapes import bounding_box, grown
from omniedit.images import Image, Mask
from omniedit.instructions.proposals import AdditionProposal, BackgroundProposal, RemovalProposal, SwapProposal
from omniedit.specialists.base import Edited, EditRequest, Unsuitable
from omniedit.specialists.learned.inpainter import Hole
from omniedit.specialists.learned.proposed import P, Proposed, proposal_of, seed_of
from omniedit.specialists.learned.roles import ROLES
from omniedit.tasks import Task

DILATION = 0.08
"""By how much of its own size an object's mask grows: its rim and the nearest of its shadow go with it."""


class Inpainting(Proposed[P]):
    """Grounds what the proposals name, and paints what they ask for."""

    proposal: ClassVar[type[Any]]

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[Edited | Unsuitable]:
        proposals = [proposal_of(request, self.proposal) for request in requests]
        queries = [
            Query(request.photo.image, proposal.object, getattr(proposal, "every", False))
            for request, proposal in zip(requests, proposals, strict=True)
        ]
        found = self.toolbox.grounder.ground(queries)
        holes = [
            Hole(request.photo.image, self.hole(grounded.mask), self.prompt(proposal), seed_of(request))
            for request, proposal, grounded in zip(requests, proposals, found, strict=True)
            if isinstance(grounded, Grounded)
        ]
        filled = iter(zip(holes, self.toolbox.inpainter.fill(holes), strict=True))
        return self.accepted(
            [
                Unsuitable(grounded.reason)
                if isinstance(grounded, NotGrounded)
                else self._edited(grounded, *next(filled))
                for grounded in found
            ],
            queries,
        )

    def _edited(self, grounded: Grounded, hole: Hole, filled: Image) -> Edited:
        models = self.toolbox.revisions(*ROLES[self.task])
        return Edited(filled, hole.mask, models, truth={**where(grounded), **self.reached(hole)})

    @abstractmethod
    def prompt(self, proposal: P) -> str:
        """What is to be seen in the hole."""

    def hole(self, mask: Mask) -> Mask:
        """What is painted anew, from the mask of what the proposal names."""
        return grown(mask, DILATION)

    def reached(self, hole: Hole) -> dict[str, Any]:
        """What more is known of the edit."""
        return {}

    def accepted(self, edits: list[Edited | Unsuitable], queries: Sequence[Query]) -> Sequence[Edited | Unsuitable]:
        """The edits that came off."""
        return edits


class ObjectSwap(Inpainting[SwapProposal]):
    """Paints another thing over an object. Truth: object, new_object, box and new_box (fractions)."""

    task, proposal = Task.OBJECT_SWAP, SwapProposal

    def prompt(self, proposal: SwapProposal) -> str:
        return proposal.new_object

    def reached(self, hole: Hole) -> dict[str, Any]:
        return {"new_box": box_of(hole.mask)}


class ObjectRemoval(Inpainting[RemovalProposal]):
    """Paints what is behind an object over it. Truth: object, every, background, box (fractions)."""

    task, proposal = Task.OBJECT_REMOVAL, RemovalProposal

    def prompt(self, proposal: RemovalProposal) -> str:
        return proposal.background


class ObjectAddition(Inpainting[AdditionProposal]):
    """A removal with source and target exchanged, where the detector no longer finds the object. Truth: as there."""

    task, proposal = Task.OBJECT_ADDITION, AdditionProposal

    def prompt(self, proposal: AdditionProposal) -> str:
        return proposal.background

    def accepted(self, edits: list[Edited | Unsuitable], queries: Sequence[Query]) -> Sequence[Edited | Unsuitable]:
        places = [place for place, edited in enumerate(edits) if isinstance(edited, Edited)]
        emptied = [Query(edits[place].image, queries[place].phrase) for place in places]  # type: ignore[union-attr]
        grounder = self.toolbox.grounder
        for place, found in zip(places, grounder.detector.detect(emptied, grounder.limits), strict=True):
            edits[place] = self._exchanged(edits[place], queries[place], len(found.boxes) > 0)
        return edits

    def _exchanged(self, removed: Edited | Unsuitable, query: Query, still_there: bool) -> Edited | Unsuitable:
        assert isinstance(removed, Edited)
        if still_there:
            return Unsuitable(f"'{query.phrase}' is still found where it was taken away")
        return Edited(query.image, removed.mask, removed.models, source=removed.image, truth=removed.truth)


class BackgroundSwap(Inpainting[BackgroundProposal]):
    """Paints all but an object. Truth: object, every, background, box (fractions), background_source_id ('')."""

    task, proposal = Task.BACKGROUND_SWAP, BackgroundProposal

    def prompt(self, proposal: BackgroundProposal) -> str:
        return proposal.background

    def hole(self, mask: Mask) -> Mask:
        return ~mask

    def reached(self, hole: Hole) -> dict[str, Any]:
        return {"background_source_id": ""}


def where(grounded: Grounded) -> dict[str, Any]:
    """Where what was named was found, and how surely."""
    return {"box": box_of(grounded.mask), "score": round(grounded.score, 3)}


def box_of(mask: Mask) -> list[float]:
    """Of what is inside, as fractions of the picture."""
    height, width = mask.shape
    left, top, right, bottom = bounding_box(mask)
    return [round(edge, 4) for edge in (left / width, top / height, right / width, bottom / height)]
