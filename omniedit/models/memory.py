"""Memory of a training per GPU, by purpose: computed from counts of weights, before anything is loaded.

Caches, buffers of DeepSpeed and fragmentation are not included.
"""

from dataclasses import dataclass, fields
from typing import Any

import torch

from omniedit.config.training_options import RuntimeOptions
from omniedit.models.cost import Cost
from omniedit.models.quantize import BYTES

COPY_BYTES = EMA_BYTES = 4
"""Bytes of the float32 copy of a trained weight, and of its EMA."""
MOMENT_BYTES = {"adamw": 8.0, "adamw8bit": 2 + 8 / 256, "paged_adamw8bit": 2 + 8 / 256}
"""Bytes of both moments of a trained weight; 8-bit moments have a float32 scale per 256 weights."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes per GPU.

    Args:
        weights: weights of the network in training, in `dtype` or quantised.
        gradients: gradients of the trained weights.
        optimizer: float32 copies of the trained weights and their moments.
        ema: EMA of the trained weights.
        activations: activations of one micro-batch that are kept for the backward pass, or the extra memory of the
            optimizer step if that is more.
        encoders: text encoders and codec.
        host: bytes per GPU in the memory of the machine, not included in the total.
    """

    weights: float
    gradients: float
    optimizer: float
    ema: float
    activations: float = 0.0
    encoders: float = 0.0
    host: float = 0.0

    @property
    def total(self) -> float:
        return sum(getattr(self, field.name) for field in fields(self)) - self.host


def state_memory(cost: Cost, options: RuntimeOptions, quantize: str | None, stage: int, ranks: int) -> MemoryEstimate:
    """Return the memory of weights, gradients, optimizer and EMA (Rajbhandari et al. 2020, fig. 1).

    Args:
        quantize: format of the frozen linear layers, a key of `BYTES`, or None.
        stage: ZeRO stage. 0 keeps everything on each rank; 1 shards optimizer and EMA, 2 also gradients, 3 also
            weights.
    """
    size = getattr(torch, options.dtype).itemsize
    small = cost.quantisable if quantize else 0
    share = [1 if stage < least else ranks for least in (1, 2, 3)]
    weights = (size * (cost.parameters - small) + BYTES.get(quantize or "", 0) * small) / share[2]
    copies = COPY_BYTES * cost.trained / share[0]
    moments = MOMENT_BYTES[options.optimizer] * cost.trained / share[0]
    parts: dict[str, Any] = {
        "weights": weights,
        "gradients": size * cost.trained / share[1],
        "optimizer": copies + moments,
        "ema": EMA_BYTES * cost.trained / share[0],
    }
    moved = {"none": [], "optimizer": ["optimizer", "ema"], "all": ["optimizer", "ema", "weights"]}
    host = sum(parts[name] for name in moved[options.zero_offload])
    parts |= dict.fromkeys(moved[options.zero_offload], 0.0)
    if options.optimizer == "paged_adamw8bit":
        parts["optimizer"], host = parts["optimizer"] - moments, host + moments
    return MemoryEstimate(**parts, host=host)


def peak_bytes(activations: float, cost: Cost, options: RuntimeOptions, stage: int, ranks: int) -> float:
    """Return the peak bytes per GPU in addition to the state: of the activations, or of the optimizer step, when the
    activations are freed.

    In bfloat16, ZeRO 1 and 2 copy the gradients to one flat tensor and then to float32.
    """
    size = getattr(torch, options.dtype).itemsize
    if stage not in (1, 2) or size == COPY_BYTES:
        return activations
    return max(activations, (size + COPY_BYTES) * cost.trained / ranks)
