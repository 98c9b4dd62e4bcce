"""AdamW for training: it clips gradients, skips unsafe steps and keeps an EMA of the weights."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

import torch
import torch.distributed as dist
from torch import Tensor, nn

from omniedit.config.options import OptimizerOptions
from omniedit.training.schedule import ema_decay, learning_rate

CLIP_NORM = 1.0
"""Largest gradient norm; larger gradients are scaled down to it."""
EXPLODED = 50.0
"""Ratio to the median of recent norms above which a gradient has exploded; ratios of 7 are transient."""
RECENT = 100
"""Number of recent norms in the median."""
FEWEST = 20
"""Number of norms needed for a reliable median; with fewer, only a non-finite norm is unsafe."""
STATE = ("exp_avg", "exp_avg_sq", "ema")
"""State of each weight: AdamW's moments and the EMA."""


@dataclass
class StepGuard:
    """Guard against unsafe gradients, which compares their norms with those of the steps taken before."""

    norms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def check(self, norm: float) -> str | None:
        """Return why a gradient of this norm is unsafe, or None. The norm of a safe gradient is recorded."""
        if not math.isfinite(norm):
            return f"the gradient's norm is {norm}"
        if len(self.norms) >= FEWEST and norm > EXPLODED * median(self.norms):
            of_recent = f"its median over the last {len(self.norms)} steps is {median(self.norms):.3g}"
            return f"the gradient's norm is {norm:.3g}, but {of_recent}"
        self.norms.append(norm)
        return None


class GuardedAdamW(torch.optim.AdamW):
    """AdamW without weight decay. DeepSpeed calls `step` with the float32 gradients that this rank holds.

    A step that the guard skips changes neither weights nor moments nor EMA.

    Args:
        parameters: initial parameters, which DeepSpeed replaces with float32 copies.
        shared: whether each rank holds only its part of the gradients (ZeRO 1 to 3).

    Attributes:
        ema_decay: share of the EMA that the next step keeps.
        skip_reason: before a step, a reason to skip it; after the step, the reason it was skipped, or None.
        norm: norm of the last gradient over all ranks, before clipping.
    """

    def __init__(self, parameters: Iterable[Tensor], betas: tuple[float, float], shared: bool) -> None:
        super().__init__(parameters, lr=0.0, betas=betas, weight_decay=0.0, fused=True)
        self.shared = shared
        self.guard = StepGuard()
        self.ema_decay = 0.0
        self.skip_reason: str | None = None
        self.norm = math.nan

    def start(self, weights: Iterable[Tensor]) -> None:
        """Set the moments to zero and the EMA to the weights."""
        for weight in weights:
            # AdamW itself creates its state at the first step, too late for DeepSpeed to map it to parameters.
            self.state[weight] = {name: torch.zeros_like(weight, requires_grad=False) for name in STATE[:2]}
            self.state[weight]["ema"] = weight.detach().clone()
            self.state[weight]["step"] = torch.zeros((), device=weight.device if weight.is_cuda else "cpu")

    def prepare_step(self, step: int, steps: int, peak: float, options: OptimizerOptions) -> None:
        """Set the learning rate and the EMA decay of a step, and forget why the last one was skipped.

        Args:
            step: steps done, of `steps`.
            peak: largest learning rate.
        """
        for group in self.param_groups:
            group["lr"] = learning_rate(step, steps, peak, options.warmup_steps, options.lr_decay)
        self.ema_decay = ema_decay(step, options.ema_decay)
        self.skip_reason = None

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        if not self.state:  # before `start`: DeepSpeed's trial step for bfloat16 at ZeRO 0
            return
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        gradients = [weight.grad for weight in weights]
        self.norm = total_norm(gradients, self.shared)
        self.skip_reason = self.skip_reason or self.guard.check(self.norm)
        if self.skip_reason:
            return
        if (scale := CLIP_NORM / (self.norm + 1e-6)) < 1:
            torch._foreach_mul_(gradients, scale)
        super().step()
        torch._foreach_lerp_([self.state[weight]["ema"] for weight in weights], weights, 1 - self.ema_decay)


def total_norm(gradients: list[Tensor], shared: bool) -> float:
    """Return the norm of all gradients; if they are sharded, the norm over the parts of all ranks."""
    norm = nn.utils.get_total_norm(gradients)
    if shared:
        square = norm.square()
        dist.all_reduce(square)
        norm = square.sqrt()
    return norm.item()
