"""Estimate of the resources of a training before it starts: `omniedit plan`."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from omniedit.config.schema import SHIPPED, Config, TrainConfig
from omniedit.errors import UserError
from omniedit.models.base import SD3
from omniedit.models.cost import SD3_MEDIUM, SD35_LARGE, SD35_MEDIUM, Cost, model_cost, state_bytes, step_bytes
from omniedit.models.factory import create
from omniedit.models.folder import read_config
from omniedit.models.registry import RECORDS, get_model, model_folder
from omniedit.models.shipped import FOLDER
from omniedit.models.text import MAX_TOKENS, WIDTH
from omniedit.training.base.pretrain import sd3_config
from omniedit.training.blocks import prepare_blocks, recomputes
from omniedit.training.speed import PEAK_TFLOPS

SD3_TEXT_TOKENS = 333
LATENT = 8
"""Pixels per latent along one side, for SD3's VAE and the embedded codec."""
KNOWN_SIZES = {
    "stable-diffusion-3-medium": SD3_MEDIUM,
    "stable-diffusion-3.5-medium": SD35_MEDIUM,
    "stable-diffusion-3.5-large": SD35_LARGE,
}
"""Part of a repository's name -> size of its transformer."""


@dataclass(frozen=True)
class Machine:
    """GPUs for which a training is planned.

    Args:
        gpu: a key of `PEAK_TFLOPS`.
        mfu: expected share of the peak in training (model FLOP utilisation).
    """

    gpu: str
    gpus: int
    mfu: float

    @property
    def flops(self) -> float:
        """Operations per second of all GPUs together."""
        return self.gpus * self.mfu * PEAK_TFLOPS[self.gpu] * 1e12


def plan(config: Config, machine: Machine, pairs: int | None = None) -> list[str]:
    """Return lines to print: each editor of a config with its size, memory by ZeRO stage, speed and GPU-hours.

    Args:
        pairs: number of training pairs; required if the config gives epochs.

    Raises:
        UserError: the GPUs cannot share the batch, the config gives epochs without `pairs`, or the model is not usable
            as a base.
    """
    options = config.train
    if options.batch_size % (machine.gpus * options.accumulate):
        shares = f"{machine.gpus} GPUs" + (f" in {options.accumulate} parts" if options.accumulate > 1 else "")
        raise UserError(f"train.batch_size: {options.batch_size} cannot be shared by {shares}")
    samples = sample_count(options, pairs)
    size = base_size(options)
    lines = [
        f"{options.resolution} x {options.resolution}, batch {options.batch_size}, {samples:,.0f} samples in all; "
        f"{machine.gpus} x {machine.gpu} at {machine.mfu:.0%} of {PEAK_TFLOPS[machine.gpu]:.0f} TFLOP/s",
        "",
        _row("", ["parameters", "trained", "TFLOP", "ZeRO-0", "ZeRO-1", "ZeRO-2", "ZeRO-3", "samples/s", "GPU-hours"]),
    ]
    for name in options.editors:
        cost = training_cost(name, options, size)
        speed = machine.flops / training_flops(cost, options, size)
        memory = [f"{gigabytes:.1f} GB" for gigabytes in memory_by_stage(cost, options, machine.gpus)]
        hours = machine.gpus * samples / speed / 3600
        sizes = [f"{cost.parameters / 1e9:.3f} B", f"{cost.trained / 1e9:.3f} B", f"{cost.step_flops / 1e12:.3g}"]
        lines.append(_row(name, [*sizes, *memory, f"{speed:,.1f}", f"{hours:,.1f}"]))
    at_once = options.batch_size // machine.gpus // options.accumulate
    lines += [
        "",
        f"TFLOP: forward and backward pass of a sample. Memory per GPU: state and activations of {at_once} samples,",
        f"without caches, buffers and {frozen_parts(options)}.",
        f"checkpoint_activations: {options.checkpoint_activations}; included in memory, speed and GPU-hours.",
    ]
    return [*lines, f"Base: {size.source}."]


def frozen_parts(options: TrainConfig) -> str:
    """Name the parts of the base that each GPU holds beside the editor, with their memory if the base is fetched."""
    if not options.fetched_base:
        return "the codec"
    model = get_model(options.fetched_base)
    with torch.device("meta"):
        transformer = create("channel_concat", base_size(options).config).base
    weights = sum(weight.numel() for weight in transformer.parameters()) * getattr(torch, model.dtype).itemsize
    return f"the base's text encoders and VAE ({model.memory_gb - weights / 1e9:.1f} GB)"


def sample_count(options: TrainConfig, pairs: int | None) -> float:
    """Return the number of samples that a training sees."""
    if options.epochs is None:
        return options.steps * options.batch_size
    if pairs is None:
        raise UserError(
            f"train.epochs: {options.epochs:g}: the number of training pairs is unknown; give it with --pairs"
        )
    return options.epochs * pairs


@dataclass(frozen=True)
class BaseSize:
    """Size of a training's base, which decides its cost.

    Args:
        config: arguments of its `SD3Transformer2DModel`.
        text_tokens: number of tokens of an instruction.
        source: origin of these values, to print.
    """

    config: dict[str, Any]
    text_tokens: int
    source: str


def base_size(options: TrainConfig) -> BaseSize:
    """Return the size of the base of a training.

    Raises:
        UserError: config/models.yaml has no such role, or the role's model is of another class.
    """
    role = options.fetched_base
    if role:
        return _read_size(role)
    if options.base.model == SHIPPED:
        config = read_config(FOLDER / "transformer/config.json")["base_config"]
        return BaseSize(config, MAX_TOKENS, "the small shipped one")
    return BaseSize(sd3_config(options, WIDTH), MAX_TOKENS, "the run's own, as in train.base")


def _read_size(role: str) -> BaseSize:
    model = get_model(role)
    if model.class_name != SD3:
        raise UserError(f"train.base.model: the role {role} is a {model.class_name}; an editor needs a {SD3}")
    if (RECORDS / f"{role}.json").is_file():
        folder = model_folder(role) / "transformer"
        given = {key: value for key, value in read_config(folder / "config.json").items() if not key.startswith("_")}
        return BaseSize(given, SD3_TEXT_TOKENS, f"{model.repository}, as fetched")
    known = (size for part, size in KNOWN_SIZES.items() if part in model.repository)
    size = next(known, None)
    assumed = (
        f"{model.repository}, which is not fetched; its published size is used"
        if size
        else (f"{model.repository}, which is not fetched; its size is unknown, SD3-Medium is assumed")
    )
    return BaseSize(size or SD3_MEDIUM, SD3_TEXT_TOKENS, assumed)


def training_cost(name: str, options: TrainConfig, size: BaseSize) -> Cost:
    """Compute the cost of a square sample of the config's resolution."""
    side, dtype = options.resolution // LATENT, getattr(torch, options.dtype)
    # Saved activations do not depend on the attention kernel, and are counted without compiling.
    plain = options.model_copy(update={"compile": False, "attention": "sdpa"})
    prepare = partial(prepare_blocks, options=plain)
    return model_cost(name, size.config, (side, side), size.text_tokens, dtype, prepare)


def training_flops(cost: Cost, options: TrainConfig, size: BaseSize) -> float:
    """Return the operations of a sample's forward and backward pass, including recomputed ones."""
    layers = size.config["num_layers"]
    twice = sum(recomputes(layer, options) for layer in range(layers)) / layers
    return cost.step_flops + twice * cost.forward_flops


def memory_by_stage(cost: Cost, options: TrainConfig, gpus: int) -> list[float]:
    """Return gigabytes per GPU at ZeRO stages 0 to 3: state, and the larger of activations and optimizer step."""
    size = getattr(torch, options.dtype).itemsize
    activations = cost.saved_bytes * options.batch_size / gpus / options.accumulate
    peaks = [max(activations, step_bytes(cost, stage, gpus, size)) for stage in range(4)]
    return [(state_bytes(cost, stage, gpus, size) + peak) / 1e9 for stage, peak in enumerate(peaks)]


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<16}" + "".join(f"{cell:>12}" for cell in cells)
