"""Edit pairs with known truth: named cut-outs on photographs, edited in OmniEdit's seven and AnyEdit's 25 ways.

A pair depends only on (seed, index). Source and instruction determine the edit. Instructions name what the source
shows, and give the side if there are two things. They ask only for edits with a single answer that training has shown:
an object of `Vocabulary.drawable`, always with the same image, size and place; a named photograph in its one crop; a
fixed look. The source may show anything. In the held-out half, it shows objects and photographs that training never
shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import cv2
import numpy as np

from benchmarks.ablation.anyedit_edits import ALL_EDITS, AT_A_SIDE, SCENES, WITH_TWO
from benchmarks.ablation.assets import CUT_OUT_SIDE, PHOTO_HEIGHT, PHOTO_WIDTH, Assets
from benchmarks.ablation.candidates import RIGHT, Candidate, choose_candidates
from benchmarks.ablation.data_choices import Data
from benchmarks.ablation.edits import FOOT, SIDES, Vocabulary, WorldEdit, is_visible
from benchmarks.ablation.portraits import Portraits
from benchmarks.ablation.scene import SLOTS, Scene, Thing, defocus, in_other_light, render, view
from benchmarks.ablation.settings import Setting
from omniedit.aspect import bucket_size
from omniedit.imaging.color import to_bytes, to_float
from omniedit.imaging.images import Image, resize_cover, resize_cover_mask
from omniedit.tasks import OMNIEDIT_TASKS, Task

TASKS = OMNIEDIT_TASKS
SMALL = (Task.OBJECT_SWAP, Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION, Task.ATTRIBUTE_MODIFICATION)
TASK_ORDER = (*SMALL, *TASKS)
"""Order of the tasks in training. Local edits are learnt late, so each occurs twice in eleven pairs."""
SMALLEST, LARGEST = 0.44, 0.52
"""Range of the longer side of things in a scene, as shares of the image."""
LIKE_PHOTOS = (0.35, 1.05)
"""Range of the longer side of a thing that stands alone in a scene like a photo."""
BARE, UNFOCUSED = 0.5, 0.4
"""Probabilities in scenes like photos: no thing, if the edit changes the whole image, and a blurred ground."""
PORTRAIT = 0.5
"""Probability of a portrait where a world has portraits."""
DRAWABLE = 12
"""Number of objects that instructions ask to draw."""


@dataclass(frozen=True)
class WorldPair:
    """Pair with its score by the simulated judge; 10 without a judge."""

    task: Task
    source: Image
    edit: WorldEdit
    score: float = 10.0


@dataclass(frozen=True)
class SceneOptions:
    """What the sources of a world show.

    Args:
        held_out: whether sources show what training never shows. Instructions ask to draw training's objects in both
            cases.
        named_grounds: whether sources also show photographs with names, which are the shipped sample's.
        known_things: whether only the photographs are of the held-out half, and things are training's.
        like_photos: whether scenes vary as photos do: things of all sizes, cut by the image's edges, mirrored, in other
            light; bare photographs for some edits of the whole image; grounds out of focus.
        portraits: photographs taken apart; half of the scenes with a thing anywhere show one of them.
    """

    held_out: bool = False
    named_grounds: bool = True
    known_things: bool = False
    like_photos: bool = False
    portraits: Portraits | None = None


class World:
    """Pairs of one half of the assets, by index.

    Args:
        assets: both halves.
        size: side of the images in pixels.
        scenes: what its sources show.
        candidates: training pairs, which repeat; empty for a right pair at each index.
        task_order: order of the tasks in training.
    """

    def __init__(
        self,
        assets: Assets,
        size: int,
        seed: int,
        scenes: SceneOptions = SceneOptions(),
        candidates: Sequence[Candidate] = (),
        task_order: Sequence[Task] = TASK_ORDER,
    ) -> None:
        training = for_size(assets.half(held_out=False), size)
        here = for_size(assets.half(held_out=True), size) if scenes.held_out else training
        if scenes.known_things:
            here = replace(here, names=training.names, cut_outs=training.cut_outs)
        self.here = here if scenes.named_grounds else without_named_photos(here)
        self.size, self.seed, self.scenes, self.candidates, self.task_order = size, seed, scenes, candidates, task_order
        every = max(1, len(training.names) // DRAWABLE)
        drawable = dict(list(zip(training.names, training.cut_outs, strict=True))[::every][:DRAWABLE])
        views = zip(training.places, training.photos, strict=True)
        places = {place: resize_cover(photo, size, size) for place, photo in views if place}
        self.vocabulary = Vocabulary(size, drawable, places)

    def pair(self, index: int) -> WorldPair:
        """Return the pair of an index, in training's order of tasks."""
        if not self.candidates:
            return self.make_pair(self.task_order[index % len(self.task_order)], index)
        candidate = self.candidates[index % len(self.candidates)]
        task = self.task_order[candidate.index % len(self.task_order)]
        return replace(self.make_pair(task, candidate.index, candidate.kind), score=candidate.score)

    def make_pair(self, task: Task, index: int, kind: str = RIGHT) -> WorldPair:
        """Return the pair of a scene, with an edit that is right or wrong (a key of `candidates.SCORES`)."""
        rng = np.random.default_rng([self.seed, index])
        scene, source, edit = self._visible(task, rng)
        if kind != RIGHT:
            edit = replace(edit, target=self._wrong(kind, task, scene, source, edit, rng))
        return WorldPair(task, source, edit)

    def mistaken(self, task: Task, index: int) -> WorldPair | None:
        """Return the pair of an index with the answer to another request of the same task, or None if there is none.

        The difference from the right answer is clearly visible.
        """
        rng = np.random.default_rng([self.seed, index])
        scene, source, edit = self._visible(task, rng)
        for other in (ALL_EDITS[task](self.vocabulary, scene, rng) for _ in range(8)):
            if is_visible(source, other) and is_visible(edit.target, replace(other, mask=edit.mask | other.mask)):
                return WorldPair(task, source, replace(edit, target=other.target))
        return None

    def _visible(self, task: Task, rng: np.random.Generator) -> tuple[Scene, Image, WorldEdit]:
        drawn = (self._draw_example(task, rng) for _ in count())
        return next((scene, source, edit) for scene, source, edit in drawn if is_visible(source, edit))

    def _draw_example(self, task: Task, rng: np.random.Generator) -> tuple[Scene, Image, WorldEdit]:
        scene = self._like_photo(task, rng) if self.scenes.like_photos else self._scene(task, rng)
        if task in SCENES:
            scene = SCENES[task](self.vocabulary, scene, rng)
        return scene, render(scene), ALL_EDITS[task](self.vocabulary, scene, rng)

    def _scene(self, task: Task, rng: np.random.Generator) -> Scene:
        """Draw a scene with one thing anywhere and sometimes with two, unless the task needs another one."""
        chosen = rng.integers(len(self.here.photos))
        ground = view(self.here.photos[chosen], self.size, rng)
        slots: Sequence[str] = SIDES if rng.random() < 0.3 else [str(rng.choice(list(SLOTS)))]
        if task in AT_A_SIDE:
            slots = [str(rng.choice(SIDES))]
        elif task in WITH_TWO:
            slots = SIDES
        cut_outs = rng.choice(len(self.here.names), size=len(slots), replace=False)
        things = tuple(self._thing(int(i), slot, rng) for i, slot in zip(cut_outs, slots, strict=True))
        return Scene(ground, self.here.places[chosen], things)

    def _like_photo(self, task: Task, rng: np.random.Generator) -> Scene:
        if self.scenes.portraits and task not in AT_A_SIDE and rng.random() < PORTRAIT:
            return self.scenes.portraits.scene(self.size, rng)
        scene = self._scene(task, rng)
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

    def _wrong(
        self, kind: str, task: Task, scene: Scene, source: Image, edit: WorldEdit, rng: np.random.Generator
    ) -> Image:
        """Return the image of a specialist that fails: no edit, another edit of the task, or damage everywhere."""
        if kind == "unchanged":
            return source
        if kind == "damaged":
            return damage(edit.target)
        others = (ALL_EDITS[task](self.vocabulary, scene, rng) for _ in range(4))
        return next((other.target for other in others if (other.target != edit.target).any()), source)


def build_world(
    setting: Setting, assets: Assets, seed: int, data: Data | None = None, portraits: Portraits | None = None
) -> World:
    """Return training's pairs in a setting; without `data`, all of them are right."""
    task_order = [Task(name) for name in (data.tasks if data else ()) or setting.task_order] or TASK_ORDER
    candidates = choose_candidates(data, seed, setting.editor.pairs) if data and data.wrong_share else ()
    scenes = SceneOptions(like_photos=setting.like_photos, portraits=portraits)
    return World(assets, setting.rendered_size, seed, scenes, candidates, task_order)


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


def damage(image: Image) -> Image:
    """Shift an image by a thirtieth of its width, blur it and add a colour cast, like edits that damage everything."""
    soft = cv2.GaussianBlur(np.roll(image, image.shape[1] // 30, axis=1), (0, 0), image.shape[1] / 60)
    return to_bytes(to_float(soft.astype(np.uint8, copy=False)) * np.array([1.1, 0.95, 0.8], np.float32))
