"""Plain edit pairs, and their comparison."""

from dataclasses import fields

import numpy as np

from omniedit.pairs import (
    EditPair,
    EncodedPair,
    make_pair_id,
)
from omniedit.tasks import Task

SOURCE = {"source_id": "sea"}


def same(a: EditPair, b: EditPair) -> bool:
    masks = (a.mask is None) == (b.mask is None) and (a.mask is None or bool((a.mask == b.mask).all()))
    images = bool((a.source == b.source).all() and (a.edited == b.edited).all())
    references = [(each.role, each.image.tolist(), each.caption) for each in a.references] == [
        (each.role, each.image.tolist(), each.caption) for each in b.references
    ]
    return masks and images and references and metadata(a) == metadata(b)


def metadata(pair: EditPair | EncodedPair) -> dict[str, object]:
    images = ("source", "edited", "mask", "references")
    return {each.name: getattr(pair, each.name) for each in fields(pair) if each.name not in images}


def plain_pairs() -> list[EditPair]:
    rng = np.random.default_rng(0)
    names = [make_pair_id(Task.OBJECT_SWAP, "sea", 0, attempt) for attempt in range(20)]
    images = rng.integers(0, 255, (20, 2, 12, 16, 3), np.uint8)
    return [
        EditPair(n, Task.OBJECT_SWAP, ("Do.",), p[0], p[1], p[0, ..., 0] > 9, SOURCE)
        for n, p in zip(names, images, strict=True)
    ]
