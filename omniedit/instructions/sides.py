"""Left and right in instructions: what has them is another edit in a mirrored picture."""

import re
from collections.abc import Iterable

_SIDES = re.compile(r"\b(left|right)(most|hand)?\b", re.IGNORECASE)


def names_a_side(texts: Iterable[str]) -> bool:
    """Whether any of the texts speaks of left or right."""
    return any(_SIDES.search(text) for text in texts)
