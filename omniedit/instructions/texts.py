"""Instructions that change a printed text, and the texts that replace it."""

import re

import numpy as np

from omniedit.instructions.appearance_templates import draw_templates
from omniedit.instructions.word_lists import read_list

_CHANGE = (
    "Change the text '{old}' to '{new}'.",
    "Replace the words '{old}' with '{new}'.",
    "Where it says '{old}', write '{new}'.",
    "Let it say '{new}' instead of '{old}'.",
    "The text '{old}' should read '{new}'.",
    "Rewrite '{old}' as '{new}'.",
)


def other_text(text: str, rng: np.random.Generator) -> str:
    """Return a text with one word or number exchanged for another of the same case: '10 BUS' -> '47 BUS'."""
    words = text.split(" ")
    usable = [place for place, word in enumerate(words) if re.fullmatch(r"\d+|[A-Za-z]{2,}", word)]
    if not usable:
        return text
    place = usable[rng.integers(len(usable))]
    words[place] = _other_number(words[place], rng) if words[place].isdigit() else _other_word(words[place], rng)
    return " ".join(words)


def is_usable(text: str) -> bool:
    """Return whether a text is plain enough to be redrawn: words, numbers and simple signs."""
    return bool(re.fullmatch(r"[A-Za-z0-9&.,!?'-]+( [A-Za-z0-9&.,!?'-]+)*", text)) and bool(
        re.search(r"\d{1,}|[A-Za-z]{2,}", text)
    )


def text_instructions(old: str, new: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to change a printed text."""
    return tuple(template.format(old=old, new=new) for template in draw_templates(_CHANGE, rng))


def same_letters(text: str) -> str:
    """Return the letters and digits of a text in lower case, by which two readings are compared."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _other_number(number: str, rng: np.random.Generator) -> str:
    """Return another number of the same length, without a leading zero."""
    while True:
        digits = [str(rng.integers(0 if place else 1, 10)) for place in range(len(number))]
        if "".join(digits) != number:
            return "".join(digits)


def _other_word(word: str, rng: np.random.Generator) -> str:
    """Return another word of about the same length, in the same case."""
    others = [other for other in read_list("sign_words") if other != word.lower()]
    near = [other for other in others if abs(len(other) - len(word)) <= 1]
    near = near or [other for other in others if abs(len(other) - len(word)) <= 3]
    if not near:
        return word
    new = near[rng.integers(len(near))]
    return new.upper() if word.isupper() else new.capitalize() if word[0].isupper() else new
