"""AdamW for training: it clips gradients, skips unsafe steps and keeps an EMA of the weights."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from omniedit.config.training_options import OptimizerOptions
from omniedit.training.schedule import ema_decay, learning_rate

CLIP_NORM = 1.0
"""Maximum gradient norm; larger gradients are scaled down to it."""
EXPLOSION_RATIO = 50.0
"""Ratio of a gradient's norm to the median of recent norms above which it counts as exploded. Ratios around 7 occur in
healthy training."""
RECENT_NORMS = 100
"""Number of recent norms in the median."""
MIN_NORMS = 20
"""Number of norms needed for a reliable median; with fewer, only a non-finite norm is unsafe."""
MOMENTS = ("exp_avg", "exp_avg_sq")
STATE = (*MOMENTS, "ema")
"""State of each weight: AdamW's moments and the EMA."""


@dataclass
class StepGuard:
    """Guard against unsafe gradients: compares each gradient norm with the norms of recent steps."""

    norms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_NORMS))

    def check(self, norm: float) -> str | None:
        """Return why a gradient of this norm is unsafe, or None. The norm of a safe gradient is recorded."""
        if not math.isfinite(norm):
            return f"the gradient's norm is {norm}"
        if len(self.norms) >= MIN_NORMS and norm > EXPLOSION_RATIO * median(self.norms):
            of_recent = f"its median over the last {len(self.norms)} steps is {median(self.norms):.3g}"
            return f"the gradient's norm is {norm:.3g}, but {of_recent}"
        self.norms.append(norm)
        return None


class GuardedOptimizer(torch.optim.Optimizer):
    """Base of AdamW without weight decay. DeepSpeed calls `step` with the float32 gradients that this rank holds.

    A step that the guard skips changes neither weights nor moments nor EMA. Subclasses also inherit an AdamW.

    Attributes:
        saved: kinds of state that checkpoints save unsharded, by the name of the weight.
        sharded: whether each rank holds only its part of the gradients (ZeRO 1 to 3).
        ema_decay: share of the EMA that the next step keeps.
        skip_reason: before a step, a reason to skip it; after the step, the reason it was skipped, or None.
        norm: norm of the last gradient over all ranks, before clipping.
    """

    saved: tuple[str, ...] = STATE

    def set_up(self, sharded: bool) -> None:
        self.sharded = sharded
        self.guard = StepGuard()
        self.ema_decay = 0.0
        self.skip_reason: str | None = None
        self.norm = math.nan

    def init_moments(self, weights: Iterable[Tensor]) -> None:
        """Set the moments to zero and the EMA to the weights."""
        for weight in weights:
            # AdamW itself creates its state at the first step, too late for DeepSpeed to map it to parameters.
            self.state[weight] = self.new_moments(weight)
            self.state[weight]["ema"] = weight.detach().clone()

    def new_moments(self, weight: Tensor) -> dict[str, Any]:
        """Return the optimizer's state of a weight before the first step."""
        raise NotImplementedError

    @property
    def steps_taken(self) -> int:
        """Number of steps taken, without skipped ones."""
        state: Any = next(iter(self.state.values()))
        return int(state["step"])

    @steps_taken.setter
    def steps_taken(self, steps: int) -> None:
        for state in self.state.values():
            state["step"] = torch.full_like(state["step"], steps) if torch.is_tensor(state["step"]) else steps

    def prepare_step(self, step: int, steps: int, peak: float, options: OptimizerOptions) -> None:
        """Set the learning rate and the EMA decay of a step, and clear the reason for skipping the last one.

        Args:
            step: steps done, of `steps`.
            peak: maximum learning rate.
        """
        for group in self.param_groups:
            group["lr"] = learning_rate(step, steps, peak, options.warmup_steps, options.lr_decay)
        self.ema_decay = ema_decay(step, options.ema_decay)
        self.skip_reason = None

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        if not self.state:  # before `init_moments`: DeepSpeed's trial step for bfloat16 at ZeRO 0
            return
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        gradients = [weight.grad for weight in weights]
        self.norm = total_norm(gradients, self.sharded)
        self.skip_reason = self.skip_reason or self.guard.check(self.norm)
        if self.skip_reason:
            return
        if (scale := CLIP_NORM / (self.norm + 1e-6)) < 1:
            torch._foreach_mul_(gradients, scale)
        super().step()
        torch._foreach_lerp_([self.state[weight]["ema"] for weight in weights], weights, 1 - self.ema_decay)


class GuardedAdamW(GuardedOptimizer, torch.optim.AdamW):
    """AdamW with float32 moments.

    Args:
        parameters: initial parameters, which DeepSpeed replaces with float32 copies.
        sharded: whether each rank holds only its part of the gradients.
    """

    def __init__(self, parameters: Iterable[Tensor], betas: tuple[float, float], sharded: bool) -> None:
        super().__init__(parameters, lr=0.0, betas=betas, weight_decay=0.0, fused=True)
        self.set_up(sharded)

    def new_moments(self, weight: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = {name: torch.zeros_like(weight, requires_grad=False) for name in MOMENTS}
        return state | {"step": torch.zeros((), device=weight.device if weight.is_cuda else "cpu")}


def total_norm(gradients: list[Tensor], sharded: bool) -> float:
    """Return the norm of all gradients; if they are sharded, the norm over the parts of all ranks."""
    norm = nn.utils.get_total_norm(gradients)
    if sharded:
        from omniedit.training.ranks import sum_over_ranks  # pre-training has no ranks, and needs no DeepSpeed

        norm = sum_over_ranks(norm.square()).sqrt()  # on this rank's device, if the gradients are on the host
    return norm.item()
