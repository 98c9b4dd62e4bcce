"""Measure how often a complex instruction is resolved to the right object in rendered scenes.

    python -m benchmarks.complex_instructions --scenes 400 [--stamps /usr/share/tuxpaint/stamps] [--out FILE.json]

A scene shows two to five objects of one kind, and up to two others, in front of a photograph of the sample. The scene's
own numbers choose one object and a removal instruction that refers to it by place, size, colour, order, or two of them.
The objects are then found in the image from boxes that are off by up to 3 %, like those of a listing. The instruction
is right if its phrase resolves to the intended object, and rejected if the resolver finds it ambiguous.
With stamps (Debian's tuxpaint-stamps-default), half of the scenes show photographic cut-outs instead of shapes.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.ablation.assets import stamps
from benchmarks.ablation.effects import paint_cutout
from omniedit.cli.arguments import run_seed
from omniedit.evaluation.reward_benches.result import wilson
from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.color import to_bytes, to_float
from omniedit.imaging.color_names import COLOURS
from omniedit.imaging.images import Image, decode_image, resize_cover
from omniedit.instructions.mentions import find_removed
from omniedit.instructions.referring_expressions import Unresolvable, resolve
from omniedit.instructions.templates.objects import removal_instructions
from omniedit.run.program import run_program
from omniedit.sources.photo import NamedObject, Photo
from omniedit.sources.photo_index import SAMPLE
from omniedit.specialists.embedded.target_individuals import list_individuals

WIDTH, HEIGHT = 512, 384
SHAPES = ("ball", "box", "star", "cone")
PAINTS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black")
SIDES = (0.1, 0.3)
"""Range of the longer side of an object, as a share of the image's height."""
CLEARLY_APART, CLEARLY_LARGER = 0.1, 1.8
"""Smallest differences of centres and of areas that an instruction may use."""
JITTER = 0.03
"""Largest error of a box's edges, as a share of its sides."""
ORDINALS = ("first", "second", "third", "fourth", "fifth")


@dataclass(frozen=True)
class Item:
    """Object of a scene.

    Args:
        noun: its kind.
        paint: its colour, '' for that of a cut-out.
        box: as fractions of the image.
        area: covered share of the image.
    """

    noun: str
    paint: str
    box: FractionBox
    area: float

    @property
    def x(self) -> float:
        return (self.box[0] + self.box[2]) / 2

    @property
    def y(self) -> float:
        return (self.box[1] + self.box[3]) / 2


def draw_shape(noun: str, paint: str, side: int) -> np.ndarray:
    """Return a shaded shape, (side, side, 4) float32 RGBA in [0, 1] with colours multiplied by alpha."""
    mask = np.zeros((side * 4, side * 4), np.uint8)
    end = 4 * side - 1
    if noun == "ball":
        cv2.circle(mask, (2 * side, 2 * side), 2 * side - 2, 255, cv2.FILLED)
    elif noun == "box":
        cv2.rectangle(mask, (side // 4, side // 4), (end - side // 4, end - side // 4), 255, cv2.FILLED)
    elif noun == "cone":
        cv2.fillPoly(mask, [np.array([(2 * side, 0), (0, end), (end, end)])], 255)
    else:
        turns = np.pi * (np.arange(10) / 5 - 0.5)
        reach = np.where(np.arange(10) % 2 == 0, 2.0, 0.95) * side
        points = np.column_stack([2 * side + reach * np.cos(turns), 2 * side + reach * np.sin(turns)])
        cv2.fillPoly(mask, [points.astype(np.int32)], 255)
    alpha = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    rows, columns = np.mgrid[0:side, 0:side] / side
    grey = (0.62 - 0.25 * np.hypot(rows - 0.3, columns - 0.35)).astype(np.float32)[..., None]
    return paint_cutout(np.dstack([grey * alpha] * 3 + [alpha]), paint)


def draw_scene(
    grounds: Sequence[Image], cut_outs: dict[str, np.ndarray], rng: np.random.Generator
) -> tuple[Image, list[Item], int]:
    """Return an image of a scene, its objects, and the number of those of the main kind, which come first."""
    image = to_float(grounds[int(rng.integers(len(grounds)))])
    kinds: Sequence[str] = sorted(cut_outs) if cut_outs and rng.random() < 0.5 else SHAPES
    main = str(rng.choice(kinds))
    count = int(rng.integers(2, 6))
    nouns = [main] * count + [
        str(noun) for noun in rng.choice([kind for kind in kinds if kind != main], rng.integers(3))
    ]
    items: list[Item] = []
    for noun in nouns:
        for _ in range(60):
            side = round(rng.uniform(*SIDES) * HEIGHT)
            left, top = int(rng.integers(4, WIDTH - side - 4)), int(rng.integers(4, HEIGHT - side - 4))
            box = (left / WIDTH, top / HEIGHT, (left + side) / WIDTH, (top + side) / HEIGHT)
            if any(_overlaps(box, item.box) for item in items):
                continue
            paint = str(rng.choice(PAINTS))
            piece = _scale(cut_outs[noun], side) if noun in cut_outs else draw_shape(noun, paint, side)
            piece = paint_cutout(piece, paint) if noun in cut_outs else piece
            solid = piece[..., 3] > 0.5
            rows, columns = np.nonzero(solid)
            place = np.s_[top : top + side, left : left + side]
            image[place] = image[place] * (1 - piece[..., 3:]) + piece[..., :3]
            edges = (left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1)
            size = (WIDTH, HEIGHT) * 2
            x0, y0, x1, y1 = (float(edge / length) for edge, length in zip(edges, size, strict=True))
            items.append(Item(noun, paint, (x0, y0, x1, y1), float(solid.sum()) / (WIDTH * HEIGHT)))
            break
    noisy = image + rng.normal(0, 0.01, image.shape)
    return to_bytes(noisy.astype(np.float32)), items, sum(item.noun == main for item in items)


def write_instructions(target: int, alike: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """Yield cues and phrases that mean one of the objects of a kind, by the scene's own numbers."""
    this, noun, count = alike[target], alike[target].noun, len(alike)
    for axis, (low, high), names in (
        ("x", ("left", "right"), ("leftmost", "rightmost")),
        ("y", ("top", "bottom"), ("topmost", "bottommost")),
    ):
        ordered = sorted(alike, key=lambda item: getattr(item, axis))
        places = [getattr(item, axis) for item in ordered]
        apart = min(np.diff(places))
        across = np.ptp([getattr(item, "y" if axis == "x" else "x") for item in alike])
        if apart < CLEARLY_APART or apart < 0.6 * across:
            continue
        rank = ordered.index(this)
        if count == 2:
            yield (
                "place",
                (f"{noun} on the {(low, high)[rank]}" if axis == "x" else f"{('upper', 'lower')[rank]} {noun}"),
            )
        elif rank in (0, count - 1):
            yield "place", f"{names[rank > 0]} {noun}"
        else:
            yield "order", f"{ORDINALS[rank]} {noun} from the {low}"
            yield "order", f"{ORDINALS[count - 1 - rank]} {noun} from the {high}"
    areas = sorted((item.area for item in alike), reverse=True)
    words = ("larger", "smaller") if count == 2 else ("largest", "smallest")
    if this.area == areas[0] and areas[0] > CLEARLY_LARGER * areas[1]:
        yield "size", f"{words[0]} {noun}"
    if this.area == areas[-1] and areas[-2] > CLEARLY_LARGER * areas[-1]:
        yield "size", f"{words[1]} {noun}"
    same = [item for item in alike if item.paint == this.paint]
    if any(_are_near(this.paint, item.paint) for item in alike):
        return
    if len(same) == 1:
        yield "colour", f"{this.paint} {noun}"
    elif 1 < len(same) < count:
        for cue, phrase in write_instructions(same.index(this), same):
            yield f"colour and {cue}", phrase.replace(noun, f"{this.paint} {noun}")


def _are_near(first: str, second: str) -> bool:
    """Return whether two colours are so similar that people may take one for the other."""
    return first != second and float(np.linalg.norm(np.subtract(COLOURS[first], COLOURS[second]))) < 40


def measure(scenes: int, cut_outs: dict[str, np.ndarray], seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield cue, outcome ('right', 'wrong' or 'rejected') and a line to print, for one instruction of each scene."""
    files = sorted(SAMPLE.glob("*.jpg"))
    grounds = [resize_cover(decode_image(file.read_bytes(), file.name), WIDTH, HEIGHT) for file in files]
    number = done = 0
    while done < scenes:
        rng = np.random.default_rng([seed, number])
        number += 1
        image, items, count = draw_scene(grounds, cut_outs, rng)
        target = int(rng.integers(count))
        by_cue: dict[str, list[str]] = {}
        for cue, phrase in write_instructions(target, items[:count]):
            by_cue.setdefault(cue, []).append(phrase)
        if count < 2 or not by_cue:
            continue
        done += 1
        cue = str(rng.choice(sorted(by_cue)))
        instruction = removal_instructions(str(rng.choice(by_cue[cue])), "", rng)[0]
        outcome, detail = resolve_instruction(instruction, image, items, target, rng)
        yield cue, outcome, f"scene {number - 1}: {instruction} {detail}"


def resolve_instruction(
    instruction: str, image: Image, items: Sequence[Item], target: int, rng: np.random.Generator
) -> tuple[str, str]:
    """Return the outcome of an instruction, and the reason of a rejection."""
    listing = tuple(NamedObject(item.noun, _jitter(item.box, rng)) for item in items)
    photo = Photo("scene", image, "4x3", objects=listing)
    individuals, _ = list_individuals(photo, ObjectIndex().find(photo, crowds=True))
    phrase = find_removed(instruction)
    if phrase is None:
        return "rejected", "names nothing to remove"
    try:
        found = individuals[resolve(phrase, individuals)]
    except Unresolvable as reason:
        return "rejected", str(reason)
    nearest = min(range(len(items)), key=lambda index: _distance(found.centre, items[index]))
    return ("right", "") if nearest == target else ("wrong", f"the {nearest} instead of the {target}")


def _distance(centre: tuple[float, float], item: Item) -> float:
    return float(np.hypot(centre[0] - item.x, centre[1] - item.y))


def _jitter(box: FractionBox, rng: np.random.Generator) -> FractionBox:
    width, height = box[2] - box[0], box[3] - box[1]
    dx0, dy0, dx1, dy1 = rng.uniform(-JITTER, JITTER, 4) * (width, height, width, height)
    return (
        max(0.0, box[0] + dx0),
        max(0.0, box[1] + dy0),
        min(1.0, box[2] + dx1),
        min(1.0, box[3] + dy1),
    )


def _overlaps(first: FractionBox, second: FractionBox) -> bool:
    gap = 0.02
    return (
        first[0] < second[2] + gap
        and second[0] < first[2] + gap
        and first[1] < second[3] + gap
        and second[1] < first[3] + gap
    )


def _scale(cut_out: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(cut_out, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--stamps", type=Path, help="folder of stamps for half of the scenes (default: none)")
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--out", type=Path, help="JSON file of the counts")
    args = parser.parse_args()
    cut_outs = {name.split()[-1]: cut_out for name, cut_out in stamps(args.stamps)} if args.stamps else {}
    outcomes: dict[str, Counter[str]] = {}
    for cue, outcome, line in measure(args.scenes, cut_outs, args.seed):
        outcomes.setdefault(cue, Counter())[outcome] += 1
        if outcome != "right":
            print(f"{outcome}: {line}", flush=True)
        if (done := sum(outcomes.values(), Counter()).total()) % 20 == 0:
            print(f"{sum(counts['right'] for counts in outcomes.values())} of {done} right", flush=True)
    total = sum(outcomes.values(), Counter())
    for cue, counts in [*sorted(outcomes.items()), ("all", total)]:
        low, high = wilson(counts["right"], counts.total())
        shares = f"{counts['right']} of {counts.total()} right ({low:.1%} to {high:.1%})"
        print(f"{cue:20} {shares}, {counts['wrong']} wrong, {counts['rejected']} rejected")
    if args.out:
        args.out.write_text(json.dumps({"seed": args.seed, **outcomes}, indent=1) + "\n")


if __name__ == "__main__":
    run_program(main)
