"""Referring expressions: build one that means exactly one of several objects, and find the object that one means.

`resolve` alone decides what an expression means, so every expression that `refer` builds resolves to its object.
Differences that a viewer could overlook are ambiguous: an expression over them is rejected with the reason.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from omniedit.imaging.color_names import ALIASES, COLOURS
from omniedit.instructions.individuals import Individual
from omniedit.instructions.stemming import content, head, stems

CUES = ("place", "size", "colour", "order", "mirror")
"""Properties that distinguish an object from others of its kind."""
MIN_SEPARATION = 0.05
"""Smallest difference of two centres along an axis, as a share of the image, for one to be the left or upper one."""
ALONG_THE_AXIS = 0.5
"""Smallest ratio of this difference to the difference along the other axis."""
AT_A_SIDE = 0.4
"""Share of the image, from a border, in which one of three or more objects is 'on the left'."""
MIN_AREA_RATIO = 1.5
"""Smallest ratio of two areas for one object to be the larger one."""
MIN_COLOUR_DISTANCE = 28.0
"""Smallest distance in L*a*b* of two colours with different names; nearer ones are a matter of taste."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_AXES = {"left": 0, "right": 0, "top": 1, "bottom": 1}
_REVERSED = ("right", "bottom")
_SIDE_WORDS = {"upper": "top", "lower": "bottom", "top": "top", "bottom": "bottom", "left": "left", "right": "right"}
_SUPERLATIVES = {"leftmost": "left", "rightmost": "right", "topmost": "top", "bottommost": "bottom"}
_ORDER = re.compile(rf"\b({'|'.join(ORDINALS)})\b(?=.*\bfrom (?:the )?(left|right|top|bottom)\b)")
_EXTREME_POSITION = re.compile(
    r"\b(leftmost|rightmost|topmost|bottommost)\b|\b(?:on|at|to) the (?:far|very) (left|right|top|bottom)\b"
)
_SIDE = re.compile(r"\b(upper|lower|top|bottom|left|right)\b(?:[- ]hand)?")
_MIDDLE = re.compile(r"\b(?:middle|cent(?:re|er))\b")
_SIZE = re.compile(r"\b(small|large|big|tini)(?:g|l)?(er|r|est|st)\b")
_MIRROR = re.compile(r"\b(not in|outside|in front of|before|in|inside)(?: of)? (?:the|a) mirror\b")
_COLOUR = re.compile(rf"\b({'|'.join([*COLOURS, *ALIASES])})\b")
_NOT_IN = ("not in", "outside", "in front of", "before")


class Ambiguous(ValueError):
    """Reason why an expression does not mean exactly one object."""


def resolve(expression: str, individuals: Sequence[Individual]) -> int:
    """Return the index of the object that an expression means.

    Args:
        expression: such as 'smaller dog', 'cup on the left', 'second red ball from the right', with or without 'the'.

    Raises:
        Ambiguous: it means no object or several, or names a difference that is too small to see.
    """
    text = " ".join(expression.lower().split())
    namesakes = _find_alike(text, individuals)
    text = _without_noun(text, [individuals[place] for place in namesakes])
    cues = list(_read_cues(text))
    if not cues and len(namesakes) > 1:
        raise Ambiguous(f"{len(namesakes)} objects fit '{expression}'")
    for narrow in cues:
        namesakes = narrow(namesakes, individuals)
    if len(namesakes) != 1:
        raise Ambiguous(f"{len(namesakes) or 'no'} objects fit '{expression}'")
    return namesakes[0]


def refer(target: int, individuals: Sequence[Individual], cues: Sequence[str] = CUES) -> dict[str, list[str]]:
    """Return the expressions, by cue, that mean the object; cues without one are left out.

    An object without others of its kind needs no expression: its noun is enough.

    Args:
        target: index of the object.
    """
    noun = individuals[target].noun
    namesakes = [individual for individual in individuals if head(individual.noun) == head(noun)]
    if len(namesakes) < 2:
        return {}
    by_cue: dict[str, list[str]] = {}
    for cue in cues:
        phrases = dict.fromkeys(_phrases(cue, individuals[target], namesakes))
        fitting = [phrase for phrase in phrases if _means(phrase, target, individuals)]
        if fitting:
            by_cue[cue] = fitting
    return by_cue


def _means(phrase: str, target: int, individuals: Sequence[Individual]) -> bool:
    try:
        return resolve(phrase, individuals) == target
    except Ambiguous:
        return False


def _phrases(cue: str, this: Individual, namesakes: Sequence[Individual]) -> Iterator[str]:
    """Yield expressions that might mean an object, by its kind, and by its kind and colour if several share both."""
    counts = {this.noun: len(namesakes)}
    same_colour = sum(other.colour == this.colour for other in namesakes)
    if this.colour and 1 < same_colour < len(namesakes):
        counts[f"{this.colour} {this.noun}"] = same_colour
    for noun, count in counts.items():
        yield from (template.format(noun=noun) for template in _templates(cue, count))
    if cue == "colour" and this.colour:
        yield f"{this.colour} {this.noun}"


def _templates(cue: str, count: int) -> Iterator[str]:
    """Yield expressions with a field for the noun, for one of `count` objects."""
    if cue == "place":
        yield from ("{noun} on the left", "{noun} on the right", "upper {noun}", "lower {noun}")
        if count > 2:
            yield from ("leftmost {noun}", "rightmost {noun}", "{noun} in the middle")
    elif cue == "size":
        yield from (f"{word} {{noun}}" for word in _size_words(count))
    elif cue == "order":
        yield from (f"{word} {{noun}} from the {side}" for word in ORDINALS[1 : count - 1] for side in _AXES)
    elif cue == "mirror":
        yield from ("{noun} in the mirror", "{noun} outside the mirror")


def _size_words(count: int) -> tuple[str, ...]:
    return ("smaller", "larger", "bigger") if count == 2 else ("smallest", "largest", "biggest")


def _find_alike(text: str, individuals: Sequence[Individual]) -> list[int]:
    """Return the objects of the kind that a text names, by noun: 'bottle' fits wine bottles, 'wine bottle' only those.

    Raises:
        Ambiguous: there is none.
    """
    words = set(stems(text))
    namesakes = [place for place, this in enumerate(individuals) if head(this.noun) in words]
    more = {stem for place in namesakes for stem in content(individuals[place].noun)} & words
    namesakes = [place for place in namesakes if more <= set(content(individuals[place].noun))]
    if not namesakes:
        raise Ambiguous(f"no object fits '{text}'")
    return namesakes


def _without_noun(text: str, namesakes: Sequence[Individual]) -> str:
    """Return a text without the nouns of objects, whose words may be those of a cue: an orange, a left-hand drive."""
    words = {word for namesake in namesakes for word in namesake.noun.lower().split()}
    tokens = text.split()
    for word in words & set(tokens):
        place = len(tokens) - 1 - tokens[::-1].index(word)
        tokens[place] = "one"
    return " ".join(tokens)


Narrowing = Callable[[list[int], Sequence[Individual]], list[int]]


def _read_cues(text: str) -> Iterator[Narrowing]:
    """Yield how each cue of a text narrows a choice, in the order in which they apply: colour and mirror first."""
    if match := _COLOUR.search(text):
        colour = ALIASES.get(match[1], match[1])
        yield lambda alike, all_: _by_colour(colour, alike, all_)
    if match := _MIRROR.search(text):
        inside = match[1] not in _NOT_IN
        yield lambda alike, all_: _by_mirror(inside, alike, all_)
    if order := _ORDER.search(text):
        number, start = ORDINALS.index(order[1]), order[2]
        yield lambda alike, all_: _by_order(number, start, alike, all_)
    elif far := _EXTREME_POSITION.search(text):
        side = _SUPERLATIVES.get(far[1] or "", far[2] or "")
        yield lambda alike, all_: _by_order(0, side, alike, all_)
    elif _MIDDLE.search(text):
        yield _by_middle
    elif side_found := _SIDE.search(text):
        word = _SIDE_WORDS[side_found[1]]
        yield lambda alike, all_: _by_side(word, alike, all_)
    if size := _SIZE.search(text):
        sign = -1 if size[1] in ("small", "tini") else 1
        yield lambda alike, all_: _by_size(sign, alike, all_)


def _by_colour(colour: str, namesakes: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the objects of a colour, if the colour of every object is clear."""
    named = [place for place in namesakes if individuals[place].colour == colour]
    for place in namesakes:
        other = individuals[place]
        if other.lab is None:
            raise Ambiguous(f"one {other.noun} has no clear colour")
        near = [own for own in named if place not in named and _distance(individuals[own], other) < MIN_COLOUR_DISTANCE]
        if near:
            raise Ambiguous(f"one {other.noun} is {other.colour}, which is too near {colour}")
    return named


def _distance(first: Individual, second: Individual) -> float:
    assert first.lab is not None and second.lab is not None
    return float(np.linalg.norm(np.subtract(first.lab, second.lab)))


def _by_mirror(inside: bool, namesakes: list[int], individuals: Sequence[Individual]) -> list[int]:
    for place in namesakes:
        if individuals[place].in_mirror is None:
            raise Ambiguous(f"it is not clear whether a mirror shows one {individuals[place].noun}")
    return [place for place in namesakes if individuals[place].in_mirror is inside]


def _by_order(number: int, start: str, namesakes: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the object of a number, from 0, counted from a side."""
    ordered = _sort(start, namesakes, individuals)
    if number >= len(ordered):
        raise Ambiguous(f"there are only {len(ordered)}")
    this = ordered[number]
    for neighbour in ordered[max(0, number - 1) : number + 2]:
        if neighbour != this and not _is_apart(start, individuals[this], individuals[neighbour]):
            raise Ambiguous(f"two of them are about equally far from the {start}")
    return [this]


def _by_middle(namesakes: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the middle one of three, along the axis on which all three are apart."""
    if len(namesakes) != 3:
        raise Ambiguous(f"{len(namesakes)} objects have no middle one")
    middles = set()
    for start in ("left", "top"):
        ordered = [individuals[place] for place in _sort(start, namesakes, individuals)]
        if all(_is_apart(start, *pair) for pair in pairwise(ordered)):
            middles.add(_sort(start, namesakes, individuals)[1])
    if len(middles) != 1:
        raise Ambiguous("none of them is clearly in the middle")
    return list(middles)


def _by_side(side: str, namesakes: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the outer one of two objects, or the only one of several that is near a side of the image."""
    if len(namesakes) < 3:
        return _by_order(0, side, namesakes, individuals)
    axis, is_reversed = _AXES[side], side in _REVERSED
    first = _by_order(0, side, namesakes, individuals)
    near = [
        place
        for place in namesakes
        if (1 - individuals[place].centre[axis] if is_reversed else individuals[place].centre[axis]) < AT_A_SIDE
    ]
    if near != first:
        raise Ambiguous(f"{len(near)} of them are at the {side}")
    return first


def _by_size(sign: int, namesakes: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the largest object, or with sign -1 the smallest, if it clearly is."""
    ordered = sorted(namesakes, key=lambda place: -sign * individuals[place].area)
    if len(ordered) > 1:
        areas = sorted(individuals[place].area for place in ordered[:2])
        if areas[1] < MIN_AREA_RATIO * areas[0]:
            raise Ambiguous(f"two of them are about equally {'large' if sign > 0 else 'small'}")
    return ordered[:1]


def _sort(start: str, namesakes: list[int], individuals: Sequence[Individual]) -> list[int]:
    axis = _AXES[start]
    return sorted(namesakes, key=lambda place: individuals[place].centre[axis], reverse=start in _REVERSED)


def _is_apart(start: str, first: Individual, second: Individual) -> bool:
    """Return whether two objects clearly differ along the axis of a side."""
    apart = [abs(a - b) for a, b in zip(first.centre, second.centre, strict=True)]
    along, across = apart[_AXES[start]], apart[1 - _AXES[start]]
    return along >= MIN_SEPARATION and along >= ALONG_THE_AXIS * across
