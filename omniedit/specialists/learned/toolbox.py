"""The models that learned specialists share, each loaded once a job, when it is first needed."""

from functools import cached_property

import torch

from omniedit.config import LearnedConfig
from omniedit.errors import UserError
from omniedit.grounding.detector import Detector, Grounder, Segmenter
from omniedit.models.folder import load_pipeline
from omniedit.specialists.learned.inpainter import Inpainter
from omniedit.specialists.learned.paired_sampling import PIPELINES, Pipeline
from omniedit.specialists.learned.stylist import Stylist
from omniedit.weights import folder_of, model_of


class Toolbox:
    """
    Args:
        config: sizes and counts of the run.
        device: "cuda" or "cpu", on which all is computed in float32.
    """

    def __init__(self, config: LearnedConfig, device: str) -> None:
        self.config, self.device = config, device

    @cached_property
    def grounder(self) -> Grounder:
        detector = Detector.load(folder_of("detector"), self._dtype("detector"), self.device)
        return Grounder(detector, Segmenter.load(folder_of("segmenter"), self._dtype("segmenter"), self.device))

    @cached_property
    def inpainter(self) -> Inpainter:
        return Inpainter.load(
            folder_of("inpainting"),
            model_of("inpainting").class_name,
            self._dtype("inpainting"),
            self.device,
            batch_size=self.config.batch_size,
            steps=self.config.steps,
            resolution=self.config.resolution,
        )

    @cached_property
    def stylist(self) -> Stylist:
        return Stylist.load(
            folder_of("style"),
            self._dtype("style"),
            self.device,
            batch_size=self.config.batch_size,
            steps=self.config.steps,
            resolution=self.config.resolution,
        )

    @cached_property
    def generator(self) -> Pipeline:
        """
        Raises:
            UserError: the role's class generates no pairs.
        """
        kind = model_of("generation").class_name
        if kind not in PIPELINES:
            raise UserError(
                f"config/models.yaml: generation: prompt-to-prompt works on {' and '.join(PIPELINES)}, not on {kind}"
            )
        pipeline = load_pipeline(folder_of("generation"), PIPELINES[kind], self._dtype("generation")).to(self.device)
        pipeline.vae.enable_slicing()
        return pipeline

    def revisions(self, *roles: str) -> dict[str, str]:
        """Of the models of roles, for a pair's provenance: name -> revision."""
        return {model_of(role).repository: model_of(role).revision or "" for role in roles}

    def licence(self, role: str) -> str:
        return model_of(role).licence

    def _dtype(self, role: str) -> torch.dtype:
        return torch.float32 if self.device == "cpu" else getattr(torch, model_of(role).dtype)
