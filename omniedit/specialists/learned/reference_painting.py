"""AnyEdit's visual_reference and material_transfer: an object is repainted to match a reference image.

A text-to-image model makes the reference. AnyEdit uses AnyDoor for objects, and ZeST (Cheng et al. 2024) for materials:
an IP-Adapter for the material, a depth ControlNet for the shape. Here SDXL with an IP-Adapter paints both, with the
ControlNet in addition for materials.
"""

from collections.abc import Sequence

from omniedit.imaging.images import Image
from omniedit.instructions.edit_proposals.anyedit_classes import MaterialProposal, ReferenceProposal
from omniedit.instructions.edit_proposals.classes import Proposal
from omniedit.models.roles import DEPTH, ROLES
from omniedit.pairs import Reference
from omniedit.specialists.base import EditResult
from omniedit.specialists.learned.guided_inpainter import GuidedHole
from omniedit.specialists.learned.inpainting import GroundedHole, Inpainting, grounding_truth
from omniedit.specialists.learned.paired_sampling import PairSamplingOptions, generate
from omniedit.tasks import Task

SIDE = 1024
"""Maximum side of a reference image, in pixels."""


class ReferencePainting(Inpainting[ReferenceProposal | MaterialProposal]):
    """Edit that paints an object or a material from a reference image.

    Truth: the proposal's fields, box (fractions), reference: 'generated'.
    """

    task, proposal = Task("visual_reference"), Proposal

    def prompt(self, proposal: ReferenceProposal | MaterialProposal) -> str:
        if isinstance(proposal, ReferenceProposal):
            return proposal.new_object
        return f"{proposal.object} made of {proposal.value}"

    def _edit_placed(self, placed: Sequence[GroundedHole]) -> list[EditResult]:
        references = self._draw_references(placed)
        toolbox, follows_depth = self.toolbox, DEPTH in ROLES[self.task]
        holes = [
            GuidedHole(
                *(one.hole.image, one.hole.mask, one.hole.prompt, one.hole.seed),
                reference=reference,
                control=toolbox.depth.estimate(one.hole.image) if follows_depth else None,
            )
            for one, reference in zip(placed, references, strict=True)
        ]
        painter = toolbox.material_painter if follows_depth else toolbox.reference_painter
        (role,), models = self.task.references, toolbox.revisions(*ROLES[self.task])
        return [
            EditResult(
                image,
                one.hole.mask,
                models,
                truth=grounding_truth(one.grounded) | {"reference": "generated"},
                references=(Reference(role, reference),),
            )
            for one, image, reference in zip(placed, painter.fill(holes), references, strict=True)
        ]

    def _draw_references(self, placed: Sequence[GroundedHole]) -> list[Image]:
        """Generate the square reference image of each edit from its prompt."""
        side, steps = min(SIDE, self.toolbox.config.resolution), self.toolbox.config.steps
        options = PairSamplingOptions() if steps is None else PairSamplingOptions(steps=steps)

        def draw(some: Sequence[GroundedHole]) -> list[Image]:
            prompts = [reference_prompt(self.task, one.hole.prompt) for one in some]
            return generate(self.toolbox.generator, prompts, [one.hole.seed for one in some], (side, side), options)

        return self.batches.map(draw, placed)


def reference_prompt(task: Task, described: str) -> str:
    """Return the prompt of a reference image: one object on an empty background, or a sample of a material."""
    if task == "material_transfer":
        return f"close-up photo of the surface of {described.rpartition(' made of ')[2]}, filling the frame"
    return f"studio photo of {described}, whole and alone, plain light grey background"
