"""Seven edit tasks of OmniEdit (Wei et al. 2024, section 3.2)."""

from enum import StrEnum


class Task(StrEnum):
    """Kind of edit; its value names files, config keys and dataset rows."""

    OBJECT_SWAP = "object_swap"
    OBJECT_REMOVAL = "object_removal"
    OBJECT_ADDITION = "object_addition"
    ATTRIBUTE_MODIFICATION = "attribute_modification"
    BACKGROUND_SWAP = "background_swap"
    ENVIRONMENT_CHANGE = "environment_change"
    STYLE_TRANSFER = "style_transfer"

    @property
    def is_local(self) -> bool:
        """Return whether the edit has a mask, outside which every pixel stays bit-identical."""
        return self not in (Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER)

    @property
    def label(self) -> str:
        """Name to show to a reader: 'Object swap'."""
        return self.value.replace("_", " ").capitalize()
