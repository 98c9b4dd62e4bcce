"""Learning rate and EMA decay as functions of the step only, so that a resumed training is exact."""

import math

BETA1 = 0.9
"""Decay of AdamW's first moment."""


def learning_rate(step: int, steps: int, peak: float, warmup: int, decay: str) -> float:
    """Return the rate: linear warmup, times a decay over all steps to 1/20 of the peak, or no decay."""
    share = {"cosine": (1 + math.cos(math.pi * step / steps)) / 2, "linear": 1 - step / steps, "constant": 1.0}[decay]
    return peak * min(1.0, (step + 1) / max(1, warmup)) * (0.05 + 0.95 * share)


def ema_decay(step: int, decay: float) -> float:
    """Return the decay of the EMA at a step. It is small at first, so that the EMA soon forgets the initial weights."""
    return min(decay, (1 + step) / (10 + step))
