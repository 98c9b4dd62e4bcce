"""Instructions that change a printed text, and the texts that replace it.

`sign_words.txt` has a kind of word per line. A word is exchanged for another of its kind ('BUS' for 'TRAM'). A word
without a kind that begins with a capital is assumed to be a name, and exchanged for another name.
"""

import re
from functools import cache

import numpy as np

from omniedit.instructions.templates.draw import draw_templates
from omniedit.instructions.word_lists import read_list

_CHANGE = (
    "Change the text {old} to {new}.",
    "Replace {old} with {new}.",
    "Where it says {old}, write {new}.",
    "Make it say {new} instead of {old}.",
    "The text {old} should read {new}.",
    "Rewrite {old} as {new}.",
)
NAMES = "name"
"""Kind of the words that replace a name."""
MAX_LENGTH_DIFFERENCE = 2
"""Maximum difference in length between a word and its replacement, in letters."""
UNCHANGED = "unchanged"
"""Kind of the words that are never exchanged, even in capitals."""


def other_text(text: str, rng: np.random.Generator) -> str:
    """Return a text with one word or number exchanged for another of its kind and case: '10 BUS' -> '47 BUS'.

    If no word has a replacement, the text is returned unchanged.
    """
    words = text.split(" ")
    choices = {index: found for index, word in enumerate(words) if (found := replacements(word))}
    numbers = [index for index, word in enumerate(words) if word.isascii() and word.isdigit()]
    usable = sorted([*choices, *numbers])
    if not usable:
        return text
    index = usable[rng.integers(len(usable))]
    if index in choices:
        words[index] = choices[index][rng.integers(len(choices[index]))]
    else:
        words[index] = _other_number(words[index], rng)
    return " ".join(words)


def replacements(word: str) -> tuple[str, ...]:
    """Return the words that can replace a word on a sign, in the same case; none for a word of unknown kind.

    Their lengths differ by MAX_LENGTH_DIFFERENCE letters at most.
    """
    if not re.fullmatch(r"[A-Za-z]{2,}", word) or not (word.isupper() or word.islower() or word.istitle()):
        return ()
    low = word.lower()
    kinds = _find_kinds(low)
    if not kinds and not word.islower() and len(word) > 2:
        kinds = (NAMES,)
    others = sorted({other for kind in kinds if kind != UNCHANGED for other in sign_words()[kind]} - {low})
    near = [other for other in others if abs(len(other) - len(word)) <= MAX_LENGTH_DIFFERENCE]
    return tuple(other.upper() if word.isupper() else other.capitalize() if word.istitle() else other for other in near)


@cache
def sign_words() -> dict[str, tuple[str, ...]]:
    """Return the words of signs by their kind."""
    lines = (line.partition(": ") for line in read_list("sign_words"))
    return {kind: tuple(words.split()) for kind, _, words in lines}


@cache
def _find_kinds(word: str) -> tuple[str, ...]:
    return tuple(kind for kind, words in sign_words().items() if word in words)


def is_usable(text: str) -> bool:
    """Return whether a text is plain enough to be redrawn: words, numbers and simple signs."""
    return bool(re.fullmatch(r"[A-Za-z0-9&.,!?'-]+( [A-Za-z0-9&.,!?'-]+)*", text)) and bool(
        re.search(r"\d{1,}|[A-Za-z]{2,}", text)
    )


def text_instructions(old: str, new: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return instructions to change a printed text."""
    mark = '"' if "'" in old + new else "'"
    words = {"old": f"{mark}{old}{mark}", "new": f"{mark}{new}{mark}"}
    return draw_templates(_CHANGE, rng, **words)


def same_letters(text: str) -> str:
    """Return the letters and digits of a text in lower case, by which two readings are compared."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _other_number(number: str, rng: np.random.Generator) -> str:
    """Return another number of the same length, without a leading zero."""
    while True:
        digits = [str(rng.integers(0 if index else 1, 10)) for index in range(len(number))]
        if "".join(digits) != number:
            return "".join(digits)
