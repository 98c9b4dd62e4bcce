"""Instructions that change the number of objects of one kind, or name one of two objects by its place."""

import re
from collections.abc import Sequence

import numpy as np

from omniedit.instructions.grammar import to_plural, without_position
from omniedit.instructions.templates.draw import draw_templates

NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
"""Words for numbers, by the number."""

_DECREASE = (
    "Change the number of {many} from {before} to {after}.",
    "Reduce the number of {many} from {before} to {after}.",
    "Show {after_things} instead of {before}.",
    "There are {before} {many} in the photo. Leave only {after}.",
    "Leave only {after} of the {before} {many}.",
    "Take away {change} of the {before} {many}.",
    "Remove {change} of the {before} {many}.",
)

_INCREASE = (
    "Change the number of {many} from {before} to {after}.",
    "Increase the number of {many} from {before} to {after}.",
    "Show {after_things} instead of {before}.",
    "Add {more_things}, so that there are {after}.",
    "Put {more_things} into the photo, so that there are {after}.",
    "There should be {after_things}, not {before}.",
)

_PLACES = {
    "left": ("the left {noun}", "the {noun} on the left", "the {noun} to the left of the other one"),
    "right": ("the right {noun}", "the {noun} on the right", "the {noun} to the right of the other one"),
    "upper": ("the upper {noun}", "the {noun} above the other one", "the higher of the two {many}"),
    "lower": ("the lower {noun}", "the {noun} below the other one", "the lower of the two {many}"),
}
"""Phrases for one of two objects of a kind, by its place."""


def count_instructions(noun: str, before: int, after: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions that change the number of objects of a kind, such as of dogs from two to one."""
    change, plural = abs(after - before), to_plural(noun)
    words = {
        "many": plural,
        "before": NUMBERS[before],
        "after": NUMBERS[after],
        "change": NUMBERS[change],
        "after_things": f"{NUMBERS[after]} {noun if after == 1 else plural}",
        "more_things": f"another {noun}" if change == 1 else f"{NUMBERS[change]} more {plural}",
    }
    return draw_templates(_DECREASE if after < before else _INCREASE, rng, **words)


def parse_numbers(instruction: str) -> set[int]:
    """Return the numbers that an instruction states in words; 'another' counts as one."""
    words = re.findall(r"[a-z]+", instruction.lower())
    return {NUMBERS.index(word) for word in words if word in NUMBERS[1:]} | ({1} if "another" in words else set())


def name_by_place(instructions: Sequence[str], name: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions that name one of two objects by its place, each in a different way.

    Args:
        name: the name in the instructions, with the position first: 'left dog'.
    """
    noun = without_position(name)
    phrases = rng.permutation(_PLACES[name.split()[0]]).tolist()
    return tuple(
        text.replace(f"the {name}", phrases[number % len(phrases)].format(noun=noun, many=to_plural(noun)))
        for number, text in enumerate(instructions)
    )
