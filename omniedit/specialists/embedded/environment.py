"""Environment change: the same outdoor scene at another time of day, in other weather or in another season."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from omniedit.grounding.outdoors import caption_says_outdoors, shows_outdoors
from omniedit.imaging.color import luma, to_float, to_lab
from omniedit.imaging.images import Image
from omniedit.instructions.templates.appearance import environment_instructions
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.specialists.embedded.relighting import dusk, golden_hour, night, overcast
from omniedit.specialists.embedded.scene_cues import SceneCues, analyse_scene
from omniedit.specialists.embedded.weather import autumn, fog, rain, snow
from omniedit.specialists.photo_cache import PhotoCache
from omniedit.tasks import Task

Relight = Callable[[Image, SceneCues, np.random.Generator], Image]

ENVIRONMENTS: dict[str, Relight] = {
    "night": night,
    "dusk": dusk,
    "golden_hour": golden_hour,
    "overcast": overcast,
    "fog": fog,
    "rain": rain,
    "snow": snow,
    "autumn": autumn,
}

MIN_CHANGE = 0.025
"""Mean absolute difference, for values in [0, 1], below which the new environment is not visible."""


@dataclass(frozen=True)
class PhotoTone:
    """Mean tone of a photo before the change.

    Args:
        luma: in [0, 1].
        warmth: mean CIE b*, about 5 for a photo by day and 20 for one in evening light.
        chroma: mean chroma of CIE a*, b*.
    """

    luma: float
    warmth: float
    chroma: float


def measure_mood(image: Image) -> PhotoTone:
    rgb = to_float(image[::4, ::4].copy())
    lab = to_lab(rgb)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    return PhotoTone(float(luma(rgb).mean()), float(lab[..., 2].mean()), float(chroma.mean()))


def credibility(scene: SceneCues, mood: PhotoTone) -> list[str]:
    """Return the environments that suit this photo: the change is visible and plausible.

    Only autumn leaves the sky as it is, and needs no certain sky. Thick foliage does not look snowy when whitened.
    """
    snow_lies = scene.plant_share < 0.1 or (scene.sky_share > 0 and scene.sharp > 0.5 and scene.plant_share < 0.3)
    suits = {
        "night": mood.luma > 0.15 and (scene.sharp > 0.5 or scene.plant_share < 0.3),
        "dusk": mood.luma > 0.2,
        "golden_hour": mood.warmth < 16,
        "overcast": not scene.sun and mood.chroma > 10,
        "fog": True,
        "rain": not scene.sun,
        "snow": not scene.sun and snow_lies,
        "autumn": not scene.sun and scene.plant_share > 0.2,
    }
    return [name for name in ENVIRONMENTS if suits[name] and (name == "autumn" or not scene.sky_doubt)]


class EnvironmentChange(EmbeddedSpecialist):
    """Relighting of the whole photo. Truth: environment, a key of ENVIRONMENTS."""

    task = Task.ENVIRONMENT_CHANGE

    def __init__(self) -> None:
        self.scenes = PhotoCache(lambda photo: analyse_scene(photo.image))

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        scene = self.scenes(photo)
        if not (caption_says_outdoors(photo.caption) or shows_outdoors(photo.image, scene.sky > 0)):
            raise NotApplicable(
                "may be indoors: no sky is visible, foliage does not fill it, and its caption names no outdoor place"
            )
        environments = credibility(scene, measure_mood(photo.image))
        if not environments:
            raise NotApplicable(scene.sky_doubt or "no other light or weather would be visible in this photo")
        environment = environments[rng.integers(len(environments))]
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=environment_instructions(
                environment, rng, sky=scene.sky_share > 0, ground=scene.plant_share > 0.1
            ),
            truth={"environment": environment},
            parts={"scene": scene, "seed": int(rng.integers(2**63))},
        )

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        assert request.parts
        source, environment = request.photo.image, request.truth["environment"]
        image = ENVIRONMENTS[environment](source, request.parts["scene"], np.random.default_rng(request.parts["seed"]))
        change = float(np.abs(to_float(image) - to_float(source)).mean())
        if change < MIN_CHANGE:
            return NotApplicable(f"{environment} changes the photo by only {change:.3f}; it already looks like that")
        return EditResult(image, None, {"opencv": version("opencv-python-headless")})
