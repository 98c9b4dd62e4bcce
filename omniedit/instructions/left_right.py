"""Detect left and right in instructions, because in a mirrored image they mean a different edit."""

import re
from collections.abc import Iterable

import numpy as np

_SIDES = re.compile(r"\b(left|right)(most|hand)?\b", re.IGNORECASE)


def mentions_side(texts: Iterable[str]) -> bool:
    """Return whether any of the texts mentions left or right."""
    return any(_SIDES.search(text) for text in texts)


def mirrors_randomly(texts: Iterable[str], rng: np.random.Generator) -> bool:
    """Return whether to mirror a sample: half of the time, but never if a text names a side."""
    return rng.random() < 0.5 and not mentions_side(texts)
