"""AnyEdit's counting: one of several objects of a kind is removed, or added by exchanging the two images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from omniedit.grounding.detector import PhraseQuery
from omniedit.imaging.images import Image
from omniedit.instructions.edit_proposals.anyedit_classes import CountingProposal
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.learned.inpainting import GroundedHole, InpaintingRemoval, NotGrounded
from omniedit.specialists.learned.proposal_specialist import get_proposal
from omniedit.tasks import Task


class InpaintingCount(InpaintingRemoval):
    """Removal of one of several objects, whose number the detector checks before and after it.

    If the proposal asks for one more, source and edited image are exchanged. Truth: as for `InpaintingRemoval`, and
    kind, count, more.
    """

    task = Task("counting")
    proposal: ClassVar[type[Any]] = CountingProposal

    def finish(
        self, requests: Sequence[EditRequest], prepared: Sequence[GroundedHole | NotGrounded]
    ) -> Sequence[EditResult | NotApplicable]:
        edits = super().finish(requests, prepared)
        proposals = [get_proposal(request, CountingProposal) for request in requests]
        queries = [
            (index, PhraseQuery(image, proposal.kind))
            for index, (request, edit, proposal) in enumerate(zip(requests, edits, proposals, strict=True))
            if isinstance(edit, EditResult)
            for image in (request.photo.image, edit.image)
        ]
        counts = iter(self._count([query for _, query in queries]))
        return [
            self._check(edit, proposal, request.photo.image, next(counts), next(counts))
            if isinstance(edit, EditResult)
            else edit
            for edit, proposal, request in zip(edits, proposals, requests, strict=True)
        ]

    def _count(self, queries: Sequence[PhraseQuery]) -> list[int]:
        grounder = self.toolbox.grounder
        return (
            [len(detections.boxes) for detections in grounder.detector.detect(queries, grounder.limits)]
            if queries
            else []
        )

    def _check(
        self, edit: EditResult, proposal: CountingProposal, photo: Image, before: int, after: int
    ) -> EditResult | NotApplicable:
        """Return the edit in the direction of its instruction; reject it if the detector counts different numbers."""
        if (before, after) != (proposal.count, proposal.count - 1):
            counts = f"{before} before the edit and {after} after it"
            return NotApplicable(f"{proposal.count} x '{proposal.kind}' proposed; {counts} are found")
        return replace(edit, image=photo, source=edit.image) if proposal.more else edit
