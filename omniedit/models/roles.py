"""Roles of config/models.yaml that the learned specialist of each task needs. The Snakefile reads them."""

from omniedit.config.schema import Config, LearnedConfig
from omniedit.tasks import Task

GROUNDING = ("detector", "segmenter")
INPAINTING, GENERATION, EDITING = "inpainting", "generation", "editing"
STYLE = ("style", "style_configs")
IP_ADAPTER, DEPTH, CONTROLNET_DEPTH, SEMANTIC = "ip_adapter", "depth", "controlnet_depth", "semantic"
ROLES: dict[Task, tuple[str, ...]] = {
    Task.OBJECT_SWAP: (*GROUNDING, INPAINTING),
    Task.OBJECT_REMOVAL: (*GROUNDING, INPAINTING),
    Task.OBJECT_ADDITION: (*GROUNDING, INPAINTING),
    Task.ATTRIBUTE_MODIFICATION: (*GROUNDING, GENERATION),
    Task.BACKGROUND_SWAP: (*GROUNDING, INPAINTING),
    Task.ENVIRONMENT_CHANGE: (*GROUNDING, GENERATION),
    Task.STYLE_TRANSFER: STYLE,
    **{
        Task(name): roles
        for roles, names in {
            (*GROUNDING, INPAINTING): (
                *("remove", "add", "replace", "counting", "textual_change", "background_change"),
                *("movement", "resize", "relation", "visual_bbox", "visual_scribble", "visual_sketch"),
            ),
            (*GROUNDING, INPAINTING, DEPTH): ("visual_depth",),
            (*GROUNDING, INPAINTING, SEMANTIC): ("visual_segment",),
            (INPAINTING,): ("outpaint",),
            (*GROUNDING, *STYLE): ("color_alter", "appearance_alter", "material_change"),
            STYLE: ("tone_transfer", "style_change"),
            (*GROUNDING, GENERATION): ("action_change",),
            (*GROUNDING, GENERATION, IP_ADAPTER): ("visual_reference",),
            (*GROUNDING, GENERATION, IP_ADAPTER, DEPTH, CONTROLNET_DEPTH): ("material_transfer",),
            (EDITING,): ("rotation_change", "implicit_change"),
        }.items()
        for name in names
    },
}
"""Roles of each task that has a learned specialist. AnyEdit's types share the models of the others."""
PAINTERS = (INPAINTING, GENERATION, "style", EDITING)
"""Roles of the models that make the edited image; each task has one of them."""

CLASSES: dict[str, tuple[str, ...]] = {
    "detector": ("GroundingDinoForObjectDetection",),
    "segmenter": ("SamModel", "Sam2Model"),
    INPAINTING: ("FluxFillPipeline", "StableDiffusionXLInpaintPipeline", "StableDiffusion3InpaintPipeline"),
    GENERATION: ("StableDiffusionXLPipeline", "StableDiffusion3Pipeline"),
    "style": ("StableDiffusionXLInstructPix2PixPipeline",),
    EDITING: ("FluxKontextPipeline",),
    IP_ADAPTER: ("CLIPVisionModelWithProjection",),
    DEPTH: ("DepthAnythingForDepthEstimation",),
    CONTROLNET_DEPTH: ("ControlNetModel",),
    SEMANTIC: ("UperNetForSemanticSegmentation",),
}
"""Classes that can fill a role, as named in config/models.yaml."""

MMDIT_BASES = ("StableDiffusion3Pipeline", "FluxPipeline", "FluxKontextPipeline", "QwenImagePipeline", "ZImagePipeline")
"""Pipeline classes whose transformer can be the base of all architectures except those over a UNet."""
UNET_BASES = ("StableDiffusionPipeline", "StableDiffusionInstructPix2PixPipeline")
"""Pipeline classes whose UNet can be the base of `unet_routed`."""


def needs_own_inpainting(task: Task, config: LearnedConfig) -> bool:
    """Return whether the task needs the inpainting specialist that the run trains."""
    return config.inpainting == "own" and INPAINTING in ROLES[task]


def roles_to_fetch(task: Task, config: LearnedConfig) -> tuple[str, ...]:
    """Return the roles of a task whose models must be fetched."""
    own = {INPAINTING} if needs_own_inpainting(task, config) else set()
    return tuple(role for role in ROLES[task] if role not in own)


def trains_inpainting(config: Config) -> bool:
    return any(needs_own_inpainting(task, config.learned) for task in config.learned_tasks)
