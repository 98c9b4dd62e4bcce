"""Instructions that point to a reference image: an object, a material, or a condition image (a box, a sketch ...)."""

from collections.abc import Sequence

import numpy as np

from omniedit.instructions.templates.draw import draw_templates

_INSERT = (
    "{Place}, add the {new} from the reference image.",
    "Take the object from the reference image and insert it {place}.",
    "{Place}, put the {new} shown in the reference image.",
    "{Place}, place the object from the reference image.",
    "I would like to see the {new} from the reference image here, {place}.",
)

_MATERIAL = (
    "Make the {thing} out of the material in the reference image.",
    "Give the {thing} the texture in the reference image.",
    "Cover the {thing} with the material shown in the reference image.",
    "Apply the texture of the reference image to the {thing}.",
    "Change the surface of the {thing} to the one in the reference image.",
    "Show the {thing} as if made of the material in the reference image.",
)

_BOX = (
    "{Edit}, as marked by the red box in the reference image.",
    "The red box in the reference image shows where: {edit}.",
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


def insert_reference(new: str, place: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to add the object in the reference image at a place, such as 'on the left'."""
    words = {"new": new, "place": place, "Place": place[:1].upper() + place[1:]}
    return draw_templates(_INSERT, rng, **words)


def material_of_reference(name: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to give an object the material in the reference image."""
    return draw_templates(_MATERIAL, rng, thing=name)


def point_to_reference(instructions: Sequence[str], role: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions that point to a condition image in different words, each of one sentence."""
    templates = rng.permutation(_GUIDE if role in GUIDES else _BOX).tolist()
    return tuple(
        templates[number % len(templates)].format(
            Edit=text.rstrip("."), edit=_continue_sentence(text.rstrip(".")), guide=GUIDES.get(role, "")
        )
        for number, text in enumerate(instructions)
    )


def _continue_sentence(text: str) -> str:
    """Return a sentence in the form that follows a comma: with a small first letter, unless it begins with "I"."""
    return text if text.startswith("I ") else text[:1].lower() + text[1:]
