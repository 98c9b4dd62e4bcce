"""AnyEdit's types that are a part of a task of OmniEdit. A type that differs only by its name needs no class here."""

from dataclasses import replace

import numpy as np

from omniedit.grounding.nouns import find_kind
from omniedit.instructions.appearance_templates import join_names
from omniedit.instructions.objects import without_position
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, NotApplicable
from omniedit.specialists.embedded.attribute import AttributeModification
from omniedit.specialists.embedded.background import BackgroundSwap, Placement
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


class BackgroundChange(BackgroundSwap):
    """Background swap; no animal is put on a table top."""

    task = Task("background_change")

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        preserved = self.preserved(photo)
        if preserved.placement is Placement.LYING and (animals := list(filter(_is_animal, preserved.names))):
            raise NotApplicable(f"no table top suits the {join_names(animals)}")
        return super().propose(photo, rng)


def _is_animal(name: str) -> bool:
    return find_kind(without_position(name)) == "animal"
