"""Referring expressions: build one for one of several objects, and find the object that an expression refers to.

Only `resolve` decides to which object an expression refers, so every expression that `refer` builds resolves to its
object. Differences that a viewer could overlook are ambiguous: an expression that relies on them is rejected with a
reason.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from omniedit.imaging.color_names import ALIASES, COLOURS
from omniedit.instructions.grammar import to_plural
from omniedit.instructions.individuals import Individual
from omniedit.instructions.stemming import content, head, stems

CUES = ("place", "size", "colour", "order", "mirror")
"""Properties that distinguish an object from others of its kind."""
MIN_SEPARATION = 0.05
"""Minimum distance between two centres along an axis, as a share of the image, to call one the left or upper one."""
MIN_AXIS_RATIO = 0.5
"""Minimum ratio of that distance to the distance along the other axis."""
SIDE_WIDTH = 0.4
"""Width of the strip along a border, as a share of the image, in which one of three or more objects counts as 'on the
left'."""
MIN_AREA_RATIO = 1.5
"""Minimum ratio of two areas to call one object the larger one."""
MIN_COLOUR_DISTANCE = 28.0
"""Minimum distance in L*a*b* between two colours with different names; people may name closer ones differently."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_AXES = {"left": 0, "right": 0, "top": 1, "bottom": 1}
_REVERSED = ("right", "bottom")
_SIDE_WORDS = {"upper": "top", "lower": "bottom", "top": "top", "bottom": "bottom", "left": "left", "right": "right"}
_SUPERLATIVES = {"leftmost": "left", "rightmost": "right", "topmost": "top", "bottommost": "bottom"}
_ORDER = re.compile(rf"\b({'|'.join(ORDINALS)})\b((?: \w+)*?) from (?:the )?(left|right|top|bottom)\b")
_EXTREME_POSITION = re.compile(
    r"\b(leftmost|rightmost|topmost|bottommost)\b|\b(?:on|at|to) the (?:far|very) (left|right|top|bottom)\b"
)
_SIDE = re.compile(r"\b(upper|lower|top|bottom|left|right)\b(?:[- ]hand)?")
_MIDDLE = re.compile(r"\b(?:middle|cent(?:re|er))\b")
_SIZE = re.compile(
    rf"\b(?:({'|'.join(ORDINALS)}) )?(?:(smaller|tinier|larger|bigger)|(smallest|tiniest|largest|biggest))\b"
)
_SMALL = ("smaller", "tinier", "smallest", "tiniest")
_MIRROR = re.compile(r"\b(not in|outside|in front of|before|in|inside)(?: of)? (?:the|a) mirror\b")
_COLOUR = re.compile(rf"\b({'|'.join([*COLOURS, *ALIASES])})\b")
_NEGATION = re.compile(r"\b(?:not|never|isn't|aren't|except|last)\b(?! in (?:the|a) mirror)")
_LANDMARK = re.compile(r"\b(?:of|than|beside|behind|near|next to) (?:the|an?) (\w+)")
_OWN_GROUP = frozenset({"two", "three", "four", "five", "six", "other", "others", "mirror"}) | frozenset(
    {"picture", "image", "photo", "scene", "frame"}
)
"""Words after 'of the' that name no other object."""
_NOT_IN = ("not in", "outside", "in front of", "before")
_COUNT = re.compile(r"\bof (?:the )?(two|three|four|five|six)\b")
_COUNTS = ("two", "three", "four", "five", "six")
_PLURAL_GROUP = re.compile(r"\b(of the (?:\w+ )*)ones\b")
_NUMERALS = {
    f"{number}{end}": word
    for number, end, word in zip("123456", ("st", "nd", "rd", *["th"] * 3), ORDINALS, strict=True)
}
_UNINFORMATIVE = """a an the one that which is it on at in to of from hand side edge end picture image photo scene
frame"""
"""Words that may be left over when all cues are read. Any other word could distinguish the object."""


class Unresolvable(ValueError):
    """Error for an expression that does not refer to exactly one object."""


def resolve(expression: str, individuals: Sequence[Individual]) -> int:
    """Return the index of the object that an expression refers to.

    Args:
        expression: such as 'smaller dog', 'cup on the left', 'second red ball from the right', with or without 'the'.

    Raises:
        Unresolvable: it refers to no object or to several, relies on a difference that is too small to see, or has
            a word that is not supported, such as a negation or another object.
    """
    text = " ".join(_NUMERALS.get(word, word) for word in expression.lower().replace(",", " ").split())
    same_kind = _find_same_kind(text, individuals)
    kinds = {head(individuals[index].noun) for index in same_kind}
    landmarks = [word for word in _LANDMARK.findall(text) if word not in _OWN_GROUP and kinds.isdisjoint(stems(word))]
    if landmarks or _NEGATION.search(text):
        raise Unresolvable(f"'{expression}' describes its object by a negation or by another object")
    text = _without_noun(text, [individuals[index] for index in same_kind])
    cues, unread = _read_cues(text)
    if unread:
        raise Unresolvable(f"'{expression}' may distinguish its object by '{unread}', which is not read")
    if not cues and len(same_kind) > 1:
        raise Unresolvable(f"{len(same_kind)} objects fit '{expression}'")
    for narrow in cues:
        same_kind = narrow(same_kind, individuals)
    if len(same_kind) != 1:
        raise Unresolvable(f"{len(same_kind) or 'no'} objects fit '{expression}'")
    return same_kind[0]


def refer(target: int, individuals: Sequence[Individual], cues: Sequence[str] = CUES) -> dict[str, list[str]]:
    """Return the expressions, by cue, that refer to the object. Cues without an expression are left out.

    An object without others of its kind needs no expression, because its noun suffices.

    Args:
        target: index of the object.
    """
    noun = individuals[target].noun
    same_kind = [individual for individual in individuals if head(individual.noun) == head(noun)]
    if len(same_kind) < 2:
        return {}
    by_cue: dict[str, list[str]] = {}
    for cue in cues:
        phrases = dict.fromkeys(_phrases(cue, individuals[target], same_kind))
        fitting = [phrase for phrase in phrases if _refers_to(phrase, target, individuals)]
        if fitting:
            by_cue[cue] = fitting
    return by_cue


def _refers_to(phrase: str, target: int, individuals: Sequence[Individual]) -> bool:
    try:
        return resolve(phrase, individuals) == target
    except Unresolvable:
        return False


def _phrases(cue: str, target: Individual, same_kind: Sequence[Individual]) -> Iterator[str]:
    """Yield candidate expressions for an object: its noun, and colour plus noun if some others share it."""
    counts = {target.noun: len(same_kind)}
    same_colour = sum(other.colour == target.colour for other in same_kind)
    if target.colour and 1 < same_colour < len(same_kind):
        counts[f"{target.colour} {target.noun}"] = same_colour
    for noun, count in counts.items():
        yield from (template.format(noun=noun) for template in _templates(cue, count))
    if cue == "colour" and target.colour:
        yield f"{target.colour} {target.noun}"


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


def _find_same_kind(text: str, individuals: Sequence[Individual]) -> list[int]:
    """Return the objects of the kind that a text names: 'bottle' matches all bottles, 'wine bottle' only wine bottles.

    Raises:
        Unresolvable: there is none.
    """
    words = set(stems(text))
    same_kind = [index for index, individual in enumerate(individuals) if head(individual.noun) in words]
    modifiers = {stem for index in same_kind for stem in content(individuals[index].noun)} & words
    same_kind = [index for index in same_kind if modifiers <= set(content(individuals[index].noun))]
    if not same_kind:
        raise Unresolvable(f"no object fits '{text}'")
    return same_kind


def _without_noun(text: str, same_kind: Sequence[Individual]) -> str:
    """Replace the object's noun with 'one', because a noun may contain a cue word: an orange, a left-hand drive.

    A plural is replaced only in 'of the four balls'. Elsewhere it asks for several objects.
    """
    words = {word for individual in same_kind for word in individual.noun.lower().split()}
    plurals = {to_plural(word) for word in words}
    tokens = text.split()
    for word in words & set(tokens):
        index = len(tokens) - 1 - tokens[::-1].index(word)
        tokens[index] = "one"
    text = " ".join("ones" if token in plurals else token for token in tokens)
    return _PLURAL_GROUP.sub(r"\1one", text.replace("-", " "))


Narrowing = Callable[[list[int], Sequence[Individual]], list[int]]


def _read_cues(text: str) -> tuple[list[Narrowing], str]:
    """Return a narrowing function for each cue in the text, in order of application, and the words that are not read.

    Colour and mirror come first, size last.
    """
    cues: list[Narrowing] = []

    def take(pattern: re.Pattern[str]) -> re.Match[str] | None:
        nonlocal text
        if match := pattern.search(text):
            text = " ".join(f"{text[: match.start()]} {text[match.end() :]}".split())
        return match

    if match := take(_COLOUR):
        colour = ALIASES.get(match[1], match[1])
        cues.append(lambda same_kind, all_: _by_colour(colour, same_kind, all_))
    if match := take(_MIRROR):
        inside = match[1] not in _NOT_IN
        cues.append(lambda same_kind, all_: _by_mirror(inside, same_kind, all_))
    if match := take(_COUNT):
        count = 2 + _COUNTS.index(match[1])
        cues.append(lambda same_kind, _: _check_count(count, same_kind))
    size = take(_SIZE)
    if match := take(_ORDER):
        number, start = ORDINALS.index(match[1]), match[3]
        text = f"{text} {match[2]}"
        cues.append(lambda same_kind, all_: _by_order(number, start, same_kind, all_))
    elif match := take(_EXTREME_POSITION):
        side = _SUPERLATIVES.get(match[1] or "", match[2] or "")
        cues.append(lambda same_kind, all_: _by_order(0, side, same_kind, all_))
    elif take(_MIDDLE):
        cues.append(_by_middle)
    elif match := take(_SIDE):
        word = _SIDE_WORDS[match[1]]
        cues.append(lambda same_kind, all_: _by_side(word, same_kind, all_))
    if size:
        rank, sign = ORDINALS.index(size[1] or "first"), -1 if (size[2] or size[3]) in _SMALL else 1
        only_two = size[2] is not None
        cues.append(lambda same_kind, all_: _by_size(rank, sign, only_two, same_kind, all_))
    return cues, " ".join(word for word in text.split() if word not in _UNINFORMATIVE.split())


def _check_count(count: int, same_kind: list[int]) -> list[int]:
    """Return the objects if there are as many as an expression says."""
    if len(same_kind) != count:
        raise Unresolvable(f"there are {len(same_kind)} of them, not {count}")
    return same_kind


def _by_colour(colour: str, same_kind: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the objects of a colour, if the colour of every object is clear."""
    named = [index for index in same_kind if individuals[index].colour == colour]
    for index in same_kind:
        other = individuals[index]
        if other.lab is None:
            raise Unresolvable(f"one {other.noun} has no clear colour")
        near = [own for own in named if index not in named and _distance(individuals[own], other) < MIN_COLOUR_DISTANCE]
        if near:
            raise Unresolvable(f"one {other.noun} is {other.colour}, which is too close to {colour}")
    return named


def _distance(first: Individual, second: Individual) -> float:
    assert first.lab is not None and second.lab is not None
    return float(np.linalg.norm(np.subtract(first.lab, second.lab)))


def _by_mirror(inside: bool, same_kind: list[int], individuals: Sequence[Individual]) -> list[int]:
    for index in same_kind:
        if individuals[index].in_mirror is None:
            raise Unresolvable(f"it is unclear whether one of the {to_plural(individuals[index].noun)} is in a mirror")
    return [index for index in same_kind if individuals[index].in_mirror is inside]


def _by_order(number: int, start: str, same_kind: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the object at position `number` (from 0), counting from a side."""
    ordered = _sort(start, same_kind, individuals)
    if number >= len(ordered):
        raise Unresolvable(f"there are only {len(ordered)} matching objects")
    found = ordered[number]
    for neighbour in ordered[max(0, number - 1) : number + 2]:
        if neighbour != found and not _is_apart(start, individuals[found], individuals[neighbour]):
            raise Unresolvable(f"two of them are about equally far from the {start} edge")
    return [found]


def _by_middle(same_kind: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the middle one of three objects, along the axis on which they are clearly separate."""
    if len(same_kind) != 3:
        raise Unresolvable(f"'middle' needs exactly three objects; there are {len(same_kind) or 'none'}")
    middles = set()
    for start in ("left", "top"):
        ordered = [individuals[index] for index in _sort(start, same_kind, individuals)]
        if all(_is_apart(start, *pair) for pair in pairwise(ordered)):
            middles.add(_sort(start, same_kind, individuals)[1])
    if len(middles) != 1:
        raise Unresolvable("none of them is clearly in the middle")
    return list(middles)


def _by_side(side: str, same_kind: list[int], individuals: Sequence[Individual]) -> list[int]:
    """Return the outer one of two objects, or the only one of several that is near a side of the image.

    An object that another cue has already singled out must be on this side.
    """
    axis, is_reversed = _AXES[side], side in _REVERSED
    distances = {
        index: 1 - individuals[index].centre[axis] if is_reversed else individuals[index].centre[axis]
        for index in same_kind
    }
    if len(same_kind) == 1 and distances[same_kind[0]] > 0.5:
        raise Unresolvable(f"it is not on the {side}")
    first = _by_order(0, side, same_kind, individuals)
    near = [index for index in same_kind if distances[index] < SIDE_WIDTH]
    if len(same_kind) > 2 and near != first:
        raise Unresolvable(f"{len(near)} of them are near the {side} edge")
    return first


def _by_size(
    rank: int, sign: int, only_two: bool, same_kind: list[int], individuals: Sequence[Individual]
) -> list[int]:
    """Return an object by its rank among the largest (`sign` 1) or smallest (`sign` -1), if the differences are clear.

    Args:
        rank: from 0.
        only_two: whether the word compares two objects, as 'larger' does.
    """
    if len(same_kind) <= max(rank, 1) or (only_two and (rank or len(same_kind) != 2)):
        raise Unresolvable(f"the expression compares another number of objects than {len(same_kind)}")
    ordered = sorted(same_kind, key=lambda index: -sign * individuals[index].area)
    for pair in pairwise(ordered[max(0, rank - 1) : rank + 2]):
        areas = sorted(individuals[index].area for index in pair)
        if areas[1] < MIN_AREA_RATIO * areas[0]:
            raise Unresolvable(f"two of them are about equally {'large' if sign > 0 else 'small'}")
    return ordered[rank : rank + 1]


def _sort(start: str, same_kind: list[int], individuals: Sequence[Individual]) -> list[int]:
    axis = _AXES[start]
    return sorted(same_kind, key=lambda index: individuals[index].centre[axis], reverse=start in _REVERSED)


def _is_apart(start: str, first: Individual, second: Individual) -> bool:
    """Return whether two objects are clearly separate along the axis of a side."""
    apart = [abs(a - b) for a, b in zip(first.centre, second.centre, strict=True)]
    along, across = apart[_AXES[start]], apart[1 - _AXES[start]]
    return along >= MIN_SEPARATION and along >= MIN_AXIS_RATIO * across
