"""How fast a step was, and what it took."""

import resource
from functools import cache

import torch
from torch import Tensor

from omniedit.config.schema import TrainConfig
from omniedit.models.cost import architecture_step_flops
from omniedit.models.editor import Editor

PEAK_TFLOPS = {"a100": 312.0, "h100": 989.0, "h200": 989.0}
"""Dense bfloat16 operations a second by the vendor's data sheets, SXM boards."""


def peak_flops() -> float | None:
    """Operations a second of this rank's GPU in bfloat16 by its data sheet; None where that is not known."""
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name().lower()
    return next((1e12 * tflops for gpu, tflops in PEAK_TFLOPS.items() if gpu in name), None)


def memory_gb() -> float:
    """Most memory so far of this rank: allocated on its GPU; without one, resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


class Utilisation:
    """Share of the GPUs' peak at which a model computes (MFU): its own operations, none that are done twice.

    Args:
        editor: what is trained.
        peak: operations a second of all ranks together.
    """

    def __init__(self, options: TrainConfig, editor: Editor, peak: float) -> None:
        self.options, self.peak = options, peak
        kind, base_config = type(editor), editor.config["base_config"]
        self._flops = cache(lambda latent, tokens: architecture_step_flops(kind, base_config, latent, tokens))

    def __call__(self, inputs: dict[str, Tensor], seconds: float) -> float:
        """
        Args:
            inputs: of the editor, in any batch of the step.
            seconds: that the step took, waiting included.
        """
        latent, tokens = tuple(inputs["noisy"].shape[-2:]), inputs["prompt_embeds"].shape[1]
        return self.options.batch_size * self._flops(latent, tokens) / seconds / self.peak
