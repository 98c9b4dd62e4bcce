"""Scenes with several objects of a kind, and rows whose right answer is known: edits, segmentation, questions.

A row depends only on (seed, index). Its instruction means exactly one object, by the scene's own numbers or by a clue
of `omniedit/instructions/clues.yaml`. A fifth of the expressions is held out from all training. The clues of half
of the tools occur in questions, never in instructions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count

import cv2
import numpy as np

from benchmarks.ablation.effects import paint_cutout
from benchmarks.complex_instructions import SHAPES, Item, draw_shape, write_instructions
from omniedit.imaging.color import to_bytes, to_float
from omniedit.imaging.images import Image, Mask
from omniedit.instructions.clues import find_clues

SIZE = 64
COLUMNS = (0.125, 0.375, 0.625, 0.875)
"""Centres of the four columns; each has at most one object."""
ROWS = (0.375, 0.625)
"""Possible heights of an object's centre. A column and a row are 16 pixels wide, so an object lies in one patch."""
COLUMN_NAMES = ("one", "two", "three", "four")
LANDMARKS = ("sea", "road", "forest", "mountain")
"""Names of the columns in explicit instructions. They change MiniLM's embeddings more than numbers or sides do."""
SIDES = {"small": 11, "large": 15}
"""Sides of objects in pixels, by size."""
PAINTS = ("red", "yellow", "green", "blue", "purple")
EDITS = ("white", "black", "away")
MARK = "pink"
"""Flat colour in which segmentation paints an object."""
MARK_RGB = (245, 90, 190)
TOOLS = ("clock", "umbrella", "candle", "hammer", "broom", "camera")
"""Objects with a clue. Instructions never give the clues of the last three."""
HELD_OUT_TOOLS = TOOLS[3:]
CUES = ("place", "size", "colour", "order", "clue")
"""Cues of the test, each with as many items."""
HELD_OUT_SHARE = 5
"""One in this number of expressions is held out."""


@dataclass(frozen=True)
class Placed:
    """Object of a scene.

    Args:
        column: index in `COLUMNS`.
        y: centre, as a share of the image.
        side: in pixels.
    """

    noun: str
    paint: str
    column: int
    y: float
    side: int

    @property
    def size(self) -> str:
        return next(name for name, side in SIDES.items() if side == self.side)

    @property
    def corner(self) -> tuple[int, int]:
        return round(self.y * SIZE - self.side / 2), round(COLUMNS[self.column] * SIZE - self.side / 2)

    def item(self) -> Item:
        """Return the numbers that expressions compare."""
        top, left = self.corner
        box = (left / SIZE, top / SIZE, (left + self.side) / SIZE, (top + self.side) / SIZE)
        return Item(self.noun, self.paint, box, (self.side / SIZE) ** 2)


@dataclass(frozen=True)
class Row:
    """One sample.

    Args:
        kind: "simple", "complex", "segmentation" or "question".
        cue: property by which the expression refers to the object.
        text: instruction or question.
        target: edited image; the source if the row is a question.
        answer: text that answers where the object is.
        explicit: the instruction with the object's kind and landmark instead of the expression; '' for a question.
        meant: index of the object that is meant.
        answers: for each object, the image in which it is edited instead.
        masks: where the objects are.
    """

    kind: str
    cue: str
    source: Image
    text: str
    target: Image
    answer: str
    meant: int
    explicit: str = ""
    answers: tuple[Image, ...] = ()
    masks: tuple[Mask, ...] = ()


def make_row(kind: str, seed: int, index: int, held_out: bool = False, cue: str = "") -> Row:
    """Return a row of a kind.

    Args:
        held_out: whether the expression is one of those that training never shows.
        cue: cue of its expression, '' for any.
    """
    rng = np.random.default_rng([seed, index])
    for _ in count():
        wanted = cue or ("" if kind == "simple" else str(rng.choice(CUES)))
        scene = draw_objects(rng, alike=kind != "simple" and wanted != "clue", tools=wanted == "clue")
        meant = int(rng.integers(len(scene)))
        found = expressions(kind, scene, meant, held_out)
        found = [(name, phrase) for name, phrase in found if not wanted or name == wanted]
        if found:
            name, phrase = found[int(rng.integers(len(found)))]
            return _build_row(kind, scene, meant, name, phrase, held_out, rng)
    raise AssertionError("count() does not end")


def expressions(kind: str, scene: Sequence[Placed], meant: int, held_out: bool) -> list[tuple[str, str]]:
    """Return the cues and expressions of one half that mean an object of a scene."""
    nouns = [thing.noun for thing in scene]
    noun = nouns[meant]
    if kind == "simple":
        return [("noun", noun)] if nouns.count(noun) == 1 else []
    if nouns.count(noun) == 1:
        clues = [("clue", clue) for clue in _clues(meant, tuple(nouns))] if noun in TOOLS else []
        # A question may give any clue: the language model learns them there.
        return clues if kind == "question" or (noun in HELD_OUT_TOOLS) == held_out else []
    alike = [place for place, other in enumerate(nouns) if other == noun]
    found = write_instructions(alike.index(meant), [scene[place].item() for place in alike])
    return [(cue, phrase) for cue, phrase in found if cue in CUES and is_held_out(phrase) == held_out]


def is_held_out(phrase: str) -> bool:
    return hashlib.sha256(phrase.encode()).digest()[0] % HELD_OUT_SHARE == 0


def draw_objects(rng: np.random.Generator, alike: bool, tools: bool = False) -> list[Placed]:
    """Draw three or four objects. If `alike`, two or more are of one kind; otherwise all kinds differ."""
    kinds = TOOLS if tools else (*SHAPES, *TOOLS)
    number = int(rng.integers(3, 5))
    nouns = [str(noun) for noun in rng.choice(kinds, number, replace=False)]
    if alike:
        main = str(rng.choice(SHAPES))
        others = [noun for noun in nouns if noun != main]
        same = int(rng.integers(2, number + 1))
        nouns = [main] * same + others[: number - same]
    columns = rng.permutation(len(COLUMNS))[:number]
    return [
        Placed(
            noun,
            str(rng.choice(PAINTS)),
            int(column),
            float(rng.choice(ROWS)),
            int(rng.choice([*SIDES.values()])),
        )
        for noun, column in zip(nouns, columns, strict=True)
    ]


@cache
def _clues(meant: int, nouns: tuple[str, ...]) -> list[str]:
    return find_clues(meant, nouns)


@cache
def draw_object(noun: str, paint: str, side: int) -> np.ndarray:
    """Return an object, (side, side, 4) float32 RGBA in [0, 1] with colours multiplied by alpha."""
    return draw_shape(noun, paint, side) if noun in SHAPES else paint_cutout(draw_tool(noun, side), paint)


def draw_tool(noun: str, side: int) -> np.ndarray:
    """Return a grey tool, drawn at 32 x 32 pixels and scaled."""
    grey = np.zeros((32, 32, 2), np.uint8)
    body, dark = (190, 255), (60, 255)
    if noun == "clock":
        cv2.circle(grey, (16, 16), 15, body, cv2.FILLED)
        cv2.line(grey, (16, 16), (16, 5), dark, 3)
        cv2.line(grey, (16, 16), (24, 16), dark, 3)
    elif noun == "umbrella":
        cv2.ellipse(grey, (16, 16), (15, 14), 0, 180, 360, body, cv2.FILLED)
        cv2.line(grey, (16, 16), (16, 30), dark, 3)
    elif noun == "candle":
        cv2.rectangle(grey, (11, 12), (21, 31), body, cv2.FILLED)
        cv2.ellipse(grey, (16, 6), (4, 6), 0, 0, 360, dark, cv2.FILLED)
    elif noun == "hammer":
        cv2.rectangle(grey, (3, 2), (29, 12), dark, cv2.FILLED)
        cv2.rectangle(grey, (13, 12), (19, 31), body, cv2.FILLED)
    elif noun == "broom":
        cv2.rectangle(grey, (14, 0), (18, 18), dark, cv2.FILLED)
        cv2.fillPoly(grey, [np.array([(16, 16), (2, 31), (30, 31)])], body)
    else:
        cv2.rectangle(grey, (1, 8), (30, 28), body, cv2.FILLED)
        cv2.circle(grey, (16, 18), 7, dark, cv2.FILLED)
    value, alpha = np.moveaxis(
        cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255, 2, 0
    )
    return np.dstack([value] * 3 + [alpha])


def draw_ground(rng: np.random.Generator) -> Image:
    """Draw a soft ground, (SIZE, SIZE, 3)."""
    corners = rng.uniform(90, 170, (2, 2, 3)).astype(np.float32)
    return cv2.resize(corners, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def render(ground: Image, scene: Sequence[Placed]) -> Image:
    image = to_float(ground)
    for thing in scene:
        place, piece = _at(thing), draw_object(thing.noun, thing.paint, thing.side)
        image[place] = image[place] * (1 - piece[..., 3:]) + piece[..., :3]
    return to_bytes(image)


def _build_row(
    kind: str, scene: Sequence[Placed], meant: int, cue: str, phrase: str, held_out: bool, rng: np.random.Generator
) -> Row:
    ground = draw_ground(rng)
    source = render(ground, scene)
    answer = locate(scene[meant])
    if kind == "question":
        text, answer = _ask(scene, meant, phrase, answer, rng)
        return Row(kind, cue, source, text, source, answer, meant)
    edit = MARK if kind == "segmentation" else str(rng.choice(EDITS))
    text = instruct(phrase, edit, rng)
    masks = tuple(_mask(thing) for thing in scene)
    places = range(len(scene)) if held_out else [meant]
    answers = {place: _edit(ground, source, scene, place, edit, masks[place]) for place in places}
    explicit = text.replace(phrase, describe(scene[meant].noun, scene[meant].column))
    row = Row(kind, cue, source, text, answers[meant], answer, meant, explicit)
    return replace(row, answers=tuple(answers.values()), masks=masks) if held_out else row


def locate(thing: Placed) -> str:
    """Return where an object is. The column comes first: only the image and the instruction precede it."""
    return f"column {COLUMN_NAMES[thing.column]}: {thing.paint} {thing.noun}"


def describe(noun: str, column: int) -> str:
    """Return the explicit name of an object: its kind, and the landmark of its column."""
    return f"{noun} by the {LANDMARKS[column]}"


def instructions(phrase: str, edit: str) -> list[str]:
    """Return the wordings of an edit of an object."""
    if edit == "away":
        return [f"Remove the {phrase}.", f"Take the {phrase} away."]
    if edit == MARK:
        return [f"Mark the {phrase} in {MARK}."]
    return [f"Paint the {phrase} {edit}.", f"Make the {phrase} {edit}."]


def instruct(phrase: str, edit: str, rng: np.random.Generator) -> str:
    return str(rng.choice(instructions(phrase, edit)))


def _ask(scene: Sequence[Placed], meant: int, phrase: str, answer: str, rng: np.random.Generator) -> tuple[str, str]:
    """Return a question and its answer: the object's place, or the content of its column."""
    return (f"Where is the {phrase}?", answer) if rng.random() < 0.5 else ask_for_content(scene[meant])


def ask_for_content(thing: Placed) -> tuple[str, str]:
    """Return a question about the content of an object's column, and its answer."""
    return f"What is in column {COLUMN_NAMES[thing.column]}?", f"{thing.size} {thing.paint} {thing.noun}"


def _edit(ground: Image, source: Image, scene: Sequence[Placed], place: int, edit: str, mask: Mask) -> Image:
    thing = scene[place]
    if edit == MARK:
        return np.where(mask[..., None], np.array(MARK_RGB, np.uint8), source)
    left = [other for other in scene if other is not thing]
    return render(ground, left if edit == "away" else [*left, replace(thing, paint=edit)])


def _mask(thing: Placed) -> Mask:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[_at(thing)] = draw_object(thing.noun, thing.paint, thing.side)[..., 3] > 0.5
    return mask


def _at(thing: Placed) -> tuple[slice, slice]:
    top, left = thing.corner
    return np.s_[top : top + thing.side, left : left + thing.side]
