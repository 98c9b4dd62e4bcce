"""Roles of the words in an instruction: the object to add, the object to remove, and the place."""

import re
from dataclasses import dataclass

_WORD = re.compile(r"[a-z]+(?:[-'][a-z]+)*")


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


VERBS = {
    "remove": _words("remove delete erase eliminate clear rid away without discard drop hide"),
    "add": _words("add put place insert include give introduce show draw create have let wear wearing hang"),
    "change": _words(
        "replace swap exchange change turn make transform convert paint alter restyle render adjust modify "
        "set switch colour color dye recolour recolor redo repaint sketch fill cover"
    ),
}
"""Verbs by the operation that they ask for."""
RESULT_WORDS = _words("with for into to by as like be become is are look looks being becomes were")
"""Words after which a change names its result."""
PREPOSITIONS_OF_PLACE = _words(
    "on in at near next beside besides over under behind onto inside around above below between against "
    "front through along from across beneath upon"
)
"""Words after which an addition names its place."""
STOP_WORDS = _words(
    "a an the of this that these those it its it's there here and or but so if then than very more less "
    "some any all both i you he she him her his they them their we me my your want would could should can "
    "will please just only also not no up down out off get take keep do does did image picture photo "
    "photograph scene same instead thing things left right middle centre center upper lower top bottom "
    "corner part side whole one two three few many other colour color background foreground style look "
    "appear appears appearance seem seems make sure want like"
)
"""Words that name nothing that a classifier could see."""


@dataclass(frozen=True)
class Roles:
    """Words of an instruction by role, each a phrase of one to three words.

    Args:
        new: object or property that should appear.
        old: object that should disappear or change.
        place: object that stays and gives the position.
        operation: `add`, `remove`, `change`, or "" if no verb says it.
    """

    new: tuple[str, ...]
    old: tuple[str, ...]
    place: tuple[str, ...]
    operation: str

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.new, *self.old, *self.place)))


def find_roles(instruction: str) -> Roles:
    """Split an English instruction into roles by its verb and its prepositions."""
    words = _WORD.findall(instruction.lower().replace("in place of", "instead").replace("get rid of", "remove"))
    operation = _choose_operation(words)
    parts: dict[str, list[list[str]]] = {"new": [[]], "old": [[]], "place": [[]]}
    role = "new" if operation == "add" else "old"
    for word in words:
        if word == "instead":
            role = "old"
        elif operation == "change" and word in RESULT_WORDS:
            role = "new"
        elif operation in ("add", "remove", "") and word in PREPOSITIONS_OF_PLACE:
            role = "place"
        elif word in VERBS["add"] and "instead" in words:
            role = "new"
        if word in STOP_WORDS or word in RESULT_WORDS or word in PREPOSITIONS_OF_PLACE or _operation(word):
            parts[role].append([])
        else:
            parts[role][-1].append(word)
    if operation == "change" and not any(parts["new"]):
        parts = _split_last(parts)
    return Roles(_phrases(parts["new"]), _phrases(parts["old"]), _phrases(parts["place"]), operation)


def _choose_operation(words: list[str]) -> str:
    """Return the operation that a sentence asks for: removal if any verb is one of removal, else the operation of its
    first verb.
    """
    named = [name for word in words if (name := _operation(word))]
    if "remove" in named:
        return "remove"
    return named[0] if named else "change" if {"be", "become"} & set(words) else ""


def _operation(word: str) -> str:
    """Return the operation that a verb asks for, or ""."""
    return next((operation for operation, verbs in VERBS.items() if word in verbs), "")


def _split_last(parts: dict[str, list[list[str]]]) -> dict[str, list[list[str]]]:
    """Take the last word of a change without a preposition as its result: "make the hydrant white"."""
    filled = [phrase for phrase in parts["old"] if phrase]
    if not filled:
        return parts
    *rest, last = filled
    return parts | {"new": [last[-1:]], "old": [*rest, last[:-1]]}


def _phrases(parts: list[list[str]]) -> tuple[str, ...]:
    """Return each phrase, cut to its last three words, and its single words."""
    phrases = [" ".join(part[-3:]) for part in parts if part]
    singles = [word for part in parts if len(part) > 1 for word in part]
    return tuple(dict.fromkeys((*phrases, *singles)))
