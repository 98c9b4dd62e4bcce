"""Object addition: a removal with source and edited image exchanged (Wei et al. 2024, section 3.2)."""

import numpy as np

from omniedit.grounding.nouns import OBJECT
from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.inpaint import MODELS
from omniedit.instructions.grammar import join_objects, without_position
from omniedit.instructions.templates.objects import addition_instructions, describe_place
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist
from omniedit.specialists.embedded.fill_cache import FillCache
from omniedit.specialists.embedded.removal import Removal, draw_unused_removal, possible_removals
from omniedit.tasks import Task


class ObjectAddition(EmbeddedSpecialist):
    """Addition of objects to a photo from which they were removed. Truth: object, box (fractions)."""

    task = Task.OBJECT_ADDITION

    def __init__(self, objects: ObjectIndex | None = None, fills: FillCache | None = None) -> None:
        self._objects, self._fills = objects or ObjectIndex(), fills or FillCache()
        self._used: set[tuple[str, ...]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        removals = possible_removals(photo, self._objects.find(photo))
        additions = [removal for removal in removals if _says_what_to_add(removal)]
        removal = draw_unused_removal(additions, photo, self._used, rng)
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=addition_instructions(join_objects(_nouns(removal)), describe_place(removal.box), rng),
            truth={"object": removal.phrase, "box": list(removal.box)},
            mask=removal.hole,
        )

    def _edit(self, request: EditRequest) -> EditResult:
        assert request.mask is not None
        source = self._fills.fill(request.photo, request.mask)
        return EditResult(request.photo.image, request.mask, MODELS, source=source)


def _says_what_to_add(removal: Removal) -> bool:
    """Return whether the names differ and each is specific, unlike "object"."""
    return len(_nouns(removal)) == len(removal.names) and OBJECT not in _nouns(removal)


def _nouns(removal: Removal) -> list[str]:
    """Return the distinct names without positions. Two dogs would both be 'dog', so only removal edits them."""
    return list(dict.fromkeys(without_position(name) for name in removal.names))
