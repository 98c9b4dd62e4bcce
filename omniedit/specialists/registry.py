"""Which specialist serves which task; a module loads when its specialist is built."""

from collections.abc import Callable
from importlib import import_module

from omniedit.specialists.base import Donors, Specialist
from omniedit.tasks import Task

EMBEDDED: dict[Task, str] = {
    Task.OBJECT_SWAP: "swap:ObjectSwap",
    Task.OBJECT_REMOVAL: "removal:ObjectRemoval",
    Task.OBJECT_ADDITION: "addition:ObjectAddition",
    Task.ATTRIBUTE_MODIFICATION: "attribute:AttributeModification",
    Task.BACKGROUND_SWAP: "background:BackgroundSwap",
    Task.ENVIRONMENT_CHANGE: "environment:EnvironmentChange",
    Task.STYLE_TRANSFER: "style:StyleTransfer",
}
"""module:class within omniedit.specialists; no generative weights, runs on a CPU."""

BORROWS = (Task.OBJECT_SWAP, Task.BACKGROUND_SWAP)
"""Tasks whose specialist needs other photos: a cut-out to paste, a background."""

REGISTRY: dict[str, dict[Task, str]] = {"embedded": EMBEDDED}


def build(task: Task, name: str, donors: Donors) -> Specialist:
    """The specialist that the config calls `name`, for one task.

    Args:
        donors: photos to borrow from.
    """
    module, _, cls = REGISTRY[name][task].partition(":")
    factory: Callable[..., Specialist] = getattr(import_module(f"omniedit.specialists.{module}"), cls)
    return factory(donors) if task in BORROWS else factory()
