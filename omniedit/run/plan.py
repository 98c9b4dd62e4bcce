"""Estimate of the resources of a training before it starts: `omniedit plan`."""

from dataclasses import dataclass
from functools import partial

import torch

from omniedit.config.schema import Config, TrainConfig
from omniedit.errors import UserError
from omniedit.models import create
from omniedit.models.cost import Cost, model_cost
from omniedit.models.lora import add_adapters
from omniedit.models.memory import peak_bytes, state_memory
from omniedit.run.base_size import BaseSize, base_size
from omniedit.run.fitting import describe_fit
from omniedit.training.fitting import PIXELS_PER_LATENT, check_resolution, choose_layers
from omniedit.training.speed import GPU_GB, PEAK_TFLOPS


@dataclass(frozen=True)
class Machine:
    """GPUs for which a training is planned.

    Args:
        gpu: a key of `PEAK_TFLOPS`.
        mfu: expected share of the peak in training (model FLOP utilisation).
        memory_gb: memory of each GPU; None for that of its data sheet.
    """

    gpu: str
    gpus: int
    mfu: float
    memory_gb: float | None = None

    @property
    def memory(self) -> float:
        """Memory of each GPU in GB."""
        return GPU_GB[self.gpu] if self.memory_gb is None else self.memory_gb

    @property
    def flops(self) -> float:
        """Operations per second of all GPUs together."""
        return self.gpus * self.mfu * PEAK_TFLOPS[self.gpu] * 1e12


def plan(config: Config, machine: Machine, pairs: int | None = None) -> list[str]:
    """Return lines to print: each editor of a config with its size, memory by ZeRO stage, speed and GPU-hours.

    Args:
        pairs: number of training pairs; required if the config gives epochs.

    Raises:
        UserError: the GPUs cannot share the batch, the config gives epochs without `pairs`, the model is not usable as
            a base, or the base does not support images of the resolution.
    """
    options = config.train
    _check_batch_size(options, machine.gpus)
    samples = sample_count(options, pairs)
    size = base_size(options)
    with torch.device("meta"):
        check_resolution(create(options.model, size.config), options.resolution)
    lines = [
        f"{options.resolution} x {options.resolution}, batch {options.batch_size}, {samples:,.0f} samples in all; "
        f"{machine.gpus} x {machine.gpu} at {machine.mfu:.0%} of {PEAK_TFLOPS[machine.gpu]:.0f} TFLOP/s",
        "",
        _row("", ["parameters", "trained", "TFLOP", "ZeRO-0", "ZeRO-1", "ZeRO-2", "ZeRO-3", "samples/s", "GPU-hours"]),
    ]
    costs = {name: training_cost(name, options, size, machine.gpus) for name in options.editors}
    for name, cost in costs.items():
        speed = machine.flops / training_flops(cost)
        memory = [f"{gigabytes:.1f} GB" for gigabytes in memory_by_stage(cost, options, machine.gpus)]
        hours = machine.gpus * samples / speed / 3600
        sizes = [f"{cost.parameters / 1e9:.3f} B", f"{cost.trained / 1e9:.3f} B", f"{cost.step_flops / 1e12:.3g}"]
        lines.append(_row(name, [*sizes, *memory, f"{speed:,.1f}", f"{hours:,.1f}"]))
    at_once = options.batch_size // machine.gpus // options.accumulate
    counted = "1 sample" if at_once == 1 else f"{at_once} samples"
    lines += [
        "",
        f"TFLOP: forward and backward pass of a sample. Memory per GPU: state and activations of {counted},",
        f"without caches, buffers and {frozen_parts(options, size)}.",
        f"checkpoint_activations: {options.checkpoint_activations}; included in memory, speed and GPU-hours.",
    ]
    fit = describe_fit(costs, options, size, machine.gpu, machine.gpus, machine.memory)
    return [*lines, "", *fit, "", f"Base: {size.source}."]


def _check_batch_size(options: TrainConfig, gpus: int) -> None:
    """Check that GPUs can share a batch.

    Raises:
        UserError: they cannot.
    """
    if options.batch_size % (gpus * options.accumulate):
        shares = f"{gpus} GPUs" + (f" in {options.accumulate} parts" if options.accumulate > 1 else "")
        remedy = f"give --gpus {options.batch_size // options.accumulate}, or a divisor of it"
        raise UserError(f"train.batch_size: {options.batch_size} cannot be shared by {shares}; {remedy}")


def frozen_parts(options: TrainConfig, size: BaseSize) -> str:
    """Describe the parts of the base that each GPU holds besides the editor, with their memory if it is known."""
    if not size.encoders:
        return "the codec"
    encoders = getattr(torch, options.dtype).itemsize * size.encoders
    return f"the base's text encoders and VAE ({(encoders + size.codec_bytes) / 1e9:.1f} GB)"


def sample_count(options: TrainConfig, pairs: int | None) -> float:
    """Return the number of samples that a training sees."""
    if options.epochs is None:
        return options.steps * options.batch_size
    if pairs is None:
        raise UserError(
            f"train.epochs: {options.epochs:g}: the number of training pairs is unknown; give it with --pairs"
        )
    return options.epochs * pairs


def training_cost(name: str, options: TrainConfig, size: BaseSize, ranks: int = 1) -> Cost:
    """Compute the cost of a square sample of the config's resolution."""
    side, dtype = options.resolution // PIXELS_PER_LATENT, getattr(torch, options.dtype)
    options = options.model_copy(update={"model": name})
    choose = partial(choose_layers, options=options, ranks=ranks)
    adapt = partial(add_adapters, options=options.lora, seed=0)
    return model_cost(name, size.config, (side, side), size.text_tokens, dtype, choose, adapt)


def training_flops(cost: Cost) -> float:
    """Return the operations of a sample's forward and backward pass, including recomputed ones."""
    return cost.step_flops + cost.recomputed * cost.forward_flops


def memory_by_stage(cost: Cost, options: TrainConfig, gpus: int) -> list[float]:
    """Return gigabytes per GPU at ZeRO stages 0 to 3: state, and the larger of activations and optimizer step."""
    activations = cost.saved_bytes * options.batch_size / gpus / options.accumulate
    states = (state_memory(cost, options, options.base.quantize, stage, gpus).total for stage in range(4))
    peaks = (peak_bytes(activations, cost, options, stage, gpus) for stage in range(4))
    return [(state + peak) / 1e9 for state, peak in zip(states, peaks, strict=True)]


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<16}" + "".join(f"{cell:>12}" for cell in cells)
