"""Edits of a textured photo whose truth is known, and their scores by the reference judge."""

import cv2
import numpy as np

from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import decode_image, resize_cover
from omniedit.pairs import EditPair
from omniedit.scoring.reference.judge import score_pair
from omniedit.scoring.verdict import Score
from omniedit.sources.photo_index import SAMPLE
from omniedit.specialists.embedded.style import STYLES
from omniedit.tasks import Task

SIDE = 256
BOXES = {"ball": (0.15, 0.2, 0.45, 0.5), "cube": (0.55, 0.45, 0.85, 0.75)}


def grass(seed: int, colour: tuple[int, int, int] = (90, 140, 70)) -> np.ndarray:
    """Return a textured ground with nothing on it."""
    return np.clip(np.array(colour) + texture(seed)[..., None], 0, 255).astype(np.uint8)


def texture(seed: int) -> np.ndarray:
    """Return (SIDE, SIDE) crisp grain."""
    grain = np.random.default_rng(seed).normal(0, 40, (SIDE, SIDE)).astype(np.float32)
    return cv2.GaussianBlur(grain, (0, 0), 0.8)


def place(name: str, margin: float = 0.0) -> np.ndarray:
    """Return the mask of an object's ellipse, grown by `margin` of its size."""
    left, top, right, bottom = (round(edge * SIDE) for edge in BOXES[name])
    mask = np.zeros((SIDE, SIDE), np.uint8)
    centre, axes = ((left + right) // 2, (top + bottom) // 2), ((right - left) // 2, (bottom - top) // 2)
    cv2.ellipse(mask, centre, tuple(round(a * (1 + margin)) for a in axes), 0, 0, 360, 1, -1)
    return mask > 0


def with_object(image: np.ndarray, name: str, colour: tuple[int, int, int], across: bool = False) -> np.ndarray:
    """Draw a shaded, striped object on the ground."""
    ys, xs = np.mgrid[:SIDE, :SIDE]
    shade = 0.7 + 0.15 * np.sin((ys if across else xs) / 3) + 0.3 * (ys / SIDE)
    thing = np.clip(np.array(colour) * shade[..., None] + 1.5 * texture(8 if across else 7)[..., None], 0, 255).astype(
        np.uint8
    )
    return np.where(place(name)[..., None], thing, image)


def removal(name: str) -> EditPair:
    ground = grass(1)
    truth = {"object": name, "box": list(BOXES[name])}
    photo = with_object(ground, name, (200, 60, 50))
    return pair(Task.OBJECT_REMOVAL, photo, ground, place(name, 0.2), f"Remove the {name}.", truth)


def pair(
    task: Task, source: np.ndarray, edited: np.ndarray, mask: np.ndarray | None, text: str, truth: dict
) -> EditPair:
    about = {"source_id": "made", "caption": "Toys in a meadow", "truth": truth, "known_truth": True}
    return EditPair(f"{task}-{text}", task, (text,), source, edited, mask, about)


def good_pairs(task: Task) -> list[EditPair]:
    if task is Task.OBJECT_REMOVAL:
        return [removal("ball"), removal("cube")]
    if task is Task.OBJECT_ADDITION:
        inverse = [(p, p.provenance["truth"]) for p in good_pairs(Task.OBJECT_REMOVAL)]
        return [pair(task, p.edited, p.source, p.mask, f"Add a {t['object']}.", t) for p, t in inverse]
    if task is Task.OBJECT_SWAP:
        pairs = []
        for name in BOXES:
            truth = {"object": name, "new_object": "blue " + name, "box": BOXES[name], "new_box": BOXES[name]}
            before = with_object(grass(1), name, (200, 60, 50))
            after = with_object(grass(1), name, (60, 80, 220), across=True)
            pairs.append(pair(task, before, after, place(name, 0.1), f"Swap the {name}.", truth))
        return pairs
    if task is Task.ATTRIBUTE_MODIFICATION:
        pairs = []
        for name, value, ab in (("ball", "blue", [15, -50]), ("cube", "green", [-45, 40])):
            source = with_object(grass(1, (150, 150, 150)), name, (180, 90, 90))
            lab = image_to_lab(source)
            lab[place(name), 1:] = ab
            edited = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255 + 0.5, 0, 255).astype(np.uint8)
            truth = {"object": name, "attribute": "colour", "value": value, "lab_ab": ab, "box": BOXES[name]}
            edited[~place(name)] = source[~place(name)]
            pairs.append(pair(task, source, edited, place(name, 0.05), f"Make the {name} {value}.", truth))
        return pairs
    if task is Task.BACKGROUND_SWAP:
        source = with_object(grass(1), "ball", (200, 60, 50))
        edited = with_object(grass(3, (60, 120, 200)), "ball", (200, 60, 50))
        truth = {"object": "ball", "background": "the sea", "background_source_id": "sea"}
        return [pair(task, source, edited, ~place("ball"), "Put the ball in the sea.", truth)]
    source = with_object(with_object(grass(1), "ball", (200, 60, 50)), "cube", (90, 90, 220))
    if task is Task.ENVIRONMENT_CHANGE:
        lab = image_to_lab(source)
        night, golden = lab * [0.4, 0.5, 0.5] - [0, 0, 10], lab + [0, 8, 15]
        images = {"night": night, "golden_hour": golden}
        return [
            pair(task, source, _rgb(changed), None, f"Make it {kind}.", {"environment": kind})
            for kind, changed in images.items()
        ]
    photo = resize_cover(decode_image((SAMPLE / "two_dogs.jpg").read_bytes(), "photo"), 2 * SIDE, 2 * SIDE)
    return [
        pair(
            task,
            photo,
            STYLES[style].render(photo, np.random.default_rng(0)),
            None,
            f"Make it {style}.",
            {"style": style},
        )
        for style in ("old sepia photograph", "coloured pencil drawing")
    ]


def _rgb(lab: np.ndarray) -> np.ndarray:
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255 + 0.5, 0, 255).astype(np.uint8)


def score_edit(edit: EditPair) -> Score:
    verdict = score_pair(edit)
    assert isinstance(verdict, Score), verdict
    return verdict


def change_region(environment: object, source: np.ndarray, edited: np.ndarray) -> EditPair:
    return pair(Task.ENVIRONMENT_CHANGE, source, edited, None, f"Make it {environment}.", {"environment": environment})
