"""What changes from step to step, each a function of the step alone, so that going on from a checkpoint is exact."""

import math

BETA1 = 0.9
"""Decay of AdamW's first moment."""


def learning_rate(step: int, steps: int, peak: float, warmup: int, decay: str) -> float:
    """Linear rise over `warmup` steps; times a fall over all steps to a twentieth of the peak, or none."""
    left = {"cosine": (1 + math.cos(math.pi * step / steps)) / 2, "linear": 1 - step / steps, "constant": 1.0}[decay]
    return peak * min(1.0, (step + 1) / max(1, warmup)) * (0.05 + 0.95 * left)


def ema_decay(step: int, decay: float) -> float:
    """Share of the old mean that a step keeps: small at first, so that the initial weights are soon forgotten."""
    return min(decay, (1 + step) / (10 + step))
