"""Instructions that add, remove or swap an object."""

import numpy as np

from omniedit.imaging.boxes import FractionBox
from omniedit.instructions.grammar import POSITION_PHRASES, with_article, without_position
from omniedit.instructions.templates.draw import draw_templates

_SWAP = (
    "Replace the {old} with {new}.",
    "Swap the {old} for {new}.",
    "Put {new} in place of the {old}.",
    "Exchange the {old} for {new}.",
    "Change the {old} into {new}.",
    "Instead of the {old}, show {new}.",
    "Take out the {old} and put {new} there instead.",
)

_REMOVAL = (
    "Remove the {thing}.",
    "Take away the {thing}.",
    "Erase the {thing} from the photo.",
    "Get rid of the {thing}.",
    "Delete the {thing} from the picture.",
    "Make the {thing} disappear.",
    "Show the same scene without the {thing}.",
)

_ADDITION = (
    "Add {thing}.",
    "Put {thing} into the scene.",
    "Insert {thing} into the picture.",
    "Place {thing} in the photo.",
    "Include {thing} in the scene.",
    "Show the same scene with {thing}.",
)

_ADDITION_AT_PLACE = (
    "Add {thing} {place}.",
    "Put {thing} {place}.",
    "Insert {thing} {place}.",
    "Place {thing} {place}.",
    "I would like to see {thing} {place}.",
    "Show the same scene with {thing} {place}.",
)


def swap_instructions(old: str, new: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for a swap of two objects, both bare nouns: 'drum', 'coffee grinder'."""
    return draw_templates(_SWAP, rng, old=old, new=with_article(without_position(new)))


def removal_instructions(name: str, place: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for a removal: 'wine bottle', with '' or its place: 'on the left'."""
    return draw_templates(_REMOVAL, rng, thing=f"{name} {place}".rstrip())


def addition_instructions(name: str, place: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions for an addition: 'wine bottle', with '' or its place: 'on the left'.

    A position in the name, such as 'upper' in 'upper dog', has no meaning before the dog exists; it becomes the place.
    """
    place = place or POSITION_PHRASES.get(name.split()[0], "")
    return draw_templates(
        _ADDITION_AT_PLACE if place else _ADDITION, rng, thing=with_article(without_position(name)), place=place
    )


def describe_place(box: FractionBox) -> str:
    """Return a phrase for the position of a box, such as 'on the left' or 'in the lower right corner'."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    side = "left" if x < 0.38 else "right" if x > 0.62 else ""
    level = "upper" if y < 0.3 else "lower" if y > 0.75 else ""
    if side and level:
        return f"in the {level} {side} corner"
    if side:
        return f"on the {side}"
    return f"in the {level} part of the picture" if level else "in the middle of the picture"
