"""Style transfer: a photo redrawn by its instruction (CosXL-Edit, as in Wei et al. 2024, section 3.2)."""

from collections.abc import Sequence

from omniedit.instructions.proposals import StyleProposal
from omniedit.models.roles import ROLES
from omniedit.specialists.base import Edited, EditRequest, NotApplicable
from omniedit.specialists.learned.proposed import Proposed, request_seed
from omniedit.specialists.learned.stylist import Restyling
from omniedit.tasks import Task


class StyleTransfer(Proposed[StyleProposal]):
    """Restyling of the whole photo. Truth: style."""

    task = Task.STYLE_TRANSFER

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[Edited | NotApplicable]:
        # The pair's own instruction, as in the paper: "We provide CosXL-Edit with (x, c)".
        wanted = [Restyling(each.photo.image, each.instructions[0], request_seed(each)) for each in requests]
        models = self.toolbox.revisions(*ROLES[self.task])
        return [Edited(image, None, models) for image in self.toolbox.stylist.restyle(wanted)]
