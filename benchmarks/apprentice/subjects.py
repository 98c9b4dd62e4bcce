"""Rendered subjects: cut-outs in new colours, shown by demonstrations, and requests with their answers.

A subject is one of the ablation's cut-outs with its hues rotated by another angle, so its name does not determine its
appearance. A pair depends only on (seed, index).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.ablation.assets import RGBA, Assets
from benchmarks.ablation.edits import FOOT, PAINTS, SIDE, WorldEdit
from benchmarks.ablation.scene import SLOTS, Scene, Thing, caption, opacity, render, view
from benchmarks.ablation.world import WorldPair, for_size
from omniedit.evaluation.subject_fidelity import SubjectCase
from omniedit.imaging.images import Image
from omniedit.tasks import Task

SKILLS = ("recontextualise", "attribute")
"""SuTI's skills that the world has: another scene and place, and a colour."""
OTHERS = 5
"""Number of other subjects with which an output is compared."""
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)


@dataclass(frozen=True)
class Request:
    """Scene that an instruction asks for: the place of the subject and its paint, '' for its own colours."""

    slot: str
    paint: str = ""

    @property
    def skill(self) -> str:
        return SKILLS[1] if self.paint else SKILLS[0]


@dataclass(frozen=True, kw_only=True)
class SubjectPair(WorldPair):
    """Pair with demonstrations of its subject.

    Args:
        demonstrations, captions: images of the subject with their captions.
        grounds: photographs of the demonstrations without the subject.
        slots: place of the subject in each demonstration.
        subject: number of the subject.
    """

    demonstrations: tuple[Image, ...]
    captions: tuple[str, ...]
    grounds: tuple[Image, ...]
    slots: tuple[str, ...]
    subject: int
    request: Request


class SubjectWorld:
    """Pairs of one half of the assets, by index.

    Args:
        subjects: number of subjects.
        demonstrations: number of demonstrations of a pair.
        held_out: whether subjects and photographs are those that training never shows.
    """

    def __init__(
        self, assets: Assets, size: int, seed: int, subjects: int, demonstrations: int, held_out: bool = False
    ) -> None:
        self.here = for_size(assets.half(held_out), size)
        self.size, self.seed, self.subjects, self.demonstrations = size, seed, subjects, demonstrations

    def pair(self, index: int) -> SubjectPair:
        rng = np.random.default_rng([self.seed, index])
        return self._make(int(rng.integers(self.subjects)), draw_request(rng), rng)

    def test_pair(self, subject: int, number: int) -> SubjectPair:
        """Return a subject's request of this number. All requests of a subject have the same demonstrations."""
        demonstrations = self._make(subject, Request("in the middle"), np.random.default_rng([self.seed, 1, subject]))
        rng = np.random.default_rng([self.seed, 2, subject, number])
        pair = self._make(subject, draw_request(rng, SKILLS[number % len(SKILLS)]), rng)
        shown = {key: getattr(demonstrations, key) for key in ("demonstrations", "captions", "grounds", "slots")}
        return replace(pair, **shown)

    def to_case(self, pair: SubjectPair) -> SubjectCase:
        """Return the comparisons of a pair's outputs: other subjects in its scene, and other scenes of its subject."""
        strangers = [(pair.subject + step) % self.subjects for step in range(1, min(OTHERS, self.subjects - 1) + 1)]
        request = pair.request
        requests = [replace(request, slot=slot) for slot in SLOTS if slot != request.slot]
        if request.paint:
            requests += [replace(request, paint=paint) for paint in ("", *PAINTS) if paint != request.paint]
        return SubjectCase(
            pair.source,
            pair.edit.target,
            pair.edit.mask,
            pair.demonstrations,
            [self._answer(pair.source, each, request) for each in strangers],
            [self._answer(pair.source, pair.subject, each) for each in requests],
        )

    def _make(self, subject: int, request: Request, rng: np.random.Generator) -> SubjectPair:
        scenes = [self._scene(subject, Request(str(rng.choice(list(SLOTS)))), rng) for _ in range(self.demonstrations)]
        scene = self._scene(subject, request, rng)
        target, mask = render(scene), opacity(scene.things, self.size) > 0.5
        edit = WorldEdit(write_instruction(request, rng), target, mask, caption(scene))
        return SubjectPair(
            Task.OBJECT_ADDITION,
            scene.ground,
            edit,
            demonstrations=tuple(map(render, scenes)),
            captions=tuple(map(caption, scenes)),
            grounds=tuple(each.ground for each in scenes),
            slots=tuple(each.things[0].slot for each in scenes),
            subject=subject,
            request=request,
        )

    def _scene(self, subject: int, request: Request, rng: np.random.Generator) -> Scene:
        chosen = rng.integers(len(self.here.photos))
        ground = view(self.here.photos[chosen], self.size, rng)
        return Scene(ground, self.here.places[chosen], (self._thing(subject, request),))

    def _answer(self, ground: Image, subject: int, request: Request) -> Image:
        return render(Scene(ground, "", (self._thing(subject, request),)))

    def _thing(self, subject: int, request: Request) -> Thing:
        number = subject % len(self.here.names)
        angle = np.random.default_rng([self.seed, 3, subject]).uniform(0, 2 * np.pi)
        cut_out = turn_hues(self.here.cut_outs[number], angle)
        name, x = self.here.names[number], SLOTS[request.slot]
        return Thing(name, cut_out, request.slot, x, FOOT, SIDE, request.paint)


def draw_request(rng: np.random.Generator, skill: str = "") -> Request:
    slot, paint = str(rng.choice(list(SLOTS))), str(rng.choice(PAINTS))
    return Request(slot, paint if (skill or rng.choice(SKILLS)) == SKILLS[1] else "")


def write_instruction(request: Request, rng: np.random.Generator) -> str:
    """Return the text that asks for a scene, in one of three wordings; it does not name the subject."""
    verb = ("Put", "Place", "Show")[rng.integers(3)]
    return f"{verb} the subject {request.slot}{f', painted {request.paint}' if request.paint else ''}."


def turn_hues(cut_out: RGBA, angle: float) -> RGBA:
    """Rotate all hues of a cut-out by an angle in radians; luma and opacity stay."""
    turn = np.eye(3, dtype=np.float32)
    turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    rgb = cut_out[..., :3].astype(np.float32) @ (np.linalg.inv(TO_YIQ) @ turn @ TO_YIQ).T
    turned = cut_out.copy()
    turned[..., :3] = np.clip(rgb, 0, cut_out[..., 3:]).round()
    return turned


def demonstration_pairs(pair: SubjectPair) -> Sequence[SubjectPair]:
    """Return a pair's demonstrations as edits of their photographs, on which an expert is trained."""
    rng = np.random.default_rng(pair.subject)
    return [
        replace(
            pair,
            source=ground,
            edit=replace(pair.edit, instruction=write_instruction(Request(slot), rng), target=image),
            request=Request(slot),
        )
        for ground, image, slot in zip(pair.grounds, pair.demonstrations, pair.slots, strict=True)
    ]
