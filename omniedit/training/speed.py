"""Speed, memory and utilisation of training steps."""

import resource
from functools import cache

import torch
from torch import Tensor

from omniedit.models.cost import editor_step_flops
from omniedit.models.editor import Editor

PEAK_TFLOPS = {"a100": 312.0, "h100": 989.0, "h200": 989.0, "4090": 165.2, "3090": 71.0}
"""Dense bfloat16 operations per second, in 10^12, from the vendor's data sheets: SXM boards, and GeForce cards with
sums in float32."""
GPU_GB = {"a100": 80.0, "h100": 80.0, "h200": 141.0, "4090": 24.0, "3090": 24.0}
"""Memory of a GPU. There is also an A100 with 40 GB."""


def peak_flops() -> float | None:
    """Return the bfloat16 operations per second of this rank's GPU by its data sheet, or None if unknown."""
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name().lower()
    return next((1e12 * tflops for gpu, tflops in PEAK_TFLOPS.items() if gpu in name), None)


def memory_gb() -> float:
    """Return this rank's peak memory in GB: allocated on its GPU or, without a GPU, resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


class Utilisation:
    """Model FLOPs utilisation (MFU) of a rank: share of its GPU's peak that a model uses, without recomputation.

    Args:
        editor: the trained editor.
        peak: operations per second of the GPU.
    """

    def __init__(self, editor: Editor, peak: float) -> None:
        self.peak = peak
        self._flops = cache(lambda latent, tokens: editor_step_flops(editor, latent, tokens))

    def operations(self, inputs: dict[str, Tensor]) -> float:
        """Return the number of operations of a training step on a batch of editor inputs."""
        latent, tokens = tuple(inputs["noisy"].shape[-2:]), inputs["prompt_embeds"].shape[1]
        return len(inputs["noisy"]) * self._flops(latent, tokens)

    def mfu(self, operations: float, seconds: float) -> float:
        """Return the utilisation of a step that takes `seconds`, including waiting."""
        return operations / seconds / self.peak
