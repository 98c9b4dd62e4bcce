"""Instructions that point to a condition image: a box, a sketch, a scribble or a segmentation map."""

from collections.abc import Sequence

import numpy as np

_BOX = (
    "{Edit}, as marked by the red box in the reference image.",
    "Within the red box in the reference image, {edit}.",
    "Look at the red box in the reference image, and {edit}.",
    "{Edit}. The red box in the reference image marks the place.",
)

_GUIDE = (
    "{Edit}, following the {guide} in the reference image.",
    "Use the {guide} in the reference image as a guide: {edit}.",
    "{Edit}, so that the result matches the {guide} in the reference image.",
    "With the {guide} in the reference image as a guide, {edit}.",
)

GUIDES = {"sketch": "sketch", "scribble": "scribble", "segment": "segmentation map"}
"""Words for a condition image, by the role of the reference."""


def point_to_reference(instructions: Sequence[str], role: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions, one sentence each, that point to a condition image; each does so in other words."""
    templates = rng.permutation(_GUIDE if role in GUIDES else _BOX).tolist()
    return tuple(
        templates[number % len(templates)].format(
            Edit=text.rstrip("."), edit=_continue_sentence(text.rstrip(".")), guide=GUIDES.get(role, "")
        )
        for number, text in enumerate(instructions)
    )


def _continue_sentence(text: str) -> str:
    """Return a sentence in its form after a comma: in lower case, unless it begins with "I"."""
    return text if text.startswith("I ") else text[:1].lower() + text[1:]
