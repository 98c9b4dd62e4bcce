"""Edits that undo an edit, by task: the instructions, and the truth for measuring the result."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from omniedit.imaging.color import image_to_lab
from omniedit.imaging.color_names import ALIASES, COLOURS
from omniedit.imaging.images import Image, resize_to_fit
from omniedit.instructions.grammar import join_objects
from omniedit.instructions.mentions import (
    describe_alone,
    find_added,
    find_backgrounds,
    find_recolouring,
    find_removed,
    find_style,
    find_swapped,
    introduce_details,
    is_object,
    split_place,
    swap_colour,
)
from omniedit.instructions.stemming import strip_article
from omniedit.instructions.templates.appearance import colour_instructions
from omniedit.instructions.templates.draw import INSTRUCTIONS
from omniedit.instructions.templates.objects import (
    addition_instructions,
    describe_place,
    removal_instructions,
    swap_instructions,
)
from omniedit.pairs import EditPair
from omniedit.pairs.provenance import Truth
from omniedit.tasks import SAME_EDITS, Task, equivalent_task

_STYLE_BACK = (
    "Turn the {style} back into a photo.",
    "Make the {style} a photograph again.",
    "Show this as a real photo instead of {article}.",
    "Convert the {style} into a realistic photograph.",
    "Undo the style and make it look like a photo.",
    "Render the scene as a natural photograph.",
)
_BACKGROUND_BACK = (
    "Change the background to {old}.",
    "Change the background from {new} back to {old}.",
    "Swap the background for {old}.",
    "Put {old} back in the background.",
)
_DAY = ("Show the scene in daylight.", "Turn this into a daytime photo.", "Make it the middle of the day.")
_DAYLIGHT = 35.0
"""Mean L* from which a photo is assumed to show daylight."""
_ENVIRONMENTS: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    (r"night|moonlight|after dark|under the stars", True, ("Turn the night into day.", *_DAY)),
    (r"dusk|twilight|blue hour", True, ("Change the time of day from dusk to daytime.", *_DAY)),
    (
        r"golden hour|evening sun\w*|low, warm sun",
        True,
        (
            "Replace the golden evening light with neutral daylight.",
            "Take the golden tint out of the light.",
            "Change the lighting from golden hour to plain daylight.",
            "Make the light less warm.",
        ),
    ),
    (
        r"overcast|grey light|dull|cloudy",
        False,
        (
            "Make the dull, grey light brighter.",
            "Make the weather less dull.",
            "Replace the flat, grey light with clearer light.",
        ),
    ),
    (
        r"fog\w*|mist\w*",
        False,
        ("Clear the fog.", "Remove the fog from the scene.", "Let the fog lift.", "Make the air clear, without fog."),
    ),
    (
        r"(?<!after )rain(?:y|ing)?",
        False,
        (
            "Stop the rain.",
            "Remove the rain.",
            "Show the same scene without rain.",
            "Turn the rainy day into a dry one.",
        ),
    ),
    (
        r"snow(?:y|ing|fall|flakes)?",
        False,
        ("Remove the snow.", "Take the snow out of the scene.", "Show the same scene without snow."),
    ),
    (
        r"autumn|in the fall|october",
        False,
        ("Make the plants green again.", "Replace the autumn colours with green.", "Give the plants green leaves."),
    ),
)
"""Words for an environment, whether the source must show daylight, and instructions that undo the change."""
_TAKES_AWAY = re.compile(r"\b(?:remove|without|clear|stop|melt|lift|less|no|not|undo|reduce|from)\b", re.IGNORECASE)
_PHOTO = re.compile(r"\b(?:photo|photograph)s?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Reversal:
    """Edit that undoes another.

    Args:
        instructions: several paraphrases; the first is the main one.
        truth: what the edit must achieve; None if it is unknown.
    """

    task: Task
    instructions: tuple[str, ...]
    truth: dict[str, Any] | None = None


def reverse_edit(pair: EditPair, rng: np.random.Generator) -> Reversal | None:
    """Return the edit that undoes a pair's edit, or None if neither truth nor instruction determines it.

    The edit has a task of the pair's family: a `remove` of AnyEdit becomes an `add`.
    """
    reverse = _REVERSALS.get(equivalent_task(pair.task))
    reversal = reverse(pair, pair.provenance.get("truth") or {}, rng) if reverse else None
    if reversal is None or pair.task not in SAME_EDITS:
        return reversal
    names = {same: task for task, same in SAME_EDITS.items() if task.family == pair.task.family}
    return replace(reversal, task=names.get(reversal.task, reversal.task))


def _reverse_removal(pair: EditPair, truth: Truth, rng: np.random.Generator) -> Reversal | None:
    """Return the addition of a removed object."""
    phrase = truth.get("object") or find_removed(pair.instruction)
    if not phrase or truth.get("every"):
        return None
    names = [split_place(part) for part in str(phrase).split(" and the ")]
    names_added = [introduce_details(describe_alone(name)) for name, _ in names]
    if not all(map(is_object, names_added)) or len(set(names_added)) < len(names_added):
        return None
    place = names[0][1] if len(names) == 1 else ""
    place = place or (describe_place(truth["box"]) if "box" in truth else "")
    instructions = addition_instructions(join_objects(names_added), place, rng)
    return Reversal(Task.OBJECT_ADDITION, instructions, _object_truth(truth))


def _reverse_addition(pair: EditPair, truth: Truth, rng: np.random.Generator) -> Reversal | None:
    """Return the removal of an added object."""
    phrase = truth.get("object") or find_added(pair.instruction)
    if not phrase or truth.get("every"):
        return None
    if not truth:
        name, place = split_place(str(phrase))
        phrase = name if re.match(r"(?:to|into|onto|in the middle|in the (?:upper|lower)) ", place) else phrase
    instructions = removal_instructions(strip_article(str(phrase)), "", rng)
    return Reversal(Task.OBJECT_REMOVAL, instructions, _object_truth(truth))


def _object_truth(truth: Truth) -> dict[str, Any] | None:
    """Return the truth of a removal or an addition: both name the same object at the same place."""
    return {name: truth[name] for name in ("object", "box")} if {"object", "box"} <= set(truth) else None


def _reverse_swap(pair: EditPair, truth: Truth, rng: np.random.Generator) -> Reversal | None:
    """Return the swap with the old and the new object exchanged."""
    named = {"object", "new_object"} <= set(truth)
    phrases = (truth["object"], truth["new_object"]) if named else find_swapped(pair.instruction)
    if not phrases:
        return None
    old, new = describe_alone(split_place(phrases[0])[0]), strip_article(phrases[1])
    if not is_object(old) or not is_object(new):
        return None
    known = {"object": new, "new_object": old, "box": truth.get("new_box"), "new_box": truth.get("box")}
    return Reversal(Task.OBJECT_SWAP, swap_instructions(new, old, rng), known if all(known.values()) else None)


def _reverse_attribute(pair: EditPair, truth: Truth, rng: np.random.Generator) -> Reversal | None:
    """Return the change back to the old colour, if the object's name or the instruction says it."""
    if truth and truth.get("attribute") not in ("colour", "color"):
        return None
    if truth and (names := swap_colour(str(truth["object"]), str(truth["value"]))):
        name, old = names
    elif recolouring := find_recolouring(pair.instruction):
        name, old = f"{recolouring.new} {recolouring.thing}", recolouring.old
    else:
        return None
    return Reversal(pair.task, colour_instructions(name, old, rng), _colour_truth(name, old, truth))


def _colour_truth(name: str, colour: str, truth: Truth) -> dict[str, Any] | None:
    if "box" not in truth:
        return None
    value = ALIASES.get(colour, colour)
    known = {"object": name, "attribute": "colour", "value": value, "lab_ab": list(COLOURS[value][1:])}
    return known | {"box": truth["box"]}


def _reverse_background(pair: EditPair, truth: Truth, rng: np.random.Generator) -> Reversal | None:
    """Return the change back to the old background, if the instruction names that."""
    backgrounds = find_backgrounds(pair.instruction)
    if not backgrounds:
        return None
    old, new = backgrounds
    known = {"object": truth["object"], "background": old} if "object" in truth else None
    return Reversal(pair.task, _fill(_BACKGROUND_BACK, rng, old=old, new=new), known)


def _reverse_environment(pair: EditPair, truth: Truth, rng: np.random.Generator) -> Reversal | None:
    """Return the change back, if the environment is one that can be undone and the source shows daylight."""
    phrase = str(truth.get("environment") or pair.instruction).replace("_", " ")
    matches = [each for each in _ENVIRONMENTS if re.search(rf"\b(?:{each[0]})\b", phrase, re.IGNORECASE)]
    if len(matches) != 1 or (not truth and _TAKES_AWAY.search(phrase)):
        return None
    _, needs_daylight, texts = matches[0]
    if needs_daylight and not _shows_daylight(pair.source):
        return None
    return Reversal(pair.task, _fill(texts, rng))


def _shows_daylight(image: Image) -> bool:
    return float(image_to_lab(resize_to_fit(image, 128))[..., 0].mean()) >= _DAYLIGHT


def _reverse_style(pair: EditPair, truth: Truth, rng: np.random.Generator) -> Reversal | None:
    """Return the change back to a photo, if the source is one and the instruction names the style."""
    style = find_style(pair.instruction)
    if not style or _PHOTO.search(style) or not _is_photo(pair):
        return None
    return Reversal(pair.task, _fill(_STYLE_BACK, rng, style=strip_article(style), article=style))


def _is_photo(pair: EditPair) -> bool:
    """Return whether the source is known to be a photo: a specialist edited it, or a text of the pair says so."""
    provenance = pair.provenance
    if provenance.get("generated"):
        return False
    text = f"{pair.instruction} {pair.captions.source or ''}"
    return not provenance.get("imported") or provenance.get("generated") is False or bool(_PHOTO.search(text))


def _fill(templates: tuple[str, ...], rng: np.random.Generator, **words: str) -> tuple[str, ...]:
    chosen = rng.permutation(len(templates))[:INSTRUCTIONS]
    return tuple(templates[index].format(**words) for index in chosen.tolist())


_REVERSALS: dict[Task, Callable[[EditPair, Truth, np.random.Generator], Reversal | None]] = {
    Task.OBJECT_REMOVAL: _reverse_removal,
    Task.OBJECT_ADDITION: _reverse_addition,
    Task.OBJECT_SWAP: _reverse_swap,
    Task.ATTRIBUTE_MODIFICATION: _reverse_attribute,
    Task.BACKGROUND_SWAP: _reverse_background,
    Task.ENVIRONMENT_CHANGE: _reverse_environment,
    Task.STYLE_TRANSFER: _reverse_style,
}
