"""Instructions for a photo, from templates over the names of its objects.

They depend only on the photo's objects and a random generator, not on the abilities of any specialist, so a benchmark
made from them favours no specialist. A person must still check that they suit the photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omniedit.grounding.nouns import GROUPS, find_kind
from omniedit.imaging.color_names import COLOURS
from omniedit.instructions.stemming import noun
from omniedit.instructions.templates.appearance import (
    background_instructions,
    colour_instructions,
    material_instructions,
    style_instructions,
)
from omniedit.instructions.templates.draw import draw_templates
from omniedit.instructions.templates.objects import addition_instructions, removal_instructions, swap_instructions
from omniedit.instructions.word_lists import read_list, styles
from omniedit.tasks import Task

MATERIALS = (
    *("white marble", "polished wood", "gold", "copper", "clear glass", "granite", "blue ceramic", "red leather"),
    *("knitted wool", "rusty iron", "paper", "wicker"),
)
PLACES = ("on the left", "on the right", "in the middle of the picture", "")
MATERIAL_SHARE = 0.4
"""Share of changes of material among the changes of inanimate objects."""
ALIKE_SHARE = 0.5
"""Share of additions of an object of the same kind as the photo's first object, such as another animal next to a
dog."""
BOTH_SHARE = 0.3
"""Share of removals and swaps of two objects at once, if the photo has two objects."""
TRIES = 4
"""Number of instructions to draw for each one that is requested, because some are equal."""
_ENVIRONMENT = (
    "Change the scene to {environment}.",
    "Change the environment to {environment}.",
    "Keep the scene, but change the conditions to {environment}.",
)


@dataclass(frozen=True)
class Suggestion:
    """Instruction for a task.

    Args:
        asks: the requested edit, by which suggestions of the same edit in other words are recognised.
        objects: number of named objects to change or to keep; None for a global edit.
    """

    instruction: str
    asks: tuple[str, ...]
    objects: int | None = None


def suggest(task: Task, names: Sequence[str], count: int, rng: np.random.Generator) -> tuple[Suggestion, ...]:
    """Return up to `count` instructions for a task that ask for different edits.

    The result is empty if the task needs an object and the photo shows no object.

    Args:
        names: unique names of the photo's objects, without articles: 'upper dog', 'red bowl'.
    """
    suggestions: dict[tuple[str, ...], Suggestion] = {}
    for _ in range(TRIES * count if names or task in _WITHOUT_OBJECTS else 0):
        suggestion = _MAKERS[task](names, rng)
        suggestions.setdefault(suggestion.asks, suggestion)
    return tuple(suggestions.values())[:count]


def _suggest_swap(names: Sequence[str], rng: np.random.Generator) -> Suggestion:
    old = _choose_objects(names, rng)
    new = _choose_another(old[0], rng)
    return Suggestion(swap_instructions(_join(old), new, rng)[0], (*sorted(old), new), len(old))


def _suggest_removal(names: Sequence[str], rng: np.random.Generator) -> Suggestion:
    chosen = _choose_objects(names, rng)
    return Suggestion(removal_instructions(_join(chosen), "", rng)[0], tuple(sorted(chosen)), len(chosen))


def _suggest_addition(names: Sequence[str], rng: np.random.Generator) -> Suggestion:
    added = _choose_another(names[0], rng) if names and rng.random() < ALIKE_SHARE else str(rng.choice(sorted(GROUPS)))
    return Suggestion(addition_instructions(added, str(rng.choice(PLACES)), rng)[0], (added,), 1)


def _suggest_attribute(names: Sequence[str], rng: np.random.Generator) -> Suggestion:
    name = str(rng.choice(names))
    is_material = find_kind(noun(name)) != "animal" and rng.random() < MATERIAL_SHARE
    value = str(rng.choice(MATERIALS if is_material else list(COLOURS)))
    texts = (material_instructions if is_material else colour_instructions)(name, value, rng)
    return Suggestion(texts[0], (name, value), 1)


def _suggest_background(names: Sequence[str], rng: np.random.Generator) -> Suggestion:
    background = str(rng.choice(read_list("backgrounds")))
    return Suggestion(background_instructions(names, background, rng)[0], (background,), len(names))


def _suggest_environment(names: Sequence[str], rng: np.random.Generator) -> Suggestion:
    environment = str(rng.choice(read_list("environments")))
    return Suggestion(draw_templates(_ENVIRONMENT, rng, environment=environment)[0], (environment,))


def _suggest_style(names: Sequence[str], rng: np.random.Generator) -> Suggestion:
    style = str(rng.choice(styles()))
    return Suggestion(style_instructions(style, rng)[0], (style,))


_MAKERS = {
    Task.OBJECT_SWAP: _suggest_swap,
    Task.OBJECT_REMOVAL: _suggest_removal,
    Task.OBJECT_ADDITION: _suggest_addition,
    Task.ATTRIBUTE_MODIFICATION: _suggest_attribute,
    Task.BACKGROUND_SWAP: _suggest_background,
    Task.ENVIRONMENT_CHANGE: _suggest_environment,
    Task.STYLE_TRANSFER: _suggest_style,
}
_WITHOUT_OBJECTS = (Task.OBJECT_ADDITION, Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER)


def _choose_objects(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    count = 2 if len(names) > 1 and rng.random() < BOTH_SHARE else 1
    return [names[index] for index in rng.choice(len(names), count, replace=False)]


def _join(names: Sequence[str]) -> str:
    """Join names for a template that begins with an article: 'dog and the cat'."""
    return " and the ".join(names)


def _choose_another(name: str, rng: np.random.Generator) -> str:
    """Return another noun, of the same kind if possible: another animal for a dog."""
    kind, own = find_kind(noun(name)), noun(name)
    others = [each for each in sorted(GROUPS) if each != own]
    same_kind = [other for other in others if kind and find_kind(other) == kind]
    return str(rng.choice(same_kind or others))
