"""Jobs that train: editors of all architectures, the inpainting specialist, the student's fine-tuning.

Each takes one step of the trainer, DeepSpeed included: forward and backward pass, AdamW, EMA weights.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.full_size.checkpoint_keys import check_keys
from benchmarks.full_size.fake_memory import FakeMemory
from benchmarks.full_size.inference_jobs import SIDE, describe
from benchmarks.full_size.jobs import Job, Outcome, count_parameters
from benchmarks.full_size.vlms import create_vlm
from benchmarks.training_steps import EngineStep
from omniedit.architectures import ARCHITECTURES
from omniedit.config.schema import FinetuneConfig, InternvlConfig, TrainConfig
from omniedit.config.training_options import TrainerOptions
from omniedit.models.activations import default_dtype, sample_inputs
from omniedit.models.bases.registry import CLASS, SD3
from omniedit.models.editor import Editor
from omniedit.models.factory import create
from omniedit.models.inpaintnet import InpaintNet
from omniedit.models.layouts import LAYOUTS
from omniedit.models.registry import ModelEntry
from omniedit.pairs import EditPair
from omniedit.run.base_size import KNOWN_SIZES, BaseSize
from omniedit.run.plan import memory_by_stage, training_cost
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.student.finetune import prepare_student
from omniedit.scoring.student.internvl_batches import AnswerBatches
from omniedit.scoring.student.internvl_dataset import TeacherBatch
from omniedit.scoring.vlm_judges.internvl import InternvlJudge
from omniedit.tasks import Task
from omniedit.training.blocks import prepare_blocks
from omniedit.training.fitting import PIXELS_PER_LATENT
from omniedit.training.flow_batches import EditBatch, FlowBatchBuilder
from omniedit.training.objective import weighted_mean

OPTIONS = TrainConfig(batch_size=1, resolution=SIDE, dtype="bfloat16", zero_stage=2, importance="equal")
"""One sample at a time on one GPU, with the paper's precision and ZeRO stage."""
FINETUNE = FinetuneConfig(model="judge", batch_size=1)
ANSWER = '{"score": [9, 10, 8], "reasoning": "The scene is now at night; the asphalt is wet and reflects the lamps."}'


BASES: dict[str, Mapping[str, Any]] = {name: config for name, (config, _) in KNOWN_SIZES.items()}
"""Configs of all published bases."""


def editor_jobs(bases: Mapping[str, Mapping[str, Any]] = BASES, options: TrainConfig = OPTIONS) -> Iterator[Job]:
    """Yield a job for each architecture over the first base that suits it, and for the first architecture over each
    other base.
    """
    for over_unet in (False, True):
        fit = [name for name, config in bases.items() if ("block_out_channels" in config) is over_unet]
        names = [name for name, architecture in ARCHITECTURES.items() if architecture.over_unet is over_unet]
        for name, base in [*((name, first) for name in names for first in fit[:1]), *((names[0], b) for b in fit[1:])]:
            run = partial(_train_editor, name, bases[base], options)
            yield Job(f"train {name} on {base}", ARCHITECTURES[name].path.partition(":")[2], run)


def text_tokens(config: Mapping[str, Any]) -> int:
    """Return the number of tokens of an instruction for a base."""
    transformer = config.get(CLASS, SD3)
    return next(layout.text_tokens for layout in LAYOUTS.values() if layout.transformer == transformer)


def _train_editor(name: str, config: Mapping[str, Any], options: TrainConfig, memory: FakeMemory) -> Outcome:
    with torch.device("meta"), default_dtype(torch.bfloat16):
        network = create(name, config)
    size = BaseSize(dict(config), text_tokens(config), "")
    planned = memory_by_stage(training_cost(name, options, size), options, gpus=1)[options.zero_stage]
    return _train_flow(network, size.text_tokens, options, planned * 1e9, memory)


def inpainting_job(bases: Mapping[str, Mapping[str, Any]] = BASES, options: TrainConfig = OPTIONS) -> Job:
    """Return the job that trains the run's own inpainting specialist over the first base."""
    name = next(iter(bases))

    def run(memory: FakeMemory) -> Outcome:
        with torch.device("meta"), default_dtype(torch.bfloat16):
            network = InpaintNet(dict(bases[name]))
        return _train_flow(network, text_tokens(bases[name]), options, None, memory)

    return Job(f"train inpainting on {name}", "InpaintNet", run)


def _train_flow(
    network: Editor, tokens: int, options: TrainConfig, planned: float | None, memory: FakeMemory
) -> Outcome:
    """Take a step of a rectified-flow training, whose batch comes in float32 as the trainer's does."""
    side, base = options.resolution // PIXELS_PER_LATENT, check_keys(network.base) or []
    with torch.device("meta"):
        prepare_blocks(network, options)
    inputs = sample_inputs(network, (side, side), tokens, torch.float32)
    batch = EditBatch(inputs, torch.zeros_like(inputs["noisy"]), torch.ones(1))
    outputs: list[Tensor] = []
    network.register_forward_hook(lambda module, given, output: outputs.append(output))
    _train(memory.adopt(network), options, lambda engine: FlowBatchBuilder().losses(engine, batch), memory)
    faults = [*base, *check_output(outputs.pop(), inputs["noisy"].shape, getattr(torch, options.dtype))]
    shapes = f"{describe(inputs['noisy'])} -> {options.dtype}"
    return Outcome(count_parameters(network), shapes, planned, faults)


def check_output(velocity: Tensor, shape: torch.Size, dtype: torch.dtype) -> list[str]:
    """Return the faults of a network's velocity, whose shape and dtype are known."""
    if velocity.shape == shape and velocity.dtype == dtype:
        return []
    return [f"the velocity is {describe(velocity)}, not {'x'.join(map(str, shape))} {dtype}"]


def _train(network: nn.Module, options: TrainerOptions, losses: Callable[[Any], Tensor], memory: FakeMemory) -> None:
    with memory:
        step = EngineStep(network, options)
        loss = weighted_mean(losses(step.engine), torch.ones(1), torch.ones(()), 1)
        step.take(loss)


def finetune_jobs(models: Mapping[str, ModelEntry]) -> Iterator[Job]:
    """Yield the fine-tuning of the student, with adapters and of the whole language model."""
    for method in ("lora", "full"):
        run = partial(_finetune, models["judge"], FINETUNE.model_copy(update={"method": method}))
        yield Job(f"fine-tune student, {method}", models["judge"].class_name, run)


def _finetune(model: ModelEntry, options: FinetuneConfig, memory: FakeMemory) -> Outcome:
    network, processor = create_vlm("judge", model.class_name, getattr(torch, options.dtype))
    judge = InternvlJudge(network, processor, edit_rubric(), InternvlConfig())
    with torch.device("meta"):
        trained = prepare_student(network, options, seed=0)
    memory.adopt(trained)
    source, edited = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE, 3), np.uint8)
    pair = EditPair("pair", Task.STYLE_TRANSFER, ("Make it a sketch.",), source, edited, None, {"source_id": "photo"})
    batches = AnswerBatches(judge, seed=0)
    batch = batches.build(TeacherBatch((pair,), (ANSWER,)), 0, 0)
    _train(trained, options.training, lambda engine: batches.losses(engine, batch), memory)
    tokens = batch.inputs["input_ids"].shape[1]
    shapes = f"a pair of {SIDE}, {len(batch.inputs['pixel_values'])} tiles, {tokens} tokens, {options.dtype}"
    return Outcome(count_parameters(trained), shapes, None)
