"""Jobs that only run networks: learned specialists, judges, the proposer, encoding of pairs, sampling of edits.

The networks run on fake tensors. Everything else runs in full: pipelines' loops, schedulers, image processors,
composition.
"""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import SD3Transformer2DModel
from PIL import Image as PillowImage
from torch import nn
from transformers import GroundingDinoForObjectDetection

from benchmarks.full_size.checkpoint_keys import check_keys
from benchmarks.full_size.fake_memory import FakeMemory
from benchmarks.full_size.jobs import Job, Outcome, count_parameters
from benchmarks.full_size.vlms import BY_ROLE, create_vlm
from benchmarks.random_model_sizes import FULL, Sizes
from benchmarks.random_models import Maker
from benchmarks.specialist_speed import STYLE, Bench
from omniedit.architectures import ARCHITECTURES
from omniedit.config.schema import LearnedConfig, ProposalsConfig, VlmConfig
from omniedit.models.base import Base
from omniedit.models.codec import encode
from omniedit.models.factory import build
from omniedit.models.registry import ModelEntry
from omniedit.models.roles import INPAINTING, ROLES
from omniedit.models.text import Text
from omniedit.scoring.examples import Example
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.vlm_judges.local import LocalJudge
from omniedit.specialists.base import EditResult
from omniedit.specialists.learned.inpainter import KINDS
from omniedit.tasks import OMNIEDIT_TASKS, Task
from omniedit.vlm.cache import Cache
from omniedit.vlm.local import LocalModel
from omniedit.vlm.messages import Prompt, PromptImage

SIDE = 1024
STEPS = 2
"""Number of denoising steps. The second step runs everything that later ones run."""
UNLIKELY = -100.0
"""Logit of a detector that finds nothing."""
Models = dict[str, ModelEntry]
"""Entries of config/models.yaml by role."""


class FakeMaker(Maker):
    """Factory for networks on fake tensors.

    Args:
        dtype: of the networks, as in config/models.yaml.
    """

    def __init__(self, memory: FakeMemory, dtype: str, sizes: Sizes = FULL) -> None:
        super().__init__(sizes, "meta")
        self.memory, self.dtype, self.device = memory, getattr(torch, dtype), "cpu"
        self.made: list[nn.Module] = []

    def _build(self, make: Any) -> Any:
        return self.adopt(self._on_meta(make))

    def _on_meta(self, make: Any) -> Any:
        self.device = "meta"
        try:
            return super()._build(make)
        finally:
            self.device = "cpu"

    def adopt(self, network: Any) -> Any:
        """Put a network on fake tensors; it takes and returns real ones."""
        self.made.append(self.memory.adopt(network))
        methods = [name for name in ("encode", "decode", "get_image_embeddings") if hasattr(network, name)]
        fill = UNLIKELY if isinstance(network, GroundingDinoForObjectDetection) else 0.0
        return self.memory.isolate(network, "forward", *methods, fill=fill)

    def base(self) -> Base:
        """Return SD3 with its VAE in float32, as `Base.load` loads it; the transformer is on the meta device."""
        parts = self._sd3_parts()
        scheduler, vae = parts.pop("scheduler"), parts.pop("vae").float()
        transformer = self._on_meta(lambda: SD3Transformer2DModel(**self.sizes.sd3))
        return Base(transformer, vae, Text(**parts), scheduler, "velocity")

    def outcome(self, shapes: str, planned_gb: float | None) -> Outcome:
        faults = [fault for network in self.made for fault in check_keys(network) or ()]
        planned = None if planned_gb is None else planned_gb * 1e9
        return Outcome(count_parameters(*self.made), shapes, planned, faults)


def specialist_jobs(models: Models, sizes: Sizes = FULL, side: int = SIDE) -> Iterator[Job]:
    """Yield a job for each task's specialist with the model of config/models.yaml, and one with the run's own."""
    for task in OMNIEDIT_TASKS:
        role = {"inpainting", "generation", "style"}.intersection(ROLES[task]).pop()
        kind = STYLE if task is Task.STYLE_TRANSFER else models[role].class_name
        yield _specialist_job(task, kind, role, models, sizes, side)
    for kind in KINDS:
        if kind != models[INPAINTING].class_name:
            yield _specialist_job(Task.OBJECT_REMOVAL, kind, INPAINTING, models, sizes, side)


def _specialist_job(task: Task, kind: str, role: str, models: Models, sizes: Sizes, side: int) -> Job:
    return Job(f"specialist {task}", kind, partial(_edit, task, kind, role, models, sizes, side))


def _edit(task: Task, kind: str, role: str, models: Models, sizes: Sizes, side: int, memory: FakeMemory) -> Outcome:
    dtype = models[role].dtype if kind == models[role].class_name else "bfloat16"
    maker = FakeMaker(memory, dtype, sizes)
    config = LearnedConfig(replies="", resolution=side, steps=STEPS)
    bench = Bench(task, kind, maker, config)
    requests = bench.requests("1x1")
    edits = bench.specialist.edit(requests)
    images = [edit.image for edit in edits if isinstance(edit, EditResult)]
    # The detector of the benchmark finds the object everywhere, also where it was removed.
    faults = [] if images or task is Task.OBJECT_ADDITION else [f"{task}: no edit"]
    shape = "x".join(map(str, images[0].shape)) if images else "no edit"
    roles = [name for name in ROLES[task] if kind == models[role].class_name or name != role]
    planned = sum(models[name].memory_gb for name in roles) if role in roles else None
    outcome = maker.outcome(f"{len(edits)} photos of {side} -> {shape}, {dtype}", planned)
    outcome.faults.extend(faults)
    return outcome


def judge_jobs(models: Models) -> Iterator[Job]:
    """Yield a job for each local judge of config/models.yaml, and one for the proposer."""
    for role in BY_ROLE:
        run = _propose if role == "proposer" else _judge
        name = role if role == "proposer" else f"judge {role}"
        yield Job(name, models[role].class_name, partial(run, role, models[role]))


def _judge(role: str, model: ModelEntry, memory: FakeMemory) -> Outcome:
    network, processor = adopt_vlm(role, model, memory)
    LocalJudge(network, processor, edit_rubric(), VlmConfig(batch_size=1)).mark(examples(1, SIDE))
    shapes = f"a pair of {SIDE}, {model.dtype}"
    return Outcome(count_parameters(network), shapes, model.memory_gb * 1e9)


def adopt_vlm(role: str, model: ModelEntry, memory: FakeMemory) -> tuple[Any, Any]:
    """Return a vision-language model on fake tensors, and its processor."""
    network, processor = create_vlm(role, model.class_name, getattr(torch, model.dtype))
    memory.adopt(network)
    memory.isolate(network)
    memory.isolate(network.model, "get_image_features")
    return network, processor


def examples(count: int, side: int) -> list[Example]:
    """Return pairs of noise, each to be judged on its own."""
    images = np.random.default_rng(0).integers(0, 255, (count, 2, side, side, 3), np.uint8)
    text = {"instruction": "Make it night, with wet asphalt."}
    return [Example({"source": source, "edited": edited}, dict(text)) for source, edited in images]


def _propose(role: str, model: ModelEntry, memory: FakeMemory) -> Outcome:
    network, processor = adopt_vlm(role, model, memory)
    side = ProposalsConfig().local.max_side
    prompt = Prompt(("Propose an edit of this photo.", PromptImage(np.zeros((side, side, 3), np.uint8))), STEPS)
    with tempfile.TemporaryDirectory() as folder:
        LocalModel(network, processor, "full size", Cache(Path(folder))).ask([prompt])
    return Outcome(count_parameters(network), f"a photo of {side}, {model.dtype}", model.memory_gb * 1e9)


def sampling_jobs(model: ModelEntry, sizes: Sizes = FULL, side: int = SIDE) -> Iterator[Job]:
    """Yield a job for sampling with each architecture over the base of config/models.yaml, and one for encoding."""
    yield Job("encode pairs", "AutoencoderKL", partial(_encode, model, sizes, side))
    for name in (name for name, architecture in ARCHITECTURES.items() if not architecture.over_unet):
        yield Job(f"sample {name}", model.class_name, partial(_sample, name, model, sizes, side))


def _encode(model: ModelEntry, sizes: Sizes, side: int, memory: FakeMemory) -> Outcome:
    maker = FakeMaker(memory, model.dtype, sizes)
    base = maker.base()
    latents = encode(base.vae, torch.zeros(4, 3, side, side))  # source, edited, and both mirrored
    prompt, pooled = base.text.encode(["make it a sketch"])
    shapes = f"4x3x{side}x{side} -> {describe(latents)}, text {describe(prompt)} and {describe(pooled)}"
    return maker.outcome(shapes, None)


def _sample(name: str, model: ModelEntry, sizes: Sizes, side: int, memory: FakeMemory) -> Outcome:
    maker = FakeMaker(memory, model.dtype, sizes)
    base = maker.base()
    editor = maker.adopt(build(name, base.transformer))
    pipeline = base.pipeline(editor.eval(), side)
    pipeline.set_progress_bar_config(disable=True)
    photo = PillowImage.fromarray(np.zeros((side, side, 3), np.uint8))
    scales: dict[str, Any] = {"guidance_scale": 7.5, "image_guidance_scale": 1.5}
    edit = pipeline(image=photo, instruction="make it a sketch", num_inference_steps=STEPS, **scales).images[0]
    return maker.outcome(f"{side} x {side} -> {edit.size[0]} x {edit.size[1]}, {model.dtype}", None)


def describe(tensor: torch.Tensor) -> str:
    return f"{'x'.join(map(str, tensor.shape))} {str(tensor.dtype).removeprefix('torch.')}"
