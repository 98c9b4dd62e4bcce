"""AnyEdit's counting: one of several objects of a kind is removed, or added by exchanging the two images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from omniedit.grounding.detector import Query
from omniedit.imaging.images import Image
from omniedit.instructions.type_proposals import CountingProposal
from omniedit.specialists.base import Edited, EditRequest, NotApplicable
from omniedit.specialists.learned.inpainting import NotGrounded, ObjectRemoval, Placed
from omniedit.specialists.learned.proposed import get_proposal
from omniedit.tasks import Task


class Counting(ObjectRemoval):
    """Removal of one of several objects, whose number the detector checks before and after it.

    If the proposal asks for one more, source and edited image are exchanged. Truth: as for `ObjectRemoval`, and kind,
    count, more.
    """

    task = Task("counting")
    proposal: ClassVar[type[Any]] = CountingProposal

    def finish(
        self, requests: Sequence[EditRequest], prepared: Sequence[Placed | NotGrounded]
    ) -> Sequence[Edited | NotApplicable]:
        edits = super().finish(requests, prepared)
        proposals = [get_proposal(request, CountingProposal) for request in requests]
        queries = [
            (place, Query(image, proposal.kind))
            for place, (request, edit, proposal) in enumerate(zip(requests, edits, proposals, strict=True))
            if isinstance(edit, Edited)
            for image in (request.photo.image, edit.image)
        ]
        counts = iter(self._count([query for _, query in queries]))
        return [
            self._check(edit, proposal, request.photo.image, next(counts), next(counts))
            if isinstance(edit, Edited)
            else edit
            for edit, proposal, request in zip(edits, proposals, requests, strict=True)
        ]

    def _count(self, queries: Sequence[Query]) -> list[int]:
        grounder = self.toolbox.grounder
        return [len(found.boxes) for found in grounder.detector.detect(queries, grounder.limits)] if queries else []

    def _check(
        self, edit: Edited, proposal: CountingProposal, photo: Image, before: int, after: int
    ) -> Edited | NotApplicable:
        """Return the edit in the direction of its instruction; reject it if the detector counts other numbers."""
        if (before, after) != (proposal.count, proposal.count - 1):
            found = f"{before} before the edit and {after} after it"
            return NotApplicable(f"{proposal.count} x '{proposal.kind}' proposed; {found} are found")
        return replace(edit, image=photo, source=edit.image) if proposal.more else edit
