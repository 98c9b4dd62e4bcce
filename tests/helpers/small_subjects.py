"""Subjects with two coloured shapes as cut-outs, photographed in small noise scenes, without files of this machine."""

from functools import cache

import cv2
import numpy as np

from omniedit.config.subjects import SubjectsConfig
from omniedit.subjects.cut_outs import NamedCutOut, ScenePhoto
from omniedit.subjects.subject import Subject
from omniedit.subjects.synthetic_subjects import photograph

OPTIONS = SubjectsConfig(source="cut_outs", resolution=192, per_shard=2, max_demonstrations=3)


@cache
def scenes() -> tuple[ScenePhoto, ...]:
    """Return four scenes of smooth noise, (300, 400, 3)."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(4):
        noise = rng.normal(0, 1, (300, 400, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), 2) * 60 + rng.uniform(90, 160, 3)
        image = np.clip(smooth, 0, 255).astype(np.uint8)
        made.append(ScenePhoto(lambda image=image: image, f"place {number}", f"scene{number}"))
    return tuple(made)


def cut_out(name: str, colour: tuple[int, int, int]) -> NamedCutOut:
    """Return a striped figure with an arm on the right, so that its mirror image differs."""
    rgba = np.zeros((160, 120, 4), np.uint8)
    cv2.ellipse(rgba, (55, 90), (50, 68), 0, 0, 360, (*colour, 255), cv2.FILLED)
    cv2.rectangle(rgba, (60, 20), (118, 45), (*colour, 255), cv2.FILLED)
    stripes = (np.arange(160) // 12 % 2 == 0)[:, None]
    shade = np.where(stripes, 0.6, 1.0)[..., None] * np.linspace(0.7, 1.2, 120)[None, :, None]
    rgba[..., :3] = np.clip(rgba[..., :3] * shade, 0, 255)
    return NamedCutOut(name, rgba, f"drawn/{name}.png", "CC0")


@cache
def subjects() -> tuple[Subject, ...]:
    named = (cut_out("red mug", (200, 60, 40)), cut_out("blue vase", (50, 90, 190)))
    return tuple(photograph(each, scenes(), OPTIONS, seed=0) for each in named)
