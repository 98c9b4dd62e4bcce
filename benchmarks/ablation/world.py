"""Edit pairs with known truth: named cut-outs on photographs, edited in all seven ways, pixel by pixel.

A pair depends only on (seed, index). Source and instruction determine the edit. Instructions name what the source
shows, give the side if there are two things, and ask only for edits with one answer, which training has shown: an
object of `World.drawable`, always with the same image, size and place; a named photograph in its one crop; a fixed
look. The source may show anything. In the held-out half it shows objects and photographs that training never does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import cv2
import numpy as np

from benchmarks.ablation.assets import CUT_OUT_SIDE, PHOTO_HEIGHT, PHOTO_WIDTH, RGBA, Assets
from benchmarks.ablation.looks import LIGHTS, STYLES, Look, mean_lab, paint_cutout
from benchmarks.ablation.settings import Setting
from omniedit.aspect import bucket_size
from omniedit.imaging.color import FloatImage, to_bytes, to_float
from omniedit.imaging.images import Image, Mask, resize_cover, resize_cover_mask
from omniedit.specialists.embedded.color import COLOURS, without_colour
from omniedit.tasks import OMNIEDIT_TASKS, Task

TASKS = OMNIEDIT_TASKS
SMALL = (Task.OBJECT_SWAP, Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION, Task.ATTRIBUTE_MODIFICATION)
TURNS = (*SMALL, *TASKS)
"""Order of the tasks in training. Edits of a small part of the image are learnt late and have two turns of eleven."""
SLOTS = {"on the left": 0.25, "in the middle": 0.5, "on the right": 0.75}
"""Names of places, with the x coordinate of an object's centre there as a share of the image width."""
SIDES = ("on the left", "on the right")
FOOT, SIDE = 0.95, 0.5
"""Lower edge and longer side of an object that an instruction adds, as shares of the image."""
SMALLEST, LARGEST = 0.44, 0.52
"""Range of the longer side of things in a scene, as shares of the image."""
LIKE_PHOTOS = (0.35, 1.05)
"""Range of the longer side of a thing that stands alone in a scene like a photo."""
PAINTS = ("red", "yellow", "green", "blue", "purple", "white")
UNLIKE = 40.0
"""Smallest distance in Lab between a paint and the thing's mean colour for the change to be obvious."""
VISIBLE = 0.1
"""Smallest root mean square difference inside the mask, on a scale of 0 to 1. A pair below it is drawn again, because
there is nothing to score."""
BARE, UNFOCUSED = 0.5, 0.4
"""Probabilities in scenes like photos: no thing, if the edit changes the whole image, and a blurred ground."""
DRAWABLE = 12
"""Number of objects that instructions ask to draw."""


@dataclass(frozen=True)
class Thing:
    """Cut-out standing in an image.

    Args:
        cut_out: (side, side, 4) RGBA, colours multiplied by alpha.
        slot: a key of `SLOTS`.
        x, foot, side: centre, lower edge and longer side, as shares of the image.
        paint: colour that the thing is painted in, "" for its own.
        cut: whether the image's edges may cut the thing. Otherwise it is moved inside.
    """

    name: str
    cut_out: RGBA
    slot: str
    x: float
    foot: float
    side: float
    paint: str = ""
    cut: bool = False


@dataclass(frozen=True)
class Scene:
    """Things in front of a photograph.

    Args:
        ground: (size, size, 3) RGB.
        place: name of the photograph, "" for none.
    """

    ground: Image
    place: str
    things: tuple[Thing, ...]

    def without(self, thing: Thing) -> "Scene":
        return replace(self, things=tuple(other for other in self.things if other is not thing))

    def plus(self, thing: Thing) -> "Scene":
        return replace(self, things=(*self.things, thing))


@dataclass(frozen=True)
class WorldEdit:
    """Instruction for a scene, and the answer.

    Args:
        mask: where the answer may differ from the source.
        caption: caption of the answer.
        truth: what the instruction asks for, as the reference judge reads it.
    """

    instruction: str
    target: Image
    mask: Mask
    caption: str
    truth: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class WorldPair:
    task: Task
    source: Image
    edit: WorldEdit


class World:
    """Pairs of one half of the assets, by index.

    Args:
        assets: both halves.
        size: side of the images in pixels.
        held_out: whether sources show what training never shows. Instructions ask to draw training's objects in both
            cases.
        wrong_share: share of the pairs whose edit is not what the instruction asks for, as specialists produce them.
        turns: order of the tasks in training.
        named_grounds: whether sources also show photographs with names, which are the shipped sample's.
        known_things: whether only the photographs are of the held-out half, and things are training's.
        like_photos: whether scenes vary as photos do: things of all sizes, cut by the image's edges, mirrored, in other
            light; bare photographs for some edits of the whole image; grounds out of focus.
    """

    def __init__(
        self,
        assets: Assets,
        size: int,
        seed: int,
        held_out: bool = False,
        wrong_share: float = 0.0,
        turns: Sequence[Task] = TURNS,
        named_grounds: bool = True,
        known_things: bool = False,
        like_photos: bool = False,
    ) -> None:
        training = for_size(assets.half(held_out=False), size)
        here = for_size(assets.half(held_out=True), size) if held_out else training
        if known_things:
            here = replace(here, names=training.names, cut_outs=training.cut_outs)
        self.here = here if named_grounds else without_named_photos(here)
        self.size, self.seed, self.wrong_share, self.turns = size, seed, wrong_share, turns
        self.like_photos = like_photos
        every = max(1, len(training.names) // DRAWABLE)
        self.drawable = dict(list(zip(training.names, training.cut_outs, strict=True))[::every][:DRAWABLE])
        views = zip(training.places, training.photos, strict=True)
        self.places = {place: resize_cover(photo, size, size) for place, photo in views if place}

    def pair(self, index: int) -> WorldPair:
        """Return the pair of an index, in training's order of tasks."""
        return self.make_pair(self.turns[index % len(self.turns)], index)

    def make_pair(self, task: Task, index: int) -> WorldPair:
        rng = np.random.default_rng([self.seed, index])
        scene, source, edit = self._visible(task, rng)
        if rng.random() < self.wrong_share:
            edit = replace(edit, target=self._wrong(task, scene, source, edit, rng))
        return WorldPair(task, source, edit)

    def mistaken(self, task: Task, index: int) -> WorldPair | None:
        """Return the pair of an index with the answer to another request of the same task, or None if there is none.

        The difference from the right answer is plainly visible.
        """
        rng = np.random.default_rng([self.seed, index])
        scene, source, edit = self._visible(task, rng)
        for other in (EDITS[task](self, scene, rng) for _ in range(8)):
            if is_visible(source, other) and is_visible(edit.target, replace(other, mask=edit.mask | other.mask)):
                return WorldPair(task, source, replace(edit, target=other.target))
        return None

    def _visible(self, task: Task, rng: np.random.Generator) -> tuple[Scene, Image, WorldEdit]:
        drawn = (self._drawn(task, rng) for _ in count())
        return next((scene, source, edit) for scene, source, edit in drawn if is_visible(source, edit))

    def _drawn(self, task: Task, rng: np.random.Generator) -> tuple[Scene, Image, WorldEdit]:
        scene = self._like_photo(task, rng) if self.like_photos else self._scene(rng, task == Task.OBJECT_ADDITION)
        return scene, render(scene), EDITS[task](self, scene, rng)

    def _scene(self, rng: np.random.Generator, alone: bool) -> Scene:
        """Draw a scene with one thing anywhere and sometimes with two. If `alone`, it has one thing, at a side."""
        chosen = rng.integers(len(self.here.photos))
        ground = view(self.here.photos[chosen], self.size, rng)
        slots: Sequence[str] = SIDES if rng.random() < 0.3 else [str(rng.choice(list(SLOTS)))]
        if alone:
            slots = [str(rng.choice(SIDES))]
        cut_outs = rng.choice(len(self.here.names), size=len(slots), replace=False)
        things = tuple(self._thing(int(i), slot, rng) for i, slot in zip(cut_outs, slots, strict=True))
        return Scene(ground, self.here.places[chosen], things)

    def _like_photo(self, task: Task, rng: np.random.Generator) -> Scene:
        scene = self._scene(rng, alone=task == Task.OBJECT_ADDITION)
        if not task.is_local and rng.random() < BARE:
            return replace(scene, things=())
        ground = defocus(scene.ground, rng) if rng.random() < UNFOCUSED else scene.ground
        things = scene.things
        if len(things) == 1 and task != Task.OBJECT_ADDITION:
            side = rng.uniform(*LIKE_PHOTOS)
            x, foot = things[0].x + rng.uniform(-0.1, 0.1), rng.uniform(0.65, 1 + 0.15 * side)
            things = (replace(things[0], x=x, foot=foot, side=side, cut=True),)
        things = tuple(replace(thing, cut_out=in_other_light(thing.cut_out, rng)) for thing in things)
        return replace(scene, ground=in_other_light(ground, rng), things=things)

    def _thing(self, number: int, slot: str, rng: np.random.Generator) -> Thing:
        return Thing(
            self.here.names[number],
            self.here.cut_outs[number],
            slot,
            x=SLOTS[slot] + rng.uniform(-0.03, 0.03),
            foot=FOOT + rng.uniform(-0.05, 0.05),
            side=rng.uniform(SMALLEST, LARGEST),
        )

    def other_drawable(self, scene: Scene, rng: np.random.Generator) -> str:
        """Return the name of a drawable object that is not in the scene."""
        present = {thing.name for thing in scene.things}
        return str(rng.choice([name for name in self.drawable if name not in present]))

    def _wrong(self, task: Task, scene: Scene, source: Image, edit: WorldEdit, rng: np.random.Generator) -> Image:
        """Return the image of a specialist that fails: no edit, another edit of the task, or damage everywhere."""
        kind = rng.integers(3)
        if kind == 0:
            return source
        if kind == 1:
            return damage(edit.target)
        others = (EDITS[task](self, scene, rng) for _ in range(4))
        return next((other.target for other in others if (other.target != edit.target).any()), source)


def build_world(setting: Setting, assets: Assets, seed: int, wrong_share: float = 0.0) -> World:
    """Return training's pairs in a setting."""
    turns = [Task(name) for name in setting.turns] or TURNS
    return World(
        assets, setting.rendered_size, seed, wrong_share=wrong_share, turns=turns, like_photos=setting.like_photos
    )


def crop_pair(pair: WorldPair, ratio: str, size: int) -> WorldPair:
    """Return the middle of a pair at one of the seven ratios, with about size^2 pixels."""
    width, height = bucket_size(ratio, size)
    edit = pair.edit
    target, mask = resize_cover(edit.target, width, height), resize_cover_mask(edit.mask, width, height)
    return WorldPair(pair.task, resize_cover(pair.source, width, height), replace(edit, target=target, mask=mask))


def without_named_photos(assets: Assets) -> Assets:
    unnamed = [number for number, place in enumerate(assets.places) if not place]
    return replace(assets, places=("",) * len(unnamed), photos=assets.photos[unnamed])


def for_size(assets: Assets, size: int) -> Assets:
    """Shrink assets to at most twice their size in the images, so that linear interpolation skips no pixel."""
    side, height = min(CUT_OUT_SIDE, round(1.5 * LARGEST * size)), min(PHOTO_HEIGHT, 2 * size)
    width = height * PHOTO_WIDTH // PHOTO_HEIGHT
    cut_outs = [cv2.resize(cut_out, (side, side), interpolation=cv2.INTER_AREA) for cut_out in assets.cut_outs]
    photos = [cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA) for photo in assets.photos]
    return replace(assets, cut_outs=np.stack(cut_outs), photos=np.stack(photos))


def view(photo: Image, size: int, rng: np.random.Generator) -> Image:
    """Return a random square of a photograph, at least half its height, mirrored at random."""
    height, width = photo.shape[:2]
    side = round(height * rng.uniform(0.5, 1))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    square = photo[top : top + side, left : left + side]
    scaled = cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(scaled if rng.random() < 0.5 else scaled[:, ::-1])


def render(scene: Scene) -> Image:
    image = to_float(scene.ground)
    for thing in scene.things:
        rows, columns, patch = lay_out(thing, len(image))
        alpha = patch[..., 3:]
        image[rows, columns] = image[rows, columns] * (1 - alpha) + patch[..., :3]
    return to_bytes(image)


def lay_out(thing: Thing, size: int) -> tuple[slice, slice, np.ndarray]:
    """Return the rows and columns of the square that a thing fills, and its (h, w, 4) RGBA values in [0, 1]."""
    side = round(thing.side * size)
    left, top = round(thing.x * size - side / 2), round(thing.foot * size) - side
    if not thing.cut:
        left, top = (int(np.clip(edge, 0, size - side)) for edge in (left, top))
    patch = cv2.resize(thing.cut_out, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    painted_patch = paint_cutout(patch, thing.paint) if thing.paint else patch
    rows, columns = (slice(max(0, edge), min(size, edge + side)) for edge in (top, left))
    seen = painted_patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return rows, columns, seen


def opacity(things: Sequence[Thing], size: int) -> FloatImage:
    """Return the joint opacity of things, (size, size) in [0, 1]."""
    total = np.zeros((size, size), np.float32)
    for thing in things:
        rows, columns, patch = lay_out(thing, size)
        total[rows, columns] = np.maximum(total[rows, columns], patch[..., 3])
    return total


def defocus(ground: Image, rng: np.random.Generator) -> Image:
    """Blur a ground as if something in front of it were in focus."""
    return np.asarray(cv2.GaussianBlur(ground, (0, 0), len(ground) * rng.uniform(0.005, 0.05)), np.uint8)


def in_other_light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror an (H, W, 3 or 4) image at random and make each colour a little stronger or weaker."""
    gains = rng.uniform(0.75, 1.15) * rng.uniform(0.93, 1.07, 3)
    lit = image[:, ::-1].copy() if rng.random() < 0.5 else image.copy()
    limit = lit[..., 3:] if lit.shape[2] == 4 else 255
    lit[..., :3] = np.minimum(lit[..., :3] * gains, limit)
    return lit


def is_visible(source: Image, edit: WorldEdit) -> bool:
    squares = np.square(source.astype(np.float32) - edit.target).sum(axis=-1) / (3 * 255**2)
    return bool((squares * edit.mask).sum() > VISIBLE**2 * edit.mask.sum())


def damage(image: Image) -> Image:
    """Shift an image by a thirtieth of its width, blur it and add a colour cast, like edits that damage everything."""
    soft = cv2.GaussianBlur(np.roll(image, image.shape[1] // 30, axis=1), (0, 0), image.shape[1] / 60)
    return to_bytes(to_float(soft.astype(np.uint8, copy=False)) * np.array([1.1, 0.95, 0.8], np.float32))


def swap(world: World, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    old, new = choose_thing(scene, rng), world.other_drawable(scene, rng)
    thing = replace(old, name=new, cut_out=world.drawable[new])
    words = (
        f"Replace {the(old, scene)} with {a(new)}.",
        f"Swap {the(old, scene)} for {a(new)}.",
        f"Turn {the(old, scene)} into {a(new)}.",
    )
    truth = {"object": old.name, "new_object": new, "box": box(old, world.size), "new_box": box(thing, world.size)}
    return make_edit(scene.without(old).plus(thing), opacity([old, thing], world.size) > 0, words, truth, rng)


def removal(world: World, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    old = choose_thing(scene, rng)
    words = (
        f"Remove {the(old, scene)}.",
        f"Take {the(old, scene)} away.",
        f"Erase {the(old, scene)} from the picture.",
    )
    truth = {"object": old.name, "box": box(old, world.size)}
    return make_edit(scene.without(old), opacity([old], world.size) > 0, words, truth, rng)


def addition(world: World, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    free = [slot for slot in SIDES if slot not in {thing.slot for thing in scene.things}]
    slot, new = str(rng.choice(free)), world.other_drawable(scene, rng)
    thing = Thing(new, world.drawable[new], slot, SLOTS[slot], FOOT, SIDE)
    words = (f"Add {a(new)} {slot}.", f"Put {a(new)} {slot}.", f"Insert {a(new)} {slot} of the picture.")
    truth = {"object": new, "box": box(thing, world.size)}
    return make_edit(scene.plus(thing), opacity([thing], world.size) > 0, words, truth, rng)


def attribute(world: World, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    old = choose_thing(scene, rng)
    own = mean_lab(lay_out(old, world.size)[2])
    unlike = [paint for paint in PAINTS if np.linalg.norm(own - COLOURS[paint]) > UNLIKE]
    paint = str(rng.choice(unlike))
    words = (
        f"Make {the(old, scene)} {paint}.",
        f"Paint {the(old, scene)} {paint}.",
        f"Change the colour of {the(old, scene)} to {paint}.",
    )
    lab_ab = list(COLOURS[paint][1:])
    truth = {"object": old.name, "attribute": "colour", "value": paint, "lab_ab": lab_ab, "box": box(old, world.size)}
    answer = scene.without(old).plus(replace(old, paint=paint))
    return make_edit(answer, opacity([old], world.size) > 0, words, truth, rng)


def background(world: World, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    place = str(rng.choice([place for place in world.places if place != scene.place]))
    words = (
        f"Change the background to {place}.",
        f"Replace the background with {place}.",
        f"Put {the(scene.things[0], scene)} in front of {place}.",
    )
    moved = replace(scene, ground=world.places[place], place=place)
    truth = {"object": scene.things[0].name, "background": place}
    return make_edit(moved, opacity(scene.things, world.size) < 1, words, truth, rng)


def environment(world: World, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return apply_look(scene, LIGHTS, "environment", rng)


def style(world: World, scene: Scene, rng: np.random.Generator) -> WorldEdit:
    return apply_look(scene, STYLES, "style", rng)


def apply_look(
    scene: Scene, looks: dict[str, tuple[Look, tuple[str, ...]]], kind: str, rng: np.random.Generator
) -> WorldEdit:
    """Apply one of the looks to the whole image. `kind` is its key in the truth."""
    name = str(rng.choice(list(looks)))
    look, words = looks[name]
    target = to_bytes(look(to_float(render(scene))))
    everywhere = np.ones(target.shape[:2], bool)
    return WorldEdit(str(rng.choice(words)), target, everywhere, f"{caption(scene)}, {name}", {kind: name})


EDITS: dict[Task, Callable[[World, Scene, np.random.Generator], WorldEdit]] = {
    Task.OBJECT_SWAP: swap,
    Task.OBJECT_REMOVAL: removal,
    Task.OBJECT_ADDITION: addition,
    Task.ATTRIBUTE_MODIFICATION: attribute,
    Task.BACKGROUND_SWAP: background,
    Task.ENVIRONMENT_CHANGE: environment,
    Task.STYLE_TRANSFER: style,
}


def make_edit(
    answer: Scene, mask: Mask, words: Sequence[str], truth: Mapping[str, object], rng: np.random.Generator
) -> WorldEdit:
    return WorldEdit(str(rng.choice(words)), render(answer), mask, caption(answer), truth)


def box(thing: Thing, size: int) -> list[float]:
    """Return left, top, right and bottom of a thing, as shares of the image."""
    ys, xs = np.nonzero(opacity([thing], size) > 0.5)
    return [float(edge) / size for edge in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)]


def choose_thing(scene: Scene, rng: np.random.Generator) -> Thing:
    return scene.things[rng.integers(len(scene.things))]


def the(thing: Thing, scene: Scene) -> str:
    """Return 'the duck', with its side if there is another thing."""
    return f"the {thing.name}" if len(scene.things) == 1 else f"the {thing.name} {thing.slot}"


def a(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def caption(scene: Scene) -> str:
    """Return a caption such as 'a red duck on the left and a cow on the right, a forest stream'."""
    things = [f"{a(describe_thing(thing))} {thing.slot}" for thing in scene.things]
    return ", ".join(filter(None, [" and ".join(things), scene.place])) or "a photograph"


def describe_thing(thing: Thing) -> str:
    """Return the thing's name with its paint, such as 'red pepper' for a yellow pepper painted red."""
    return f"{thing.paint} {without_colour(thing.name)}" if thing.paint else thing.name
