"""Models that learned specialists share, each loaded once per job, on first use."""

from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch

from omniedit.config.schema import LearnedConfig
from omniedit.errors import UserError
from omniedit.grounding.detector import Detector, Grounder, GroundingLimits, Segmenter
from omniedit.models.inpaint_pipeline import InpaintPipeline
from omniedit.models.pipeline_folder import load_pipeline
from omniedit.models.registry import get_model, model_folder
from omniedit.models.roles import CONTROLNET_DEPTH, DEPTH, EDITING, GENERATION, INPAINTING, IP_ADAPTER, SEMANTIC
from omniedit.specialists.learned.compilation import compile_between_attentions, compile_blocks, get_denoiser
from omniedit.specialists.learned.condition_maps import DepthEstimator, SemanticSegmenter
from omniedit.specialists.learned.device_share import DeviceClock
from omniedit.specialists.learned.guided_inpainter import GuidedInpainter
from omniedit.specialists.learned.inpainter import Inpainter
from omniedit.specialists.learned.paired_sampling import PIPELINES, Pipeline
from omniedit.specialists.learned.stylist import Stylist
from omniedit.storage.manifest import MANIFEST, digest_file

OWN_INPAINTING = "inpainting specialist of the run"
"""Name in a pair's provenance; its revision is the SHA-256 of the model's manifest."""


class Toolbox:
    """Models of the learned specialists on one device.

    Args:
        config: sizes and counts of the run.
        device: "cuda", or "cpu"; on the CPU, everything is computed in float32.
        own_inpainting: folder of the inpainting specialist that the run trained, used instead of the downloaded one.
    """

    def __init__(self, config: LearnedConfig, device: str, own_inpainting: Path | None = None) -> None:
        self.config, self.device, self.own_inpainting = config, device, own_inpainting
        self.clock = DeviceClock(device)
        self._model = cache(lambda role: get_model(role))

    @cached_property
    def grounder(self) -> Grounder:
        size, limits = self.config.batch_size, self.config.grounding.model_dump(exclude={"dilation", "rim"})
        detector = Detector.load(model_folder("detector"), self._dtype("detector"), self.device, size)
        segmenter = Segmenter.load(model_folder("segmenter"), self._dtype("segmenter"), self.device, size)
        self.clock.watch("detector", [detector.model])
        self.clock.watch("segmenter", segmenter.model.children())  # the image embedding does not call `model.forward`
        return Grounder(detector, segmenter, GroundingLimits(**limits))

    @cached_property
    def inpainter(self) -> Inpainter:
        folder = self.own_inpainting or model_folder(INPAINTING)
        kind = InpaintPipeline.__name__ if self.own_inpainting else get_model(INPAINTING).class_name
        inpainter = Inpainter.load(folder, kind, self._dtype(INPAINTING), self.device, **self._sizes)
        self._prepare(INPAINTING, inpainter.pipeline)
        return inpainter

    @cached_property
    def stylist(self) -> Stylist:
        folders = model_folder("style"), model_folder("style_configs")
        stylist = Stylist.load(*folders, self._dtype("style"), self.device, **self._sizes)
        self._prepare("style", stylist.pipeline)
        return stylist

    @cached_property
    def editor(self) -> Stylist:
        editor = Stylist.load_kontext(model_folder(EDITING), self._dtype(EDITING), self.device, **self._sizes)
        self._prepare(EDITING, editor.pipeline)
        return editor

    @cached_property
    def reference_painter(self) -> GuidedInpainter:
        """Return the model of `generation` as an inpainting model that follows a reference image.

        It is loaded a second time, because the adapter changes its attention.
        """
        return self._load_guided(None)

    @cached_property
    def material_painter(self) -> GuidedInpainter:
        """Return a painter like `reference_painter` that also follows a depth map."""
        return self._load_guided(model_folder(CONTROLNET_DEPTH))

    def _load_guided(self, controlnet: Path | None) -> GuidedInpainter:
        folders = model_folder(GENERATION), model_folder(IP_ADAPTER), controlnet
        painter = GuidedInpainter.load_guided(*folders, self._dtype(GENERATION), self.device, **self._sizes)
        self._prepare(IP_ADAPTER, painter.pipeline)
        return painter

    @cached_property
    def depth(self) -> DepthEstimator:
        estimator = DepthEstimator.load(model_folder(DEPTH), self._dtype(DEPTH), self.device)
        self.clock.watch(DEPTH, [estimator.model])
        return estimator

    @cached_property
    def semantic(self) -> SemanticSegmenter:
        segmenter = SemanticSegmenter.load(model_folder(SEMANTIC), self._dtype(SEMANTIC), self.device)
        self.clock.watch(SEMANTIC, [segmenter.model])
        return segmenter

    @cached_property
    def generator(self) -> Pipeline:
        """Return the text-to-image pipeline.

        Raises:
            UserError: prompt-to-prompt does not work on the configured class.
        """
        kind = get_model("generation").class_name
        if kind not in PIPELINES:
            raise UserError(
                f"config/models.yaml: generation: prompt-to-prompt needs {' or '.join(PIPELINES)}, not {kind}"
            )
        pipeline = load_pipeline(model_folder("generation"), PIPELINES[kind], self._dtype("generation")).to(self.device)
        pipeline.vae.enable_slicing()
        self.clock.watch_pipeline("generation", pipeline)
        if self.config.compile:
            compile_between_attentions(get_denoiser(pipeline))
        return pipeline

    @property
    def _sizes(self) -> dict[str, Any]:
        return self.config.model_dump(include={"batch_size", "steps", "resolution"})

    def _prepare(self, role: str, pipeline: Any) -> None:
        """Time the pipeline's parts, and compile its denoiser if the config says so."""
        self.clock.watch_pipeline(role, pipeline)
        if self.config.compile:
            compile_blocks(get_denoiser(pipeline))

    def revisions(self, *roles: str) -> dict[str, str]:
        """Return the models that fill some roles, for a pair's provenance: name -> revision."""
        return dict(map(self._revision, roles))

    def _revision(self, role: str) -> tuple[str, str]:
        if role == INPAINTING and self.own_inpainting:
            return OWN_INPAINTING, self._own_revision
        return self._model(role).repository, self._model(role).revision or ""

    @cached_property
    def _own_revision(self) -> str:
        assert self.own_inpainting
        return digest_file(self.own_inpainting / MANIFEST)

    def licence(self, role: str) -> str:
        return self._model(role).licence

    def _dtype(self, role: str) -> torch.dtype:
        if self.device == "cpu":
            return torch.float32
        own = role == INPAINTING and self.own_inpainting
        return torch.bfloat16 if own else getattr(torch, get_model(role).dtype)
