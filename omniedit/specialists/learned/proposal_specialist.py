"""Base class of the learned specialists, whose edits come from a file of proposals, each with one or several seeds."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np

from omniedit.instructions.edit_proposals.classes import Proposal
from omniedit.models.adaptive_batches import OomAdaptiveBatcher
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, NotApplicable
from omniedit.specialists.learned.shared_models import Toolbox
from omniedit.tasks import Task

P = TypeVar("P", bound=Proposal)

GATHERED_BATCHES = 4
"""Number of batches whose requests are collected at once, so that more requests of one size can be edited together."""


class ProposalSpecialist(Generic[P]):
    """Specialist that offers each photo's proposals in turn.

    If the config asks for several candidates, it then offers each proposal again with a new seed. Truth: the
    proposal's fields, and `candidate`.

    Args:
        proposals: by the source id of the photo.
        task: task of the pairs; None for the first task of the class. Tasks share a class if their edits differ only in
            their proposals.
    """

    task: Task

    def __init__(self, toolbox: Toolbox, proposals: Mapping[str, Sequence[P]], task: Task | None = None) -> None:
        self.toolbox, self.proposals, self.task = toolbox, proposals, task or self.task
        self.batches = OomAdaptiveBatcher(toolbox.config.batch_size)
        self.batch_size = GATHERED_BATCHES * toolbox.config.batch_size
        self._offered: dict[str, int] = {}

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        proposals = self.proposals.get(photo.source_id, ())
        if not proposals:
            raise NotApplicable("no usable proposal for this photo")
        offered = self._offered.get(photo.source_id, 0)
        candidate, index = divmod(offered, len(proposals))
        if candidate == self.toolbox.config.candidates:
            raise NotApplicable("no further proposal for this photo")
        self._offered[photo.source_id] = offered + 1
        proposal = proposals[index]
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=tuple(proposal.instructions),
            truth=proposal.truth | {"candidate": candidate},
            parts={"proposal": proposal, "seed": int(rng.integers(2**31))},
            is_retry=candidate > 0,
        )


def get_proposal(request: EditRequest, kind: type[P]) -> P:
    assert request.parts is not None
    proposal = request.parts["proposal"]
    assert isinstance(proposal, kind)
    return proposal


def request_seed(request: EditRequest) -> int:
    assert request.parts is not None
    return request.parts["seed"]
