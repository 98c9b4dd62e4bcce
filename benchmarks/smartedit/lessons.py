"""Lessons of the small language model before expressions: what is in each column, and where the objects of a kind are.

Expressions alone hardly train it: their loss stays where a choice among the columns is blind. A lesson asks for every
object of an image, so it has more to learn from.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.complex_instructions import SHAPES
from benchmarks.smartedit.world import COLUMN_NAMES, Placed, draw_ground, draw_objects, render
from omniedit.imaging.images import Image

SEED = 1_003
PLURALS = {"ball": "balls", "box": "boxes", "star": "stars", "cone": "cones"}
EMPTY = "nothing"


@dataclass(frozen=True)
class Lesson:
    """Question about an image, with its answer."""

    source: Image
    text: str
    answer: str


def make_lesson(index: int) -> Lesson:
    """Return a lesson: all columns of a scene if the index is even, else the objects of a kind."""
    rng = np.random.default_rng([SEED, index])
    if index % 2:
        scene = draw_objects(rng, alike=True)
        text, answer = _locate(scene, str(rng.choice([thing.noun for thing in scene if thing.noun in SHAPES])))
    else:
        scene = draw_objects(rng, alike=rng.random() < 0.5, tools=rng.random() < 0.5)
        text, answer = "What is in each column?", _describe(scene)
    return Lesson(render(draw_ground(rng), scene), text, answer)


def _describe(scene: list[Placed]) -> str:
    """Return what is in each column, from the left: 'large red ball, nothing, ...'."""
    found = {thing.column: f"{thing.size} {thing.paint} {thing.noun}" for thing in scene}
    return ", ".join(found.get(column, EMPTY) for column in range(len(COLUMN_NAMES)))


def _locate(scene: list[Placed], noun: str) -> tuple[str, str]:
    """Return the question for all objects of a kind, and its answer from the left: 'one small red, three ...'."""
    alike = sorted((thing for thing in scene if thing.noun == noun), key=lambda thing: thing.column)
    answer = ", ".join(f"{COLUMN_NAMES[thing.column]} {thing.size} {thing.paint}" for thing in alike)
    return f"Where are the {PLURALS[noun]}?", answer
