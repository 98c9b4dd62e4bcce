"""Instructions that move an object within the photo, or change its size."""

import re

import numpy as np

from omniedit.instructions.grammar import is_plural
from omniedit.instructions.templates.draw import draw_templates

_MOVE = (
    "Move the {thing} {where}.",
    "Shift the {thing} {where}.",
    "Slide the {thing} further {where}.",
    "Place the {thing} further {where}.",
    "Reposition the {thing} further {where}.",
    "The {thing} should be further {where}.",
)
_DIRECTION_PHRASES = {"left": "to the left", "right": "to the right", "up": "up", "down": "down"}

_SMALLER = (
    "Make the {thing} smaller.",
    "Shrink the {thing} to about {share} of {its} size.",
    "Scale the {thing} down to {share} of {its} size.",
    "Reduce the size of the {thing}.",
    "Show the {thing} in the same place, but smaller.",
    "The {thing} should be {share} of {its} present size.",
)
_LARGER = (
    "Make the {thing} larger.",
    "Enlarge the {thing} to about {times} {its} size.",
    "Scale the {thing} up to {times} {its} size.",
    "Increase the size of the {thing}.",
    "Show the {thing} in the same place, but larger.",
    "The {thing} should be {times} {its} present size.",
)
SHARES = {0.5: "half", 2 / 3: "two thirds", 0.75: "three quarters"}
"""Scales below 1, of width and height, and their words."""
TIMES = {2.0: "twice", 1.5: "one and a half times", 4 / 3: "one and a third times"}
"""Scales above 1, of width and height, and their words."""
_SCALE_WORDS = tuple(sorted((*SHARES.items(), *TIMES.items()), key=lambda item: -len(item[1])))

_DIRECTION_WORDS = {
    "left": r"\bleft(ward)?\b",
    "right": r"\bright(ward)?\b",
    "up": r"\bup(ward)?\b",
    "down": r"\bdown(ward)?\b",
}
_LARGER_WORDS = r"\b(larger|bigger|enlarge|increase|scale the .* up)\b"
_SMALLER_WORDS = r"\b(smaller|shrink|reduce|scale the .* down)\b"


def movement_instructions(name: str, direction: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to move an object 'left', 'right', 'up' or 'down'."""
    return draw_templates(_MOVE, rng, thing=name, where=_DIRECTION_PHRASES[direction])


def resize_instructions(name: str, scale: float, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to resize an object, some of them with the factor.

    Args:
        scale: of its width and height; one of `SHARES` or `TIMES`.
    """
    words = {"its": "their" if is_plural(name) else "its"}
    words |= {"times": TIMES[scale]} if scale > 1 else {"share": SHARES[scale]}
    return draw_templates(_LARGER if scale > 1 else _SMALLER, rng, thing=name, **words)


def parse_directions(instruction: str, name: str) -> set[str]:
    """Return the directions that an instruction names, apart from those in the object's name: 'left dog'."""
    text = instruction.lower().replace(name.lower(), "")
    return {direction for direction, words in _DIRECTION_WORDS.items() if re.search(words, text)}


def parse_resizing(instruction: str) -> tuple[set[str], float | None]:
    """Return whether an instruction says 'larger' or 'smaller', and the scale that it states, if any."""
    text = instruction.lower()
    words = {"larger": _LARGER_WORDS, "smaller": _SMALLER_WORDS}
    ways = {name for name, pattern in words.items() if re.search(pattern, text)}
    stated = next((scale for scale, word in _SCALE_WORDS if re.search(rf"\b{word}\b", text)), None)
    return ways | (set() if stated is None else {"larger" if stated > 1 else "smaller"}), stated
