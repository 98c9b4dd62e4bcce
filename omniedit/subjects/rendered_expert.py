"""Expert of subjects that are cut-outs: it puts the object itself into new scenes, so the truth of a pair is known.

The source of a pair is a scene without the subject; for `compose`, it has another subject. The edited image is the same
scene with the subject. Only the demonstrations show the subject's appearance, so an editor cannot succeed by copying
the source.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from omniedit.aspect import RATIOS
from omniedit.config.subjects import PREFIX, SubjectsConfig
from omniedit.imaging.color import from_lab, image_to_lab, to_bytes
from omniedit.imaging.color_names import COLOURS, region_colour
from omniedit.imaging.harmonize import CutOut
from omniedit.imaging.images import Image
from omniedit.instructions.grammar import with_article
from omniedit.instructions.templates.draw import draw_templates
from omniedit.instructions.templates.objects import describe_place
from omniedit.pairs import Rejection
from omniedit.specialists.embedded.recolor import can_become, recolor
from omniedit.specialists.embedded.style import STYLES
from omniedit.storage.seeded_random import make_rng
from omniedit.subjects.accessories import ACCESSORIES, add_accessory
from omniedit.subjects.cut_outs import ScenePhoto, collect_scenes
from omniedit.subjects.expert_images import ExpertImage
from omniedit.subjects.rendering import crop_scene, draw_place, mirror, render, to_cut_out
from omniedit.subjects.subject import Subject, decode_cut_out
from omniedit.tasks import Task

HEIGHTS, CENTRES = (0.35, 0.65), (0.25, 0.75)
"""Ranges of a subject's height and horizontal position in a painted image, as shares of the image."""
LEFT, RIGHT = (0.2, 0.3), (0.7, 0.8)
"""Ranges of the positions of two subjects in one image."""
STYLE_NAMES = ("pencil sketch", "coloured pencil drawing", "charcoal drawing", "oil painting", "watercolour painting")
GREY = 128
"""Level of the ground on which a cut-out is restyled."""
_TEXTS: dict[str, tuple[str, ...]] = {
    "recontextualise": (
        "Add the {name} from the reference images {place}.",
        "Put the {name} that the references show {place}.",
        "Place this {name} {place}.",
    ),
    "attribute": (
        "Add the {name} from the reference images {place}, but in {value}.",
        "Put {a_value} version of the {name} from the references {place}.",
        "Place this {name} {place}, painted {value}.",
    ),
    "stylise": (
        "Add the {name} from the reference images {place}, drawn as {value}.",
        "Put the {name} from the references {place} and make it look like {value}.",
        "Place this {name} {place} as if it were part of {value}.",
    ),
    "view": (
        "Add the {name} from the reference images {place}, {value}.",
        "Put the {name} from the references {place}, {value}.",
        "Place this {name} {place}, {value}.",
    ),
    "compose": (
        "Add the {name} from the reference images next to the {value}.",
        "Put the {name} from the references beside the {value}.",
        "Place this {name} next to the {value}.",
    ),
    "accessorise": (
        "Add the {name} from the reference images {place}, wearing {value}.",
        "Put the {name} from the references {place} and give it {value}.",
        "Place this {name} {place} with {value}.",
    ),
}
_CAPTIONS: dict[str, str] = {
    "recontextualise": "{a_name}{where}",
    "attribute": "{a_changed}{where}",
    "stylise": "{a_name}{where}, drawn as {value}",
    "view": "{a_name}{where}, {value}",
    "compose": "{a_name} next to {a_value}{where}",
    "accessorise": "{a_name} with {value}{where}",
}


@dataclass(frozen=True)
class Variant:
    """Subject after the change of a skill.

    Args:
        value: the change in words.
        heights: range of its height in the image.
        truth: values for the reference judge.
    """

    piece: CutOut
    value: str = ""
    heights: tuple[float, float] = HEIGHTS
    truth: dict[str, Any] | None = None


class UnsuitableSubject(Exception):
    """Error for a subject that does not suit a skill."""


class RenderedExpert:
    """Renderer of new images of cut-outs.

    Args:
        subjects: subjects of the shard, for compositions.
    """

    name = "rendered"

    def __init__(self, options: SubjectsConfig, subjects: Sequence[Subject], seed: int) -> None:
        self._options, self._seed, self._subjects = options, seed, subjects
        self._scenes: list[ScenePhoto] = collect_scenes()
        self._models = {"opencv": version("opencv-python-headless")}

    def paint(self, subject: Subject) -> Iterator[ExpertImage | Rejection]:
        """Yield an image for each prompt, or the reason why the subject does not suit a skill."""
        count = self._options.prompts_per_skill * self._options.images_per_prompt
        for task in self._options.tasks:
            for number in range(count):
                rng = make_rng(self._seed, subject.subject_id, f"{task}|{number}")
                try:
                    yield self._paint(subject, task, rng)
                except UnsuitableSubject as reason:
                    yield Rejection(subject.subject_id, f"{task}: {reason}")
                    break

    def _paint(self, subject: Subject, task: Task, rng: np.random.Generator) -> ExpertImage:
        skill = task.removeprefix(PREFIX)
        assert subject.cut_out is not None
        variant = _VARIANTS[skill](to_cut_out(decode_cut_out(subject.cut_out)), rng)
        scene = self._scenes[rng.integers(len(self._scenes))]
        source = crop_scene(scene, list(RATIOS)[rng.integers(len(RATIOS))], self._options.resolution, rng)
        sides = [LEFT, RIGHT] if rng.random() < 0.5 else [RIGHT, LEFT]
        if skill == "compose":
            other = self._draw_other(subject, rng)
            assert other.cut_out is not None
            source = render(source, to_cut_out(decode_cut_out(other.cut_out)), draw_place(rng, HEIGHTS, sides[1])).image
            variant = replace(variant, value=other.name, heights=(0.3, 0.5))
        centres = sides[0] if skill == "compose" else CENTRES
        rendered = render(source, variant.piece, draw_place(rng, variant.heights, centres))
        words = _name_parts(subject.name, variant.value) | {
            "place": describe_place(rendered.box),
            "where": f", with {scene.place} in the background" if scene.place else "",
        }
        reference = int(rng.integers(len(subject.demonstrations)))
        order = (reference, *(each for each in range(len(subject.demonstrations)) if each != reference))
        box = subject.demonstrations[reference].box
        truth = {"edit": Task.OBJECT_ADDITION.name, "object": subject.name, "box": list(rendered.box)}
        truth |= {"reference_box": list(box or ()), "scene": scene.origin, **(variant.truth or {})}
        return ExpertImage(
            task=task,
            instructions=draw_templates(_TEXTS[skill], rng, **words),
            caption=_CAPTIONS[skill].format(**words),
            source=source,
            image=rendered.image,
            mask=rendered.mask,
            box=rendered.box,
            demonstrations=order,
            truth=truth,
            models=self._models,
            source_caption=scene.place or None,
        )

    def _draw_other(self, subject: Subject, rng: np.random.Generator) -> Subject:
        others = [each for each in self._subjects if each.subject_id != subject.subject_id and each.cut_out]
        if not others:
            raise UnsuitableSubject("the shard has no other subject to show next to it")
        return others[rng.integers(len(others))]


def _keep(piece: CutOut, rng: np.random.Generator) -> Variant:
    return Variant(piece)


def _recolour(piece: CutOut, rng: np.random.Generator) -> Variant:
    """Return the subject in another colour; its shading and other colours stay."""
    lab = image_to_lab(_on_grey(piece))
    own = region_colour(lab, piece.solid)
    colours = [colour for colour in COLOURS if can_become(own, colour)]
    if not colours:
        raise UnsuitableSubject("no colour is visibly different and compatible with its shading")
    colour = colours[rng.integers(len(colours))]
    painted = to_bytes(from_lab(recolor(lab, own, colour)))
    truth = {"colour": colour, "lab_ab": list(COLOURS[colour][1:])}
    return Variant(CutOut(painted.astype(np.float32), piece.alpha), colour, truth=truth)


def _restyle(piece: CutOut, rng: np.random.Generator) -> Variant:
    style = STYLES[STYLE_NAMES[rng.integers(len(STYLE_NAMES))]]
    styled = style.render(_on_grey(piece), rng)
    return Variant(CutOut(styled.astype(np.float32), piece.alpha), style.noun, truth={"style": style.name})


def _turn(piece: CutOut, rng: np.random.Generator) -> Variant:
    return Variant(mirror(piece), "facing the other way", truth={"mirrored": True})


def _dress(piece: CutOut, rng: np.random.Generator) -> Variant:
    accessory = list(ACCESSORIES)[rng.integers(len(ACCESSORIES))]
    colour = ("red", "yellow", "green", "blue", "purple", "pink")[rng.integers(6)]
    dressed, body, accessory_box = add_accessory(piece, accessory, colour)
    return Variant(dressed, f"a {colour} {accessory}", truth={"body": list(body), "accessory": list(accessory_box)})


def _on_grey(piece: CutOut) -> Image:
    opacity = np.ceil(piece.alpha)[..., None]
    return np.rint(piece.colours * opacity + GREY * (1 - opacity)).astype(np.uint8)


_VARIANTS: dict[str, Callable[[CutOut, np.random.Generator], Variant]] = {
    "recontextualise": _keep,
    "compose": _keep,
    "attribute": _recolour,
    "stylise": _restyle,
    "view": _turn,
    "accessorise": _dress,
}


def _name_parts(name: str, value: str) -> dict[str, str]:
    """Return the words of a template that name the subject and its change, with their articles."""
    return {
        "name": name,
        "a_name": with_article(name),
        "value": value,
        "a_value": with_article(value) if value else "",
        "a_changed": with_article(f"{value} {name}".strip()),
    }
