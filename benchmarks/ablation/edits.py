"""Edits of the rendered world: an instruction for a scene and the one correct result, for eleven tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.ablation.assets import RGBA
from benchmarks.ablation.effects import LIGHTS, ROTATIONS, STYLES, TONES, Effect, mean_lab
from benchmarks.ablation.scene import SLOTS, Scene, Thing, a, box, caption, choose_thing, lay_out, opacity, render, the
from omniedit.imaging.color import to_bytes, to_float
from omniedit.imaging.color_names import COLOURS
from omniedit.imaging.images import Image, Mask
from omniedit.tasks import Task

SIDES = ("on the left", "on the right")
FOOT, SIDE = 0.95, 0.5
"""Lower edge and longer side of an object that an instruction adds, as shares of the image."""
PAINTS = ("red", "yellow", "green", "blue", "purple", "white")
UNLIKE = 40.0
"""Smallest distance in Lab between a paint and the thing's mean colour for the change to be obvious."""
SMALLER, LARGER = 0.6, 1.5
"""Factors of a thing's size if an instruction asks for a smaller or a larger one."""
VISIBLE = 0.1
"""Smallest root mean square difference inside the mask, on a scale of 0 to 1. A pair below it is drawn again, because
there is nothing to score."""


@dataclass(frozen=True)
class WorldEdit:
    """Instruction for a scene, and the answer.

    Args:
        mask: where the answer may differ from the source.
        caption: caption of the answer.
        truth: what the instruction asks for, as the reference judge reads it.
        references: images that the instruction points to, one for each role of the task, (size, size, 3).
    """

    instruction: str
    target: Image
    mask: Mask
    caption: str
    truth: Mapping[str, object] = field(default_factory=dict)
    references: tuple[Image, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """Objects and places that instructions may ask for.

    Args:
        size: side of the images in pixels.
        drawable: cut-outs of the objects that instructions ask to draw, by name.
        places: backgrounds that instructions ask for, (size, size, 3) RGB, by name.
    """

    size: int
    drawable: Mapping[str, RGBA]
    places: Mapping[str, Image]

    def other_drawable(self, scene: Scene, rng: np.random.Generator) -> str:
        """Return the name of a drawable object that is not in the scene."""
        present = {thing.name for thing in scene.things}
        return str(rng.choice([name for name in self.drawable if name not in present]))


def is_visible(source: Image, edit: WorldEdit) -> bool:
    squares = np.square(source.astype(np.float32) - edit.target).sum(axis=-1) / (3 * 255**2)
    return bool((squares * edit.mask).sum() > VISIBLE**2 * edit.mask.sum())


def swap(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    old, new = choose_thing(scene, rng), vocabulary.other_drawable(scene, rng)
    thing = replace(old, name=new, cut_out=vocabulary.drawable[new])
    words = (
        f"Replace {the(old, scene)} with {a(new)}.",
        f"Swap {the(old, scene)} for {a(new)}.",
        f"Turn {the(old, scene)} into {a(new)}.",
    )
    truth = {
        "object": old.name,
        "new_object": new,
        "box": box(old, vocabulary.size),
        "new_box": box(thing, vocabulary.size),
    }
    return make_edit(scene.without(old).plus(thing), opacity([old, thing], vocabulary.size) > 0, words, truth, rng)


def removal(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    old = choose_thing(scene, rng)
    words = (
        f"Remove {the(old, scene)}.",
        f"Take {the(old, scene)} away.",
        f"Erase {the(old, scene)} from the picture.",
    )
    return remove_thing(vocabulary, scene, old, words, rng)


def addition(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    slot, new = free_slot(scene, rng), vocabulary.other_drawable(scene, rng)
    thing = Thing(new, vocabulary.drawable[new], slot, SLOTS[slot], FOOT, SIDE)
    words = (f"Add {a(new)} {slot}.", f"Put {a(new)} {slot}.", f"Insert {a(new)} {slot} of the picture.")
    return add_thing(vocabulary, scene, thing, words, rng)


def attribute(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    old = choose_thing(scene, rng)
    own = mean_lab(lay_out(old, vocabulary.size)[2])
    unlike = [paint for paint in PAINTS if np.linalg.norm(own - COLOURS[paint]) > UNLIKE]
    paint = str(rng.choice(unlike))
    words = (
        f"Make {the(old, scene)} {paint}.",
        f"Paint {the(old, scene)} {paint}.",
        f"Change the colour of {the(old, scene)} to {paint}.",
    )
    lab_ab = list(COLOURS[paint][1:])
    truth = {
        "object": old.name,
        "attribute": "colour",
        "value": paint,
        "lab_ab": lab_ab,
        "box": box(old, vocabulary.size),
    }
    answer = scene.without(old).plus(replace(old, paint=paint))
    return make_edit(answer, opacity([old], vocabulary.size) > 0, words, truth, rng)


def background(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    place = str(rng.choice([place for place in vocabulary.places if place != scene.place]))
    words = (
        f"Change the background to {place}.",
        f"Replace the background with {place}.",
        f"Put {the(scene.things[0], scene)} in front of {place}.",
    )
    moved = replace(scene, ground=vocabulary.places[place], place=place)
    truth = {"object": scene.things[0].name, "background": place}
    return make_edit(moved, opacity(scene.things, vocabulary.size) < 1, words, truth, rng)


def environment(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return apply_effect(scene, LIGHTS, "environment", rng)


def style(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return apply_effect(scene, STYLES, "style", rng)


def movement(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Move the only thing of a scene, which stands at a side, to the other side."""
    (old,) = scene.things
    slot = next(side for side in SIDES if side != old.slot)
    moved = replace(old, slot=slot, x=SLOTS[slot])
    to = slot.replace("on the", "to the")
    words = (f"Move the {old.name} {to}.", f"Shift the {old.name} {to}.", f"Put the {old.name} {slot}.")
    mask = opacity([old, moved], vocabulary.size) > 0
    return make_edit(scene.without(old).plus(moved), mask, words, {"object": old.name}, rng)


def resize(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    old = choose_thing(scene, rng)
    word, factor = [("smaller", SMALLER), ("larger", LARGER)][rng.integers(2)]
    resized = replace(old, side=factor * old.side)
    verb = {"smaller": "Shrink", "larger": "Enlarge"}[word]
    words = (
        f"Make {the(old, scene)} {word}.",
        f"{verb} {the(old, scene)}.",
        f"{the(old, scene).capitalize()} should be {word}.",
    )
    mask = opacity([old, resized], vocabulary.size) > 0
    return make_edit(scene.without(old).plus(resized), mask, words, {"object": old.name}, rng)


def tone(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return apply_effect(scene, TONES, "tone", rng)


def rotation(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return apply_effect(scene, ROTATIONS, "rotation", rng)


def apply_effect(
    scene: Scene, effects: dict[str, tuple[Effect, tuple[str, ...]]], kind: str, rng: np.random.Generator
) -> WorldEdit:
    """Apply one of the effects to the whole image. `kind` is its key in the truth."""
    name = str(rng.choice(list(effects)))
    effect, words = effects[name]
    target = to_bytes(effect(to_float(render(scene))))
    everywhere = np.ones(target.shape[:2], bool)
    return WorldEdit(str(rng.choice(words)), target, everywhere, f"{caption(scene)}, {name}", {kind: name})


EDITS: dict[Task, Callable[[Vocabulary, Scene, np.random.Generator], WorldEdit]] = {
    Task.OBJECT_SWAP: swap,
    Task.OBJECT_REMOVAL: removal,
    Task.OBJECT_ADDITION: addition,
    Task.ATTRIBUTE_MODIFICATION: attribute,
    Task.BACKGROUND_SWAP: background,
    Task.ENVIRONMENT_CHANGE: environment,
    Task.STYLE_TRANSFER: style,
    Task("movement"): movement,
    Task("resize"): resize,
    Task("tone_transfer"): tone,
    Task("rotation_change"): rotation,
}


def free_slot(scene: Scene, rng: np.random.Generator) -> str:
    """Return a side where no thing stands."""
    return str(rng.choice([slot for slot in SIDES if slot not in {thing.slot for thing in scene.things}]))


def add_thing(
    vocabulary: Vocabulary, scene: Scene, thing: Thing, words: Sequence[str], rng: np.random.Generator
) -> WorldEdit:
    truth = {"object": thing.name, "box": box(thing, vocabulary.size)}
    return make_edit(scene.plus(thing), opacity([thing], vocabulary.size) > 0, words, truth, rng)


def remove_thing(
    vocabulary: Vocabulary, scene: Scene, thing: Thing, words: Sequence[str], rng: np.random.Generator
) -> WorldEdit:
    truth = {"object": thing.name, "box": box(thing, vocabulary.size)}
    return make_edit(scene.without(thing), opacity([thing], vocabulary.size) > 0, words, truth, rng)


def make_edit(
    answer: Scene, mask: Mask, words: Sequence[str], truth: Mapping[str, object], rng: np.random.Generator
) -> WorldEdit:
    return WorldEdit(str(rng.choice(words)), render(answer), mask, caption(answer), truth)
