"""Small pairs from which others can be derived."""

from typing import Any

import numpy as np

from omniedit.imaging.images import Image
from omniedit.pairs import EditPair
from omniedit.tasks import Task

BOX = [0.05, 0.1, 0.3, 0.9]
"""Place on the left of an image."""


def make_photo(seed: int = 0) -> Image:
    """Return 48 x 32 pixels as light as a photo by day."""
    return np.random.default_rng(seed).integers(110, 200, (32, 48, 3), np.uint8)


def make_pair(task: str, *instructions: str, left: int | None = 4, seed: int = 0, **more: Any) -> EditPair:
    """Return a pair that changes a square of 12 pixels, or the whole image.

    Args:
        left: left border of the square; None for a global edit.
        more: fields of the pair, and keys of its provenance.
    """
    source = make_photo(seed)
    mask = None
    edited = 255 - source
    if left is not None:
        mask = np.zeros(source.shape[:2], bool)
        mask[8:20, left : left + 12] = True
        edited = np.where(mask[..., None], edited, source)
    fields = {name: more.pop(name) for name in set(more) & set(EditPair.__dataclass_fields__)}
    provenance = {"source_id": f"photo{seed}", "source_sha256": f"sha{seed}", "licence": "CC0-1.0", **more}
    name = f"{task}-{left}"
    values = {"pair_id": name, "source": source, "edited": edited, "mask": mask, **fields}
    return EditPair(task=Task(task), instructions=instructions, provenance=provenance, **values)
