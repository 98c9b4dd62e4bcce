"""Grammar of nouns in instructions: articles, plurals, lists, and positions before a noun."""

import re
from collections.abc import Sequence

from omniedit.instructions.stemming import noun as main_noun

POSITION_PHRASES = {
    "upper": "in the upper part of the picture",
    "lower": "in the lower part of the picture",
    "left": "on the left",
    "right": "on the right",
    "middle": "in the middle",
}
"""Phrases for the positions that may precede a noun, such as 'upper' in 'upper dog'."""
OPPOSITE = {"left": "right", "right": "left", "upper": "lower", "lower": "upper"}

IRREGULAR_PLURAL = re.compile(r"people|men|women|children|feet|teeth|geese|mice", re.IGNORECASE)
_SOUNDS_LIKE_A_CONSONANT = re.compile(r"(uni(?!n)|use|uku|uto|eu|ewe|one\b|once)", re.IGNORECASE)
_SILENT_H = re.compile(r"(hour|honest|honou?r|heir)", re.IGNORECASE)
_SINGULAR_IN_S = re.compile(r"(ss|us|is|as|\blens)$", re.IGNORECASE)
_SAME_IN_PLURAL = frozenset(["sheep", "deer", "fish", "moose", "bison", "salmon", "trout", "aircraft"])
_PLURALS = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "mouse": "mice",
    "wolf": "wolves",
    "leaf": "leaves",
    "loaf": "loaves",
    "calf": "calves",
    "shelf": "shelves",
    "scarf": "scarves",
    "knife": "knives",
    "snowman": "snowmen",
    "ox": "oxen",
    "tomato": "tomatoes",
    "potato": "potatoes",
    "mango": "mangoes",
    "buffalo": "buffaloes",
}
_SIBILANT = re.compile(r"(s|x|z|ch|sh)$")
_CONSONANT_Y = re.compile(r"(?<=[^aeiou])y$")


def with_article(noun: str) -> str:
    """Return a noun with its article: 'an orange', 'a unicycle', 'some sunglasses', 'some people'."""
    if is_plural(noun):
        return f"some {noun}"
    vowel = noun[0].lower() in "aeiou" and not _SOUNDS_LIKE_A_CONSONANT.match(noun)
    return f"an {noun}" if vowel or _SILENT_H.match(noun) else f"a {noun}"


def to_plural(noun: str) -> str:
    """Return the plural of a noun or of a phrase that ends in one: 'wine glass' -> 'wine glasses'."""
    rest, _, last = noun.rpartition(" ")
    if last in _SAME_IN_PLURAL or is_plural(last):
        plural = last
    elif last in _PLURALS:
        plural = _PLURALS[last]
    elif _CONSONANT_Y.search(last):
        plural = _CONSONANT_Y.sub("ies", last)
    else:
        plural = f"{last}es" if _SIBILANT.search(last) else f"{last}s"
    return f"{rest} {plural}".lstrip()


def is_plural(name: str) -> bool:
    """Return whether a noun, with or without words before it, is a plural: 'red sunglasses', 'people'."""
    about = main_noun(name)
    return bool(IRREGULAR_PLURAL.fullmatch(about)) or (about.endswith("s") and not _SINGULAR_IN_S.search(about))


def without_position(name: str) -> str:
    """Remove the position from a name: 'upper dog' -> 'dog'."""
    first, _, rest = name.partition(" ")
    return rest if rest and first in POSITION_PHRASES else name


def join_objects(names: Sequence[str]) -> str:
    """Join objects to add, all but the first with its article: 'wine bottle and a wine glass'."""
    first, *rest = names
    return " and ".join([first, *map(with_article, rest)])


def join_names(names: Sequence[str]) -> str:
    """Join names as 'a', 'a and b' or 'a, b and c'."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
