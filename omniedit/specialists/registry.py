"""Registry of the specialist of each task; a module is imported when its specialist is built."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from omniedit.config.schema import LearnedConfig
from omniedit.grounding.objects import ObjectIndex
from omniedit.instructions.edit_proposals.table import read_proposals
from omniedit.pairs import Shard
from omniedit.specialists.base import BatchedSpecialist, Donors, Specialist
from omniedit.tasks import COMPLEX_TASKS, SHARE_FILLS, Task

if TYPE_CHECKING:
    from omniedit.specialists.learned.shared_models import Toolbox

EMBEDDED: dict[Task, str] = {
    Task.OBJECT_SWAP: "embedded.swap:ObjectSwap",
    Task.OBJECT_REMOVAL: "embedded.removal:ObjectRemoval",
    Task.OBJECT_ADDITION: "embedded.addition:ObjectAddition",
    Task.ATTRIBUTE_MODIFICATION: "embedded.attribute:AttributeModification",
    Task.BACKGROUND_SWAP: "embedded.background:BackgroundSwap",
    Task.ENVIRONMENT_CHANGE: "embedded.environment:EnvironmentChange",
    Task.STYLE_TRANSFER: "embedded.style:StyleTransfer",
    Task("remove"): "embedded.removal:ObjectRemoval",
    Task("add"): "embedded.addition:ObjectAddition",
    Task("replace"): "embedded.swap:PlausibleSwap",
    Task("color_alter"): "embedded.attribute:ColorAlter",
    Task("background_change"): "embedded.background:BackgroundChange",
    Task("tone_transfer"): "embedded.environment:EnvironmentChange",
    Task("style_change"): "embedded.style:StyleTransfer",
    Task("outpaint"): "embedded.outpainting:Outpaint",
    Task("rotation_change"): "embedded.rotation:RotationChange",
    Task("visual_bbox"): "embedded.condition_images:VisualBox",
    Task("visual_scribble"): "embedded.condition_images:VisualScribble",
    Task("visual_sketch"): "embedded.condition_images:VisualSketch",
    Task("complex_understanding"): "embedded.complex:ComplexUnderstanding",
    Task("complex_reasoning"): "embedded.complex:ComplexReasoning",
    Task("visual_segment"): "embedded.condition_images:VisualSegment",
    Task("visual_reference"): "embedded.visual_reference:VisualReference",
    Task("material_transfer"): "embedded.material_transfer:MaterialTransfer",
    Task("counting"): "embedded.counting:Counting",
    Task("relation"): "embedded.relation:Relation",
    Task("textual_change"): "embedded.textual_change:TextualChange",
    Task("movement"): "embedded.movement_resize:Movement",
    Task("resize"): "embedded.movement_resize:Resize",
}
"""Embedded specialists as module:class within omniedit.specialists. They run on a CPU, without generative weights."""

LEARNED: dict[Task, str] = {
    Task.OBJECT_SWAP: "learned.inpainting:InpaintingSwap",
    Task.OBJECT_REMOVAL: "learned.inpainting:InpaintingRemoval",
    Task.OBJECT_ADDITION: "learned.inpainting:InpaintingAddition",
    Task.ATTRIBUTE_MODIFICATION: "learned.prompt_to_prompt:PromptToPromptAttribute",
    Task.BACKGROUND_SWAP: "learned.inpainting:InpaintingBackground",
    Task.ENVIRONMENT_CHANGE: "learned.prompt_to_prompt:PromptToPromptEnvironment",
    Task.STYLE_TRANSFER: "learned.whole_photo_edit:WholePhotoEdit",
    **{
        Task(name): f"learned.{kind}"
        for kind, names in {
            "inpainting:InpaintingRemoval": ("remove",),
            "inpainting:InpaintingAddition": ("add",),
            "inpainting:InpaintingSwap": ("replace", "textual_change"),
            "inpainting:InpaintingBackground": ("background_change",),
            "counting:InpaintingCount": ("counting",),
            "masked_instruction:MaskedInstruction": ("color_alter", "appearance_alter", "material_change"),
            "prompt_to_prompt:PromptToPromptAction": ("action_change",),
            "whole_photo_edit:WholePhotoEdit": ("tone_transfer", "style_change", "rotation_change", "implicit_change"),
            "rearrangement:Rearrangement": ("movement", "resize", "relation"),
            "outpainting:Outpainting": ("outpaint",),
            "reference_painting:ReferencePainting": ("visual_reference", "material_transfer"),
            "conditioned_inpainting:ConditionedInpainting": (
                *("visual_bbox", "visual_depth", "visual_scribble", "visual_segment", "visual_sketch"),
            ),
        }.items()
        for name in names
    },
}
"""Learned specialists, as in the papers. They need pretrained models, a GPU, and proposals by a vision-language model.
Their models are in `omniedit.models.roles.ROLES`, their proposals in
`omniedit.instructions.edit_proposals.table.CLASSES`."""

VISUAL = tuple(
    map(
        Task,
        ("visual_bbox", "visual_scribble", "visual_sketch", "visual_segment", "visual_reference", "material_transfer"),
    )
)
"""Types whose instruction points to a reference image."""

BORROWING_TASKS = (
    Task.OBJECT_SWAP,
    Task.BACKGROUND_SWAP,
    *map(Task, ("replace", "background_change")),
    *(task for task in VISUAL if task != "visual_reference"),
    *COMPLEX_TASKS,
)
"""Tasks whose specialist needs other photos, for a cut-out to paste, a material or a background."""


GROUNDED_TASKS = (
    Task.OBJECT_SWAP,
    Task.OBJECT_REMOVAL,
    Task.OBJECT_ADDITION,
    Task.ATTRIBUTE_MODIFICATION,
    Task.BACKGROUND_SWAP,
    *map(Task, ("remove", "add", "replace", "color_alter", "background_change")),
    *map(Task, ("outpaint", "counting", "relation", "movement", "resize")),
    *VISUAL,
    *COMPLEX_TASKS,
)
"""Tasks whose embedded specialist needs the photo's objects."""


def build(task: Task, donors: Donors, objects: ObjectIndex | None = None, removals: Shard | None = None) -> Specialist:
    """Return the embedded specialist of a task.

    Args:
        donors: photos to borrow from.
        removals: embedded removals of the same photos, whose fills tasks of SHARE_FILLS reuse.
    """
    needed: list[object] = [
        *([donors] if task in BORROWING_TASKS else []),
        *([objects] if task in GROUNDED_TASKS else []),
    ]
    if task in SHARE_FILLS:
        from omniedit.specialists.embedded.fill_cache import FillCache

        needed.append(FillCache(removals))
    specialist = class_at(EMBEDDED[task])(*needed)
    specialist.task = task  # a class may serve a task of OmniEdit and the type of AnyEdit that is the same edit
    return specialist


def open_toolbox(config: LearnedConfig, own_inpainting: Path | None = None) -> "Toolbox":
    """Return the models shared by learned specialists, on the GPU if there is one; each is loaded on first use.

    Args:
        own_inpainting: folder of the inpainting specialist that this run trained; None if it trained none.
    """
    import torch

    from omniedit.specialists.learned.shared_models import Toolbox

    return Toolbox(config, "cuda" if torch.cuda.is_available() else "cpu", own_inpainting)


def build_learned(task: Task, toolbox: "Toolbox", proposals: Path) -> BatchedSpecialist:
    """Return the learned specialist of a task.

    Args:
        proposals: proposals for the photos, `proposals/{shard}.parquet`.

    Raises:
        UserError: the proposals file cannot be used.
    """
    specialist = class_at(LEARNED[task])(toolbox, read_proposals(proposals, task), task)
    assert isinstance(specialist, BatchedSpecialist)
    return specialist


def class_at(path: str) -> Callable[..., Specialist]:
    module, _, name = path.partition(":")
    return getattr(import_module(f"omniedit.specialists.{module}"), name)
