"""All pairs that a specialist makes of one photo."""

import numpy as np

from omniedit.pairs import EditPair
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditResult, NotApplicable, Specialist


def all_pairs(specialist: Specialist, photo: Photo, **about: object) -> list[EditPair]:
    """Return every pair that a specialist makes of a photo; `about` is added to their provenance."""
    pairs = []
    for number in range(40):
        try:
            request = specialist.propose(photo, np.random.default_rng(number))
        except NotApplicable:
            break
        (edited,) = specialist.edit([request])
        assert isinstance(edited, EditResult)
        source = photo.image if edited.source is None else edited.source
        provenance = {"source_id": photo.source_id, "truth": dict(request.truth), **about}
        images = source, edited.image, edited.mask
        pairs.append(EditPair(f"{number}", request.task, request.instructions, *images, provenance))
    return pairs
