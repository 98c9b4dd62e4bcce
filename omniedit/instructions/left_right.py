"""Detect left and right in instructions, because they mean another edit in a mirrored image."""

import re
from collections.abc import Iterable

_SIDES = re.compile(r"\b(left|right)(most|hand)?\b", re.IGNORECASE)


def mentions_side(texts: Iterable[str]) -> bool:
    """Return whether any of the texts mentions left or right."""
    return any(_SIDES.search(text) for text in texts)
