"""Questions about whole scenes, which the small language model learns before expressions.

They ask what is in each column, or where all objects of one kind, colour or size are.

From expressions alone the model hardly learns: the loss stays at that of a random choice among the columns. A question
about every object of an image gives it more to learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.complex_instructions import SHAPES
from benchmarks.smartedit.world import COLUMN_NAMES, TOOLS, Placed, draw_ground, draw_objects, render
from omniedit.imaging.images import Image

SEED = 1_003
PLURALS = {noun: f"{noun}es" if noun == "box" else f"{noun}s" for noun in (*SHAPES, *TOOLS)}
EMPTY = "nothing"


@dataclass(frozen=True)
class SceneQuestion:
    """Question about an image, with its answer."""

    source: Image
    text: str
    answer: str


def make_scene_question(index: int) -> SceneQuestion:
    """Return a question: what is in each column if the index is even, else where the objects with a property are."""
    rng = np.random.default_rng([SEED, index])
    scene = draw_objects(rng, alike=rng.random() < 0.7, tools=rng.random() < 0.3)
    text, answer = _locate(scene, rng) if index % 2 else ("What is in each column?", _describe(scene))
    return SceneQuestion(render(draw_ground(rng), scene), text, answer)


def _describe(scene: Sequence[Placed]) -> str:
    """Return what is in each column, from the left: 'large red ball, nothing, ...'."""
    found = {thing.column: f"{thing.size} {thing.paint} {thing.noun}" for thing in scene}
    return ", ".join(found.get(column, EMPTY) for column in range(len(COLUMN_NAMES)))


def _locate(scene: Sequence[Placed], rng: np.random.Generator) -> tuple[str, str]:
    """Return the question for all objects with a property of one of them, and its answer from the left.

    The question never has both kind and colour: those are expressions, some of which are held out.
    """
    meant, key = scene[int(rng.integers(len(scene)))], str(rng.choice(["noun", "paint", "size"]))
    value = getattr(meant, key)
    found = sorted((thing for thing in scene if getattr(thing, key) == value), key=lambda thing: thing.column)
    answer = ", ".join(f"{COLUMN_NAMES[thing.column]} {thing.size} {thing.paint} {thing.noun}" for thing in found)
    what = PLURALS[value] if key == "noun" else f"{value} objects"
    return f"Where are the {what}?", answer
