"""Roles of config/models.yaml that the learned specialist of each task needs. The Snakefile reads them."""

from omniedit.config.schema import Config, LearnedConfig
from omniedit.tasks import Task

GROUNDING = ("detector", "segmenter")
INPAINTING = "inpainting"
ROLES: dict[Task, tuple[str, ...]] = {
    Task.OBJECT_SWAP: (*GROUNDING, INPAINTING),
    Task.OBJECT_REMOVAL: (*GROUNDING, INPAINTING),
    Task.OBJECT_ADDITION: (*GROUNDING, INPAINTING),
    Task.ATTRIBUTE_MODIFICATION: (*GROUNDING, "generation"),
    Task.BACKGROUND_SWAP: (*GROUNDING, INPAINTING),
    Task.ENVIRONMENT_CHANGE: (*GROUNDING, "generation"),
    Task.STYLE_TRANSFER: ("style", "style_configs"),
}

CLASSES: dict[str, tuple[str, ...]] = {
    "detector": ("GroundingDinoForObjectDetection",),
    "segmenter": ("SamModel", "Sam2Model"),
    INPAINTING: ("FluxFillPipeline", "StableDiffusionXLInpaintPipeline", "StableDiffusion3InpaintPipeline"),
    "generation": ("StableDiffusionXLPipeline", "StableDiffusion3Pipeline"),
    "style": ("StableDiffusionXLInstructPix2PixPipeline",),
}
"""Classes that can fill a role, as named in config/models.yaml."""


def paints_by_itself(task: Task, config: LearnedConfig) -> bool:
    """Return whether the task needs the inpainting specialist that the run trains."""
    return config.inpainting == "own" and INPAINTING in ROLES[task]


def roles_to_fetch(task: Task, config: LearnedConfig) -> tuple[str, ...]:
    """Return the roles of a task whose models must be fetched."""
    own = {INPAINTING} if paints_by_itself(task, config) else set()
    return tuple(role for role in ROLES[task] if role not in own)


def trains_inpainting(config: Config) -> bool:
    return any(paints_by_itself(task, config.learned) for task in config.learned_tasks)
