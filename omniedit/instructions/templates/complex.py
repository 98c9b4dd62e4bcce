"""Instructions of complex edits, whose object is named by an expression or a clue instead of only its noun."""

from collections.abc import Sequence

import numpy as np

from omniedit.instructions.templates.draw import INSTRUCTIONS

_REMOVAL = (
    "Remove the {thing}.",
    "Please take away the {thing}.",
    "Erase the {thing}.",
    "Get rid of the {thing}.",
    "Delete the {thing}.",
)

_RECOLOURING = (
    "Change the colour of the {thing} to {value}.",
    "Recolour the {thing} in {value}.",
    "I want the {thing} to be {value}.",
    "{Value} is the colour I want for the {thing}.",
    "Make the {thing} {value}.",
)

_SWAP = (
    "Replace the {thing} with {value}.",
    "Swap the {thing} for {value}.",
    "Exchange the {thing} for {value}.",
    "Put {value} in place of the {thing}.",
    "I would like {value} instead of the {thing}.",
)

_ADDITION = (
    "Add {value} {place} the {thing}.",
    "Put {value} {place} the {thing}.",
    "Insert {value} {place} the {thing}.",
    "Place {value} {place} the {thing}.",
    "I would like to see {value} {place} the {thing}.",
)

TEMPLATES = {
    "object_removal": _REMOVAL,
    "attribute_modification": _RECOLOURING,
    "object_swap": _SWAP,
    "object_addition": _ADDITION,
}
"""Sentences by the task that makes the edit."""
RELATIONS = {"on the left": "to the left of", "on the right": "to the right of", "upper": "above", "lower": "below"}
"""Place of one of two objects -> its relation to the other one."""


def complex_instructions(
    edit: str, names: Sequence[str], rng: np.random.Generator, value: str = "", place: str = ""
) -> tuple[str, ...]:
    """Return instructions for an edit of an object.

    Args:
        edit: key of TEMPLATES.
        names: expressions that refer to the object, without an article; they are used in turn. For an addition, the
            other object, next to which the new one appears.
        value: new colour, or new object with its article.
        place: relation to the other object, for an addition.
    """
    order = rng.choice(len(TEMPLATES[edit]), INSTRUCTIONS, replace=False)
    return tuple(
        TEMPLATES[edit][chosen].format(
            thing=names[number % len(names)], value=value, Value=value.capitalize(), place=place
        )
        for number, chosen in enumerate(order)
    )
