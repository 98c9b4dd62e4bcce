"""What a training would need, before it is started: `omniedit plan`."""

from dataclasses import dataclass

import torch

from omniedit.config import Architecture, Config, TrainConfig
from omniedit.errors import UserError
from omniedit.models.cost import SD3_MEDIUM, Cost, cost_of, state_bytes
from omniedit.models.text import MAX_TOKENS, WIDTH
from omniedit.training.base import sd3_config

PEAK_TFLOPS = {"a100": 312.0, "h100": 989.0, "h200": 989.0}
"""Dense bfloat16 operations a second by the vendor's data sheets, SXM boards."""
SD3_TEXT_TOKENS = 333
LATENT = 8
"""Pixels on a side of a latent, of SD3's VAE and of the embedded codec."""


@dataclass(frozen=True)
class Machine:
    """What a training is planned for.

    Args:
        gpu: a key of `PEAK_TFLOPS`.
        mfu: share of the peak that training is to reach (model FLOP utilisation).
    """

    gpu: str
    gpus: int
    mfu: float

    @property
    def flops(self) -> float:
        """Operations a second of all GPUs together."""
        return self.gpus * self.mfu * PEAK_TFLOPS[self.gpu] * 1e12


def plan(config: Config, machine: Machine, pairs: int | None = None) -> list[str]:
    """Lines to print: each editor of a config with its size, memory by ZeRO stage, speed and GPU-hours.

    Args:
        pairs: that there are to train on; needed where the config gives epochs.

    Raises:
        UserError: the batch cannot be shared by the GPUs, or epochs are asked for of an unknown number of pairs.
    """
    options = config.train
    if options.batch_size % (machine.gpus * options.accumulate):
        shares = f"{machine.gpus} GPUs" + (f" in {options.accumulate} parts" if options.accumulate > 1 else "")
        raise UserError(f"train.batch_size: {options.batch_size} cannot be shared by {shares}")
    samples = samples_of(options, pairs)
    lines = [
        f"{options.resolution} x {options.resolution}, batch {options.batch_size}, {samples:,.0f} samples in all; "
        f"{machine.gpus} x {machine.gpu} at {machine.mfu:.0%} of {PEAK_TFLOPS[machine.gpu]:.0f} TFLOP/s",
        "",
        _row("", ["parameters", "trained", "TFLOP", "ZeRO-0", "ZeRO-1", "ZeRO-2", "ZeRO-3", "samples/s", "GPU-hours"]),
    ]
    for name in options.editors:
        cost = training_cost(name, options)
        speed = machine.flops / cost.step_flops
        memory = [f"{gigabytes:.1f} GB" for gigabytes in memory_by_stage(cost, options, machine.gpus)]
        hours = machine.gpus * samples / speed / 3600
        sizes = [f"{cost.parameters / 1e9:.3f} B", f"{cost.trained / 1e9:.3f} B", f"{cost.step_flops / 1e12:.3g}"]
        lines.append(_row(name, [*sizes, *memory, f"{speed:,.1f}", f"{hours:,.1f}"]))
    at_once = options.batch_size // machine.gpus // options.accumulate
    lines += [
        "",
        f"TFLOP: forward and backward of a sample. Memory a GPU: state and activations of {at_once} samples,",
    ]
    lines += ["nothing recomputed; caches, buffers and the codec come on top."]
    return lines


def samples_of(options: TrainConfig, pairs: int | None) -> float:
    """Samples that a training sees."""
    if options.epochs is None:
        return options.steps * options.batch_size
    if pairs is None:
        raise UserError(f"train.epochs: {options.epochs:g} passes over how many pairs? Say --pairs")
    return options.epochs * pairs


def training_cost(name: Architecture, options: TrainConfig) -> Cost:
    """Of a square sample of the config's resolution, over the config's base."""
    side, dtype = options.resolution // LATENT, getattr(torch, options.dtype)
    if options.fetched_base:
        return cost_of(name, SD3_MEDIUM, (side, side), SD3_TEXT_TOKENS, dtype)
    return cost_of(name, sd3_config(options, WIDTH), (side, side), MAX_TOKENS, dtype)


def memory_by_stage(cost: Cost, options: TrainConfig, gpus: int) -> list[float]:
    """Gigabytes a GPU at ZeRO stages 0 to 3: state, and the activations of its part of the batch."""
    size = getattr(torch, options.dtype).itemsize
    activations = cost.saved_bytes * options.batch_size / gpus / options.accumulate
    return [(state_bytes(cost, stage, gpus, size) + activations) / 1e9 for stage in range(4)]


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<16}" + "".join(f"{cell:>12}" for cell in cells)
