"""Clues: phrases that name an object by its nature, action or use (`clues.yaml`).

A clue refers to an object of a photo if it fits this object and certainly no other. An object of unknown kind, such as
'object', 'animal' or a noun outside the vocabulary, could be anything. In a photo with such an object, few clues are
unambiguous.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain
from typing import Any

from omniedit.grounding.nouns import KINDS, OBJECT, find_kind, plain_nouns
from omniedit.instructions.referring_expressions import Unresolvable
from omniedit.instructions.stemming import content, stems
from omniedit.storage.yaml_tables import parse_yaml

MIN_LEAD = 1.3
"""Minimum ratio of the largest value to the next one at which a comparison is certain."""
MIN_CLUE_SHARE = 0.65
"""Minimum share of a clue's words that a sentence must contain to express the clue. It needs all words of a comparison,
because 'the least vitamin C' differs from 'the most vitamin C' by one."""
_OTHER_MEANING = re.compile(
    r"\b(?:not|never|cannot|no|nor|neither|nothing|without|hardly|barely|scarcely|rarely|seldom|lacks?|lacking|stops?|except"
    r"|but|besides|unless|unlike|than|next to|near|beside|behind|between|above|below|under|afraid|one)\b"
    r"|\b(?:in front|on top|left|right|instead) of\b|n't\b",
    re.IGNORECASE,
)
"""Words that negate a clue or relate the object to another one, which the clue then describes."""
_GENERIC = "object thing item one animal vehicle instrument fruit food tool piece plant building can very"
"""Words that many clues share and that say nothing about which object they refer to."""


@dataclass(frozen=True)
class ObjectClue:
    """Clue of the table.

    Args:
        phrase: without an article, such as 'object that can tell the time'.
        fits, maybe: nouns that it describes, and that it might describe.
        values: measured property by noun, if the clue compares the objects of a photo.
    """

    phrase: str
    fits: frozenset[str]
    maybe: frozenset[str] = frozenset()
    values: Mapping[str, float] | None = None

    def describes(self, noun: str) -> bool | None:
        """Return whether the clue describes an object of that name; None if it is unknown."""
        known = to_known_noun(noun)
        if known in self.fits:
            return True
        if known is None or known in self.maybe or _may_include(known, self.fits):
            return None
        return None if self.values is not None and _is_of_their_kind(known, self.fits) else False


def find_clues(target: int, names: Sequence[str]) -> list[str]:
    """Return the clues that refer to one of a photo's objects.

    Args:
        names: of all objects in the photo.
    """
    return [phrase for phrase in clues() if _refers_to(phrase, target, names)]


def resolve_clue(phrase: str, names: Sequence[str]) -> int:
    """Return the index of the object that a clue refers to.

    Args:
        phrase: of a clue of the table.
        names: of all objects in the photo.

    Raises:
        Unresolvable: the table has no such clue, or it does not refer to exactly one of the objects.
    """
    clue = clues().get(phrase)
    if clue is None:
        raise Unresolvable(f"the table has no clue '{phrase}'")
    fits = [clue.describes(name) for name in names]
    if unknown := [name for name, fit in zip(names, fits, strict=True) if fit is None]:
        raise Unresolvable(f"'{phrase}' might describe the {unknown[0]} too")
    fitting = [index for index, fit in enumerate(fits) if fit]
    if clue.values is not None:
        return _largest(clue.phrase, clue.values, fitting, names)
    if len(fitting) != 1:
        raise Unresolvable(f"'{phrase}' describes {len(fitting) or 'none'} of the objects")
    return fitting[0]


def name_indirectly(sentence: str, name: str, others: Sequence[str] = ()) -> str | None:
    """Return a text for the record with the clue by which a sentence names an object without its noun; None if there is
    no such clue.

    Args:
        name: of the object.
        others: names of the other objects in the photo.
    """
    words = set(stems(sentence))
    if _OTHER_MEANING.search(sentence):
        return None
    for phrase in find_clues(0, [name, *others]):
        own = [stem for stem in content(phrase) if stem not in stems(_GENERIC)]
        least = MIN_CLUE_SHARE if clues()[phrase].values is None else 1.0
        if own and len(words.intersection(own)) >= least * len(own):
            return f"named as the '{phrase}', which describes the {name} according to the table"
    return None


@cache
def clues() -> dict[str, ObjectClue]:
    """Return the clues of the table by phrase."""
    table = _read_table()
    named = {
        phrase: ObjectClue(phrase, frozenset(nouns["fits"]), frozenset(nouns["maybe"]))
        for phrase, nouns in table["clues"].items()
    }
    ranked = {
        phrase: ObjectClue(phrase, frozenset(values), values=values) for phrase, values in table["ranked"].items()
    }
    return named | ranked


def to_known_noun(name: str) -> str | None:
    """Return the longest ending of a name that is in the vocabulary: 'brown hot dog' -> 'hot dog'; None if there is
    none.
    """
    words = name.split()
    ends = (" ".join(words[start:]) for start in range(len(words)))
    return next((end for end in ends if end in _vocabulary()), None)


def _refers_to(phrase: str, target: int, names: Sequence[str]) -> bool:
    try:
        return resolve_clue(phrase, names) == target
    except Unresolvable:
        return False


def _largest(phrase: str, values: Mapping[str, float], fitting: Sequence[int], names: Sequence[str]) -> int:
    """Return the object with the largest value.

    Raises:
        Unresolvable: fewer than two objects can be compared, or no value is clearly the largest.
    """
    measured = sorted(((values[to_known_noun(names[index]) or ""], index) for index in fitting), reverse=True)
    if len(measured) < 2:
        raise Unresolvable(
            f"'{phrase}' compares objects, but {len(measured) or 'none'} of those in the photo can be compared"
        )
    if measured[0][0] < MIN_LEAD * measured[1][0]:
        raise Unresolvable(f"'{phrase}' describes two of the objects about equally")
    return measured[0][1]


def _may_include(kind: str, nouns: frozenset[str]) -> bool:
    """Return whether one of the nouns may mean the kind: 'animal' may be a dog, and 'object' may be anything."""
    if kind == OBJECT:
        return True
    return kind in KINDS and any(find_kind(noun) in (kind, None) for noun in nouns)


def _is_of_their_kind(noun: str, nouns: frozenset[str]) -> bool:
    return find_kind(noun) in {find_kind(other) for other in nouns} - {None}


@cache
def _vocabulary() -> frozenset[str]:
    table = _read_table()
    lists = ([*nouns["fits"], *nouns["maybe"]] for nouns in table["clues"].values())
    return frozenset(
        chain(plain_nouns(), KINDS, [OBJECT], *lists, chain.from_iterable(table["ranked"].values()), table["others"])
    )


@cache
def _read_table() -> dict[str, Any]:
    text = (resources.files("omniedit.instructions") / "clues.yaml").read_text(encoding="utf-8")
    return parse_yaml(text)
