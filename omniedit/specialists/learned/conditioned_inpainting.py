"""AnyEdit's types with a condition image: a removal or a swap, and an image computed from the pair that guides it.

As in AnyEdit, the condition is computed from the edited image, so it shows exactly this edit; only a box is drawn on
the source. It does not guide the painting by a ControlNet. AnyEdit takes its depth from Depth Anything V2, its segments
from a model of ADE20K's classes, its sketches from Canny edges and its scribbles from HED edges; scribbles here are
thick Canny edges.
"""

from collections.abc import Sequence
from dataclasses import replace

from omniedit.imaging.images import Image
from omniedit.imaging.line_drawing import scribble_lines, sketch_lines
from omniedit.imaging.morphology import bounding_box
from omniedit.instructions.edit_proposals.anyedit_classes import ConditionedProposal
from omniedit.pairs import Reference
from omniedit.specialists.base import EditResult, NotApplicable
from omniedit.specialists.embedded.condition_images import draw_box, draw_result
from omniedit.specialists.learned.inpainting import GroundedHole, Inpainting
from omniedit.tasks import Task


class ConditionedInpainting(Inpainting[ConditionedProposal]):
    """Removal or swap of an object, with its condition image as the reference. Truth: the proposal's fields, box."""

    task, proposal = Task("visual_bbox"), ConditionedProposal

    def prompt(self, proposal: ConditionedProposal) -> str:
        return proposal.new_object or proposal.background

    def filter_edits(
        self, edits: Sequence[EditResult], placed: Sequence[GroundedHole]
    ) -> Sequence[EditResult | NotApplicable]:
        return [self._add_condition(edited, one.hole.image) for edited, one in zip(edits, placed, strict=True)]

    def _add_condition(self, edited: EditResult, source: Image) -> EditResult | NotApplicable:
        (role,) = self.task.references
        condition = self._draw(role, source, edited)
        if isinstance(condition, NotApplicable):
            return condition
        return replace(edited, references=(Reference(role, condition),))

    def _draw(self, role: str, source: Image, edited: EditResult) -> Image | NotApplicable:
        """Return the condition image of a role, or why it does not show the edit."""
        assert edited.mask is not None
        match role:
            case "bbox":
                return draw_box(source, bounding_box(edited.mask))
            case "depth":
                return self.toolbox.depth.estimate(edited.image)
            case "segment":
                return self.toolbox.semantic.colour(edited.image)
            case "sketch":
                return draw_result(source, edited, sketch_lines, dark=True)
        return draw_result(source, edited, scribble_lines, dark=False)
