"""Which roles of config/models.yaml each task's learned specialist stands on; the Snakefile reads it."""

from omniedit.tasks import Task

GROUNDING = ("detector", "segmenter")
ROLES: dict[Task, tuple[str, ...]] = {
    Task.OBJECT_SWAP: (*GROUNDING, "inpainting"),
    Task.OBJECT_REMOVAL: (*GROUNDING, "inpainting"),
    Task.OBJECT_ADDITION: (*GROUNDING, "inpainting"),
    Task.ATTRIBUTE_MODIFICATION: (*GROUNDING, "generation"),
    Task.BACKGROUND_SWAP: (*GROUNDING, "inpainting"),
    Task.ENVIRONMENT_CHANGE: (*GROUNDING, "generation"),
    Task.STYLE_TRANSFER: ("style",),
}
