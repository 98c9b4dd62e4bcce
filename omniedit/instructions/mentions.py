"""Extract what an instruction names: the object to remove or add, the two objects of a swap, a style, the old and
the new colour or background.

The patterns fit the templates of this package and common sentences of other data sets. Any other instruction, or one
that asks for several edits, names nothing.
"""

import re
from typing import NamedTuple

from omniedit.imaging.color_names import ALIASES, COLOURS
from omniedit.instructions.grammar import with_article
from omniedit.instructions.stemming import noun, strip_article

_POLITE = re.compile(r"^(?:please |(?:can|could|would|will) you (?:please )?|i would like you to )", re.IGNORECASE)
_CLOSING_PHRASE = re.compile(
    r"(?:\s+(?:from|in|into|to|out of) (?:the|this) (?:photo|photograph|picture|image|scene))?"
    r"(?:\s*,?\s*please)?[\s.!?]*$",
    re.IGNORECASE,
)
_JOINING = re.compile(
    r"[,;:.!?]|\b(?:and|or|but|then|so|instead|also|except|it|its|them|their|he|she|his|her|him|this|these|those|all"
    r"|each|every|both|another|same|one|ones)\b",
    re.IGNORECASE,
)
"""Words that show that a phrase does not describe one object, or describes an object by other text."""
_NO_OBJECTS = """background backdrop sky wall floor ground light lighting colour color shadow reflection blur noise rest
object objects thing things item items everything area part text writing filter effect snow rain fog water smoke grass
sand dirt dust hair food fruit furniture luggage jewelry jewellery makeup trash garbage rubbish litter
graffiti clothing"""
"""Nouns that are not objects, or that take no article in an addition."""
_COMPARING = (
    r"(?:smaller|smallest|larger|largest|bigger|biggest|taller|tallest|shorter|nearer|nearest|closer|closest|farther"
    r"|farthest|leftmost|rightmost|topmost|bottommost|upper|lower|left|right|middle|first|second|third|other|last)"
)
_PLACE = re.compile(
    r"\s+(?:on|in|at|by|near|next to|beside|behind|under|above|below|between|against|along|across|around|inside|outside"
    r"|over|to|into|onto) "
)
_COLOUR = rf"(?:{'|'.join([*COLOURS, *ALIASES])})"
_ARTICLE, _INDEFINITE = r"(?:the|an?|some)", r"(?:an?|some)"

_REMOVALS = (
    rf"(?:remove|erase|delete|eliminate|take away|take out|get rid of|edit out|cut out) {_ARTICLE} (?P<thing>.+)",
    rf"make {_ARTICLE} (?P<thing>.+?) (?:disappear|vanish)",
    r"show the same scene without the (?P<thing>.+)",
)
_ADDITIONS = (
    rf"(?:add|insert|include|put|place) {_INDEFINITE} (?P<thing>.+)",
    rf"(?:i would like to see|show the same scene with) {_INDEFINITE} (?P<thing>.+)",
)
_SWAPS = (
    rf"(?:replace|swap|exchange) the (?P<old>.+?) (?:with|for|by) {_INDEFINITE} (?P<new>.+)",
    rf"(?:change|turn|transform) the (?P<old>.+?) (?:in)?to {_INDEFINITE} (?P<new>.+)",
)
_RECOLOURINGS = (
    rf"(?:change|alter|turn) the colou?r of the (?P<thing>.+?) from (?P<old>{_COLOUR}) to (?P<new>{_COLOUR})",
    rf"(?:change|turn|make|paint|recolou?r|dye) the (?P<thing>.+?) from (?P<old>{_COLOUR}) to (?P<new>{_COLOUR})",
    rf"(?:change|turn|make|paint|recolou?r|dye) the (?P<old>{_COLOUR}) (?P<thing>.+?)"
    rf" (?:in)?(?:to )?(?:be )?(?P<new>{_COLOUR})",
)
_BACKGROUNDS = (r"(?:change|turn|switch) the background from (?P<old>.+?) (?:in)?to (?P<new>.+)",)
_STYLES = (r".*?\b(?:as|into|like|to) (?P<style>an? .+|pixel art.*)",)
_MORE_EDITS = re.compile(r"\b(?:add|remove|make|change|replace|keep|but|then)\b", re.IGNORECASE)


class Recolouring(NamedTuple):
    """Object without a colour in its name, and its old and new colour."""

    thing: str
    old: str
    new: str


def find_removed(instruction: str) -> str | None:
    """Return the phrase of the object to remove, without its article: 'red car on the left'."""
    return _find_object(_REMOVALS, instruction)


def find_added(instruction: str) -> str | None:
    """Return the phrase of the object to add, with its place: 'cat on the sofa'."""
    return _find_object(_ADDITIONS, instruction)


def find_swapped(instruction: str) -> tuple[str, str] | None:
    """Return the phrases of the old and the new object of a swap."""
    match = _match(_SWAPS, instruction)
    return (match["old"], match["new"]) if match and all(map(is_object, match.values())) else None


def find_recolouring(instruction: str) -> Recolouring | None:
    """Return the object whose colour changes, if the instruction also names the old colour."""
    match = _match(_RECOLOURINGS, instruction)
    return Recolouring(**match) if match and not _JOINING.search(match["thing"]) else None


def find_backgrounds(instruction: str) -> tuple[str, str] | None:
    """Return the phrases of the old and the new background."""
    match = _match(_BACKGROUNDS, instruction)
    return (match["old"], match["new"]) if match and not any(map(_JOINING.search, match.values())) else None


def find_style(instruction: str) -> str | None:
    """Return the style with its article, without a list of details: 'a pencil sketch'."""
    match = _match(_STYLES, instruction)
    if not match or _MORE_EDITS.search(match["style"]):
        return None
    style = match["style"]
    return re.split(r" (?:in|with|from|of) ", style)[0] if "," in style else style


def is_object(phrase: str) -> bool:
    """Return whether a phrase describes one object, or several objects of a kind, that an edit can remove and add."""
    return bool(noun(phrase)) and not _JOINING.search(phrase) and noun(phrase) not in _NO_OBJECTS.split()


def split_place(phrase: str) -> tuple[str, str]:
    """Split a phrase into the object and its place, '' without one: 'cat on the sofa' -> 'cat', 'on the sofa'."""
    match = _PLACE.search(phrase)
    return (phrase[: match.start()], phrase[match.start() :].strip()) if match else (phrase, "")


def describe_alone(name: str) -> str:
    """Remove the words that distinguish an object from others like it: 'smaller brown dog' -> 'brown dog'."""
    return re.sub(rf"^(?:{_COMPARING}\s+)+(?=\S)", "", strip_article(name), flags=re.IGNORECASE)


def introduce_details(name: str) -> str:
    """Make the article of a known detail indefinite: 'man with the hat' -> 'man with a hat'."""
    return re.sub(
        r"\b(with|wearing|holding|carrying) the (\w.*)", lambda found: f"{found[1]} {with_article(found[2])}", name
    )


def swap_colour(name: str, colour: str) -> tuple[str, str] | None:
    """Replace the colour in a name: ('red bowl', 'blue') -> 'blue bowl', and the old colour, 'red'.

    None if the name has no colour or several.
    """
    colours = re.findall(rf"\b{_COLOUR}\b", name, re.IGNORECASE)
    if len(colours) != 1:
        return None
    return re.sub(rf"\b{colours[0]}\b", colour, name), colours[0].lower()


def _find_object(patterns: tuple[str, ...], instruction: str) -> str | None:
    match = _match(patterns, instruction)
    return match["thing"] if match and is_object(match["thing"]) else None


def _match(patterns: tuple[str, ...], instruction: str) -> dict[str, str] | None:
    """Return the named groups of the first pattern that fits the whole instruction."""
    plain = _CLOSING_PHRASE.sub("", _POLITE.sub("", " ".join(instruction.split())))
    matches = (re.fullmatch(pattern, plain, re.IGNORECASE) for pattern in patterns)
    return next((match.groupdict() for match in matches if match), None)
