"""Instructions that point to a reference image: an object to use, or a material to give an object."""

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


def insert_reference(new: str, place: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to add the object in the reference image at a place, such as 'on the left'."""
    words = {"new": new, "place": place, "Place": place[:1].upper() + place[1:]}
    return draw_templates(_INSERT, rng, **words)


def material_of_reference(name: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to give an object the material in the reference image."""
    return draw_templates(_MATERIAL, rng, thing=name)
