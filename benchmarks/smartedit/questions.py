"""Questions about rendered images, several to an image, which the small language model learns from.

They ask for the place of the object to which an expression refers, for the places of all objects of one kind, colour or
size, or for the content of a column. Held-out expressions do not occur. Clues of the held-out tools occur in questions,
but never in instructions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.complex_instructions import SHAPES
from benchmarks.smartedit.world import (
    COLUMN_NAMES,
    EDITS,
    HELD_OUT_TOOLS,
    MARK,
    TOOLS,
    Placed,
    ask_for_content,
    draw_ground,
    draw_objects,
    expressions,
    instruct,
    locate,
    render,
)
from omniedit.imaging.images import Image

SEED = 1_003
ALIKE_SHARE, TOOLS_SHARE = 0.65, 0.6
"""Shares of images with several objects of a kind, and of images whose other objects are tools."""
QUESTION_SHARE = 0.4
"""Share of expressions in a question; the others are in an instruction."""
PLURALS = {noun: f"{noun}es" if noun == "box" else f"{noun}s" for noun in (*SHAPES, *TOOLS)}


@dataclass(frozen=True)
class Questions:
    """Image with its objects, and questions with answers about it."""

    source: Image
    scene: tuple[Placed, ...]
    asked: tuple[tuple[str, str], ...]


def make_questions(index: int, number: int) -> Questions:
    """Return an image with at least one question and at most `number`."""
    rng = np.random.default_rng([SEED, index])
    scene = draw_objects(rng, alike=rng.random() < ALIKE_SHARE, tools=rng.random() < TOOLS_SHARE)
    asked = [*_ask_for_one(scene, rng), _ask_for_all(scene, rng), ask_for_content(scene[0])]
    chosen = tuple(asked[place] for place in rng.permutation(len(asked))[:number])
    return Questions(render(draw_ground(rng), scene), tuple(scene), chosen)


def _ask_for_one(scene: Sequence[Placed], rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return a question or an instruction for each known expression of each object."""
    found = []
    for meant, thing in enumerate(scene):
        for kind in ("question", "simple"):
            for cue, phrase in expressions(kind, scene, meant, held_out=False):
                is_question = (cue == "clue" and thing.noun in HELD_OUT_TOOLS) or rng.random() < QUESTION_SHARE
                edit = str(rng.choice((*EDITS, MARK)))
                found.append((f"Where is the {phrase}?" if is_question else instruct(phrase, edit, rng), locate(thing)))
    return found


def _ask_for_all(scene: Sequence[Placed], rng: np.random.Generator) -> tuple[str, str]:
    """Return the question for all objects with a property of one of them, and its answer from the left.

    The question never has both kind and colour: those are expressions, some of which are held out.
    """
    meant, key = scene[int(rng.integers(len(scene)))], str(rng.choice(["noun", "paint", "size"]))
    value = getattr(meant, key)
    found = sorted((thing for thing in scene if getattr(thing, key) == value), key=lambda thing: thing.column)
    answer = ", ".join(f"{COLUMN_NAMES[thing.column]} {thing.size} {thing.paint} {thing.noun}" for thing in found)
    what = PLURALS[value] if key == "noun" else f"{value} objects"
    return f"Where are the {what}?", answer
