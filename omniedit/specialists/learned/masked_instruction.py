"""Changes of an object's colour, material or appearance: an instruction edits the photo, and a mask limits the edit.

AnyEdit's published pipeline for colours does the same with InstructPix2Pix. The object keeps its shape, which
inpainting would replace.
"""

from collections.abc import Sequence

from omniedit.imaging.images import Mask
from omniedit.imaging.morphology import dilate_by_share
from omniedit.instructions.edit_proposals.anyedit_classes import AlterationProposal
from omniedit.models.roles import ROLES
from omniedit.specialists.base import EditResult
from omniedit.specialists.learned.canvas import composite
from omniedit.specialists.learned.inpainting import GroundedHole, Inpainting, grounding_truth
from omniedit.specialists.learned.stylist import Restyling
from omniedit.tasks import Task


class MaskedInstruction(Inpainting[AlterationProposal]):
    """Edit by CosXL-Edit (role `style`), applied to the object only. Truth: object, value, box (fractions)."""

    task, proposal = Task("color_alter"), AlterationProposal

    def prompt(self, proposal: AlterationProposal) -> str:
        return proposal.instructions[0]

    def hole(self, mask: Mask) -> Mask:
        return dilate_by_share(mask, self.toolbox.config.grounding.rim)

    def _edit_placed(self, placed: Sequence[GroundedHole]) -> list[EditResult]:
        holes = [one.hole for one in placed]
        edited = self.toolbox.stylist.restyle([Restyling(hole.image, hole.prompt, hole.seed) for hole in holes])
        models = self.toolbox.revisions(*ROLES[self.task])
        return [
            EditResult(
                composite(one.hole.image, image, one.hole.mask),
                one.hole.mask,
                models,
                truth=grounding_truth(one.grounded),
            )
            for one, image in zip(placed, edited, strict=True)
        ]
