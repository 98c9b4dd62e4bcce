"""What changes from step to step, each a function of the step alone, so that going on from a checkpoint is exact."""

import math

BETAS = (0.9, 0.99)
"""Of AdamW: a second moment over the last 100 steps, for runs of some hundred steps."""


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Linear rise over `warmup` steps, then a cosine down to a twentieth of the peak."""
    cosine = (1 + math.cos(math.pi * step / steps)) / 2
    return peak * min(1.0, (step + 1) / max(1, warmup)) * (0.05 + 0.95 * cosine)


def ema_decay(step: int, decay: float) -> float:
    """Share of the old mean that a step keeps: small at first, so that the initial weights are soon forgotten."""
    return min(decay, (1 + step) / (10 + step))
