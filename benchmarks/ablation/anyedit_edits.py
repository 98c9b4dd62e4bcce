"""AnyEdit's 25 types in the rendered world: an instruction for a scene and the one correct result of each.

Types that are a task of OmniEdit under another name use its edit. Visual types have a reference image, computed from
the truth, without which the instruction has several answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from benchmarks.ablation.assets import CUT_OUT_SIDE, RGBA
from benchmarks.ablation.condition_images import (
    depth_map,
    mark_box,
    scribble,
    segmentation_map,
    show_alone,
    sketch,
)
from benchmarks.ablation.edits import (
    EDITS,
    FOOT,
    SIDE,
    SIDES,
    Vocabulary,
    WorldEdit,
    add_thing,
    addition,
    apply_effect,
    attribute,
    background,
    free_slot,
    make_edit,
    removal,
    remove_thing,
    style,
    swap,
)
from benchmarks.ablation.effects import LIGHTS, Effect
from benchmarks.ablation.scene import SLOTS, Scene, Thing, a, blank_columns, box, choose_thing, opacity, the
from benchmarks.ablation.surfaces import MATERIALS, PATTERNS, swatch
from omniedit.imaging.lettering import draw_letters
from omniedit.instructions.grammar import to_plural
from omniedit.tasks import Task

Edit = Callable[[Vocabulary, Scene, np.random.Generator], WorldEdit]

ROW = (1 / 6, 1 / 2, 5 / 6)
"""Centres of equal things in a row, as shares of the image width."""
ROW_SIDE = 0.33
NUMBERS = ("one", "two", "three")
SIGN_WORDS = ("OPEN", "STOP", "EXIT", "SALE", "TAXI", "CAFE")
SIGN_SIDE = 0.9
NEAR_AND_FAR = ((0.65, 0.98), (0.35, 0.8))
"""Longer side and lower edge of a near and of a far thing, as shares of the image."""
CAUSES: dict[str, tuple[Effect, tuple[str, ...]]] = {
    name: (LIGHTS[name][0], words)
    for name, words in {
        "night": ("The moon is up.", "It is long past bedtime.", "It is half past midnight."),
        "fog": ("A cloud has come down to the ground.", "Nobody can see far.", "The air is full of tiny drops."),
        "sunset": ("The sun is about to go down.", "The sun touches the horizon.", "The day is coming to its end."),
        "autumn": ("Summer is over.", "The leaves are about to fall.", "It is October now."),
        "snow": ("White flakes fall.", "The temperature drops far below zero.", "Everything freezes in January."),
    }.items()
}
"""Instructions that give the cause or a sign of an environment instead of its name."""
POSES: dict[str, tuple[Callable[[RGBA], RGBA], str]] = {
    "on its side": (lambda cut_out: np.rot90(cut_out), "lie on its side"),
    "on its head": (lambda cut_out: np.rot90(cut_out, 2), "stand on its head"),
    "the other way round": (lambda cut_out: cut_out[:, ::-1], "face the other way"),
}
"""Poses of a whole cut-out, which stand in for actions."""


def repeat_thing(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> Scene:
    """Return a scene with one to three copies of a thing in a row from the left."""
    return replace(scene, things=_row(scene.things[0], int(rng.integers(1, 4))))


def counting(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    before = len(scene.things)
    after = int(rng.choice([number for number in (1, 2, 3) if number != before]))
    thing, number = scene.things[0], NUMBERS[after - 1]
    things = f"{number} {thing.name if after == 1 else to_plural(thing.name)}"
    words = (
        f"Show {things}, from the left.",
        f"There should be {things}, from the left.",
        f"Change the number to {things}, from the left.",
    )
    row = _row(thing, max(before, after))
    mask = opacity(row[min(before, after) :], vocabulary.size) > 0
    truth = {"object": thing.name, "count": after}
    return make_edit(replace(scene, things=row[:after]), mask, words, truth, rng)


def _row(thing: Thing, count: int) -> tuple[Thing, ...]:
    places = list(zip(SLOTS, ROW, strict=True))[:count]
    return tuple(replace(thing, slot=slot, x=x, side=ROW_SIDE) for slot, x in places)


def appearance(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Cover a thing with a pattern."""
    old, pattern = choose_thing(scene, rng), str(rng.choice(list(PATTERNS)))
    words = (
        f"Give {the(old, scene)} {pattern}.",
        f"Cover {the(old, scene)} with {pattern}.",
        f"Paint {pattern} on {the(old, scene)}.",
    )
    return _cover(vocabulary, scene, old, pattern, words, rng)


def material(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    old, name = choose_thing(scene, rng), str(rng.choice(MATERIALS))
    words = (
        f"Make {the(old, scene)} out of {name}.",
        f"Turn {the(old, scene)} into {name}.",
        f"Change the material of {the(old, scene)} to {name}.",
    )
    return _cover(vocabulary, scene, old, name, words, rng)


def material_transfer(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Give a thing the material of a ball in the reference image."""
    old, name = choose_thing(scene, rng), str(rng.choice(MATERIALS))
    words = (
        f"Make {the(old, scene)} of the material in the reference.",
        f"Give {the(old, scene)} the texture of the reference.",
        f"Cover {the(old, scene)} with the reference's material.",
    )
    edit = _cover(vocabulary, scene, old, name, words, rng)
    return replace(edit, references=(swatch(name, vocabulary.size),))


def _cover(
    vocabulary: Vocabulary, scene: Scene, old: Thing, surface: str, words: tuple[str, ...], rng: np.random.Generator
) -> WorldEdit:
    answer = scene.without(old).plus(replace(old, surface=surface))
    truth = {"object": old.name, "surface": surface, "box": box(old, vocabulary.size)}
    return make_edit(answer, opacity([old], vocabulary.size) > 0, words, truth, rng)


def action(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Turn or mirror a whole cut-out, a stand-in for an action with one correct result."""
    old, name = choose_thing(scene, rng), str(rng.choice(list(POSES)))
    turn, pose = POSES[name]
    moved = replace(old, cut_out=stand(turn(old.cut_out)))
    words = (
        f"Make {the(old, scene)} {pose}.",
        f"Let {the(old, scene)} {pose}.",
        f"{the(old, scene).capitalize()} should {pose}.",
    )
    mask = opacity([old, moved], vocabulary.size) > 0
    edit = make_edit(scene.without(old).plus(moved), mask, words, {"object": old.name, "action": pose}, rng)
    return replace(edit, caption=f"{edit.caption}, {name}")


def stand(cut_out: RGBA) -> RGBA:
    """Move a cut-out to the middle of the lower edge of its square."""
    rows, columns = np.nonzero(cut_out[..., 3] > 8)
    side = len(cut_out)
    down, across = side - 1 - rows.max(), (side - 1 - columns.min() - columns.max()) // 2
    return np.roll(cut_out, (down, across), axis=(0, 1))


def put_up_sign(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> Scene:
    """Return a scene with nothing but a sign."""
    return replace(scene, things=(_sign(str(rng.choice(SIGN_WORDS))),))


def textual(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    (old,) = scene.things
    before = old.name.removeprefix("sign ")
    word = str(rng.choice([word for word in SIGN_WORDS if word != before]))
    words = (
        f'Change the text on the sign to "{word}".',
        f'Let the sign say "{word}".',
        f'Replace the word "{before}" with "{word}".',
    )
    sign = _sign(word)
    truth = {"text": before, "new_text": word, "box": box(old, vocabulary.size)}
    return make_edit(scene.without(old).plus(sign), opacity([sign], vocabulary.size) > 0, words, truth, rng)


def _sign(word: str) -> Thing:
    return Thing(f"sign {word}", draw_sign(word), "in the middle", SLOTS["in the middle"], FOOT, SIGN_SIDE)


def draw_sign(word: str) -> RGBA:
    """Draw black letters on a white board with a black rim, (96, 96, 4), at the lower edge."""
    glyphs, _ = draw_letters(word, stroke=6)
    rows, columns = np.flatnonzero(glyphs.max(axis=1) > 0.5), np.flatnonzero(glyphs.max(axis=0) > 0.5)
    cut = glyphs[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, rim, margin = CUT_OUT_SIDE * 2 // 5, 2, 6
    letters = cv2.resize(cut, (CUT_OUT_SIDE - 2 * margin, height - 2 * margin), interpolation=cv2.INTER_AREA)
    board = np.zeros((height, CUT_OUT_SIDE), np.float32)
    board[rim:-rim, rim:-rim] = 1
    board[margin:-margin, margin:-margin] -= letters
    sign = np.zeros((CUT_OUT_SIDE, CUT_OUT_SIDE, 4), np.uint8)
    sign[-height:, :, :3] = np.round(255 * np.clip(board, 0, 1))[..., None]
    sign[-height:, :, 3] = 255
    return sign


def hide_strip(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> Scene:
    """Return the scene in front of a named photograph, with a grey strip at the side without the thing."""
    place = str(rng.choice(list(vocabulary.places)))
    blank = next(side for side in SIDES if side != scene.things[0].slot)
    return replace(scene, ground=vocabulary.places[place], place=place, blank=blank)


def outpaint(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Fill a grey strip with the rest of a photograph that training shows in full."""
    to = scene.blank.replace("on the", "to the")
    words = (
        f"Extend the picture {to}.",
        f"Fill the grey strip {scene.blank}.",
        f"Continue the photo {to}.",
    )
    mask = np.zeros(scene.ground.shape[:2], bool)
    mask[:, blank_columns(scene)] = True
    return make_edit(replace(scene, blank=""), mask, words, {"background": scene.place}, rng)


def implicit(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return apply_effect(scene, CAUSES, "environment", rng)


def relation(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Remove one of two things, which the instruction finds by its place next to the other."""
    old = choose_thing(scene, rng)
    (anchor,) = scene.without(old).things
    where = f"to the {old.slot.removeprefix('on the ')} of the {anchor.name}"
    words = (f"Remove the object {where}.", f"Take away what is {where}.", f"Erase the thing {where}.")
    edit = remove_thing(vocabulary, scene, old, words, rng)
    return replace(edit, truth={**edit.truth, "anchor": anchor.name})


def visual_reference(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Add the object that the reference image shows; the instruction does not name it."""
    slot, new = free_slot(scene, rng), vocabulary.other_drawable(scene, rng)
    thing = Thing(new, vocabulary.drawable[new], slot, SLOTS[slot], FOOT, SIDE)
    words = (
        f"Add the object in the reference {slot}.",
        f"Put the object in the reference {slot}.",
        f"Insert what the reference shows {slot}.",
    )
    edit = add_thing(vocabulary, scene, thing, words, rng)
    return replace(edit, references=(show_alone(thing, vocabulary.size),))


def visual_depth(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return _add_by_map(vocabulary, scene, "depth map", depth_map, rng)


def visual_segment(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return _add_by_map(vocabulary, scene, "segmentation map", segmentation_map, rng)


def _add_by_map(
    vocabulary: Vocabulary, scene: Scene, kind: str, draw: Callable[[Scene], np.ndarray], rng: np.random.Generator
) -> WorldEdit:
    """Add a named object where a map of the answer shows it, near and large or far and small."""
    slot, new = free_slot(scene, rng), vocabulary.other_drawable(scene, rng)
    side, foot = NEAR_AND_FAR[rng.integers(2)]
    thing = Thing(new, vocabulary.drawable[new], slot, SLOTS[slot], foot, side)
    words = (
        f"Add {a(new)} where the {kind} shows it.",
        f"Put {a(new)} as the {kind} shows.",
        f"Insert {a(new)}, following the {kind}.",
    )
    edit = add_thing(vocabulary, scene, thing, words, rng)
    return replace(edit, references=(draw(scene.plus(thing)),))


def visual_bbox(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Remove one of two things, which a red box marks in the reference image."""
    old = choose_thing(scene, rng)
    words = (
        "Remove the object in the red box.",
        "Take away what the red box marks.",
        "Erase the thing in the red box of the reference.",
    )
    edit = remove_thing(vocabulary, scene, old, words, rng)
    return replace(edit, references=(mark_box(scene, old),))


def visual_scribble(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Remove one of two things, which a scribble of the answer leaves out."""
    old = choose_thing(scene, rng)
    words = (
        "Remove the object that is not in the scribble.",
        "Erase an object, following the scribble.",
        "Take away what the scribble leaves out.",
    )
    edit = remove_thing(vocabulary, scene, old, words, rng)
    return replace(edit, references=(scribble(scene.without(old)),))


def visual_sketch(vocabulary: Vocabulary, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    """Replace one of two things; a sketch of the answer shows which."""
    old, new = choose_thing(scene, rng), vocabulary.other_drawable(scene, rng)
    thing = replace(old, name=new, cut_out=vocabulary.drawable[new])
    answer = scene.without(old).plus(thing)
    words = (
        f"Replace an object with {a(new)}, following the sketch.",
        f"Put {a(new)} in the place that the sketch shows.",
        f"Turn one object into {a(new)}, as in the sketch.",
    )
    truth = {"object": old.name, "new_object": new, "box": box(old, vocabulary.size)}
    edit = make_edit(answer, opacity([old, thing], vocabulary.size) > 0, words, truth, rng)
    return replace(edit, references=(sketch(answer),))


_NEW: Mapping[str, Edit] = {
    "remove": removal,
    "counting": counting,
    "add": addition,
    "replace": swap,
    "color_alter": attribute,
    "appearance_alter": appearance,
    "action_change": action,
    "textual_change": textual,
    "material_change": material,
    "background_change": background,
    "style_change": style,
    "outpaint": outpaint,
    "implicit_change": implicit,
    "relation": relation,
    "visual_reference": visual_reference,
    "material_transfer": material_transfer,
    "visual_bbox": visual_bbox,
    "visual_depth": visual_depth,
    "visual_scribble": visual_scribble,
    "visual_segment": visual_segment,
    "visual_sketch": visual_sketch,
}
ALL_EDITS: dict[Task, Edit] = EDITS | {Task(name): edit for name, edit in _NEW.items()}
"""Edit of each task of the world: OmniEdit's seven and AnyEdit's 25 types."""
SCENES: dict[Task, Callable[[Vocabulary, Scene, np.random.Generator], Scene]] = {
    Task("counting"): repeat_thing,
    Task("textual_change"): put_up_sign,
    Task("outpaint"): hide_strip,
}
"""Changes of a scene that a type needs before its edit."""
AT_A_SIDE = frozenset(
    map(Task, ("object_addition", "movement", "add", "outpaint", "visual_reference", "visual_depth", "visual_segment"))
)
"""Tasks whose scenes have one thing, at a side."""
WITH_TWO = frozenset(map(Task, ("relation", "visual_bbox", "visual_scribble", "visual_sketch")))
"""Tasks whose scenes have two things."""
