"""AnyEdit's types that are a part of a task of OmniEdit. A type with another name alone needs no class here."""

from dataclasses import replace

import numpy as np

from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest
from omniedit.specialists.embedded.attribute import AttributeModification
from omniedit.specialists.embedded.swap import PlausibleSwap
from omniedit.tasks import Task


class Replace(PlausibleSwap):
    """Object swap, of an animal for an animal or of an inanimate object for another."""

    task = Task("replace")

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        return replace(super().propose(photo, rng), task=self.task)


class ColorAlter(AttributeModification):
    """Attribute modification with a new colour."""

    task = Task("color_alter")
    material_share = 0.0
