"""Edits of the whole photo by an instruction: styles, tones, views and implicit changes.

CosXL-Edit (role `style`) makes styles as in Wei et al. 2024, section 3.2, and tones. AnyEdit makes tones with
InstructPix2Pix, the model that CosXL-Edit succeeds. An editor (role `editing`) makes the rest. AnyEdit makes
rotation_change from two views of MVImgNet, without a model, and implicit_change with SDXL and an IP-Adapter.
"""

from collections.abc import Sequence

from omniedit.instructions.edit_proposals.anyedit_classes import ImplicitProposal
from omniedit.instructions.edit_proposals.classes import Proposal
from omniedit.models.roles import EDITING, ROLES
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.learned.proposal_specialist import ProposalSpecialist, get_proposal, request_seed
from omniedit.specialists.learned.stylist import Restyling
from omniedit.tasks import Task


class WholePhotoEdit(ProposalSpecialist[Proposal]):
    """Edit of the whole photo. Truth: the fields of the proposal."""

    task = Task.STYLE_TRANSFER

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[EditResult | NotApplicable]:
        restylings = [
            Restyling(request.photo.image, instruction_for_model(request), request_seed(request))
            for request in requests
        ]
        editor = self.toolbox.editor if EDITING in ROLES[self.task] else self.toolbox.stylist
        models = self.toolbox.revisions(*ROLES[self.task])
        return [EditResult(image, None, models) for image in editor.restyle(restylings)]


def instruction_for_model(request: EditRequest) -> str:
    """Return the pair's own instruction, as in the paper ("We provide CosXL-Edit with (x, c)"). If that instruction is
    implicit and names a cause, return one that names the result.
    """
    proposal = get_proposal(request, Proposal)
    return proposal.explicit if isinstance(proposal, ImplicitProposal) else request.instructions[0]
