"""Models of the learned specialists with tiny random weights, and a proposal for each task."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import tiny_folders
from omniedit.aspect import bucket_size
from omniedit.config.schema import LearnedConfig
from omniedit.grounding.detector import Detections, Detector, Grounder, GroundingLimits, PhraseQuery, Segmenter
from omniedit.instructions.edit_proposals.classes import Proposal
from omniedit.instructions.edit_proposals.table import CLASSES
from omniedit.models.registry import get_model
from omniedit.models.roles import CLASSES as SERVING
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest
from omniedit.specialists.learned import shared_models as toolbox_module
from omniedit.specialists.learned.shared_models import Toolbox
from omniedit.specialists.registry import LEARNED, class_at
from omniedit.tasks import Task

GUIDING = ("editing", "ip_adapter", "depth", "controlnet_depth", "semantic")
MAKERS = {
    "detector": tiny_folders.make_detector,
    "segmenter": tiny_folders.make_segmenter,
    "inpainting": tiny_folders.make_sdxl_inpainting,
    "generation": tiny_folders.make_sdxl,
    "style": tiny_folders.make_single_style,
    "style_configs": tiny_folders.make_style_configs,
    **{role: partial(tiny_folders.MAKER.save, SERVING[role][0]) for role in GUIDING},
}
REMOVAL = {"object": "dog", "background": "the fog"}
ALTERED = ("color_alter", "appearance_alter", "material_change")
CONDITIONED = ("visual_bbox", "visual_depth", "visual_scribble", "visual_segment", "visual_sketch")
PROMPTS = {"source_prompt": "make the dog", "target_prompt": "make the fog"}
FIELDS: dict[Task, dict[str, Any]] = {
    Task.OBJECT_SWAP: {"object": "dog", "new_object": "red car"},
    Task.OBJECT_REMOVAL: {"object": "dog", "background": "the fog"},
    Task.OBJECT_ADDITION: {"object": "dog", "background": "the fog"},
    Task.ATTRIBUTE_MODIFICATION: {"object": "dog", "attribute": "colour", "value": "fog", "emphasis": 2.0, **PROMPTS},
    Task.BACKGROUND_SWAP: {"object": "dog", "background": "the fog"},
    Task.ENVIRONMENT_CHANGE: {"environment": "fog", "object": "dog", **PROMPTS},
    Task.STYLE_TRANSFER: {"style": "night"},
    Task("remove"): REMOVAL,
    Task("add"): REMOVAL,
    Task("replace"): {"object": "dog", "new_object": "red car"},
    Task("counting"): {**REMOVAL, "kind": "dog", "count": 2},
    Task("textual_change"): {"object": "dog", "text": "fig", "new_text": "car", "new_object": "a sketch of the car"},
    Task("background_change"): REMOVAL,
    **{Task(name): {"object": "dog", "value": "red"} for name in ALTERED},
    Task("action_change"): {"object": "dog", "action": "fog", **PROMPTS},
    Task("tone_transfer"): {"environment": "fog"},
    Task("style_change"): {"style": "night"},
    Task("movement"): {**REMOVAL, "direction": "left", "distance": 0.2},
    Task("resize"): {**REMOVAL, "scale": 0.5},
    Task("relation"): {**REMOVAL, "anchor": "the car", "side": "left"},
    Task("outpaint"): {"side": "left", "scene": "the fog"},
    Task("rotation_change"): {"object": "dog", "direction": "clockwise"},
    Task("implicit_change"): {"cause": "no rain", "explicit": "make it night"},
    Task("visual_reference"): {"object": "dog", "new_object": "a red car"},
    Task("material_transfer"): {"object": "dog", "value": "blue stone"},
    **{Task(name): {**REMOVAL, "new_object": "a red car"} for name in CONDITIONED},
}
BOX = torch.tensor([[0.25, 0.25, 0.75, 0.75]])


class Finder(Detector):
    """Detector that finds the same box in every image for which `found` is true."""

    found = staticmethod(lambda image: True)

    def detect(self, queries: list[PhraseQuery], limits: GroundingLimits) -> list[Detections]:
        super().detect(queries, limits)
        counts = [int(self.found(query.image)) for query in queries]
        return [Detections(BOX[:count], torch.tensor([0.9])[:count]) for count in counts]


class Outliner(Segmenter):
    """Segmenter that returns a fixed box as the mask."""

    def masks(self, images: list[np.ndarray], boxes: list[torch.Tensor]) -> list[np.ndarray]:
        masks = super().masks(images, boxes)
        for of_picture in masks:
            height, width = of_picture.shape[1:]
            of_picture[:] = False
            of_picture[:, height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = True
        return masks


@contextmanager
def open_tiny_toolbox(root: Path) -> Iterator[Toolbox]:
    """Yield real models with random weights, except that detector and segmenter find a fixed box."""
    for role, make in MAKERS.items():
        make(root / role)
    sdxl = {"class_name": "StableDiffusionXLInpaintPipeline"}
    made = Toolbox(LearnedConfig(replies="", batch_size=2, candidates=2, resolution=64, steps=2), "cpu")
    made.grounder = Grounder(Finder.load(root / "detector"), Outliner.load(root / "segmenter"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toolbox_module, "model_folder", lambda role: root / role)
        patch.setattr(
            toolbox_module,
            "get_model",
            lambda role: get_model(role).model_copy(update=sdxl if role == "inpainting" else {}),
        )
        yield made


def photo(name: str, ratio: str = "4x3") -> Photo:
    width, height = bucket_size(ratio, 64)
    return Photo(name, np.random.default_rng(len(name)).integers(0, 255, (height, width, 3), np.uint8), ratio)


def specialist(task: Task, toolbox: Toolbox, *names: str) -> Any:
    proposal = CLASSES[task](instructions=["Make the edit."], **FIELDS[task])
    proposals: Mapping[str, list[Proposal]] = {name: [proposal] for name in names}
    return class_at(LEARNED[task])(toolbox, proposals, task)


def propose_requests(made: Any, *photos: Photo) -> list[EditRequest]:
    return [made.propose(each, np.random.default_rng(seed)) for seed, each in enumerate(photos)]
