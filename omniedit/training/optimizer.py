"""AdamW as training uses it: it clips, leaves out a step that would do harm, and keeps the mean of the weights."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

import torch
import torch.distributed as dist
from torch import Tensor, nn

CLIP_NORM = 1.0
"""Longer gradients are scaled down to this norm."""
EXPLODED = 50.0
"""A gradient so many times as long as the median of the recent ones has exploded; ones of 7 times come and go."""
RECENT = 100
"""Norms of so many steps are recent."""
FEWEST = 20
"""Before so many steps there is no median to trust, and only a norm that is not finite counts."""
STATE = ("exp_avg", "exp_avg_sq", "mean")
"""What is kept of each weight beside itself: AdamW's moments and the mean."""


@dataclass
class StepGuard:
    """Which gradients are fit to be followed, by the norms of those followed before."""

    norms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def harm(self, norm: float) -> str | None:
        """What is wrong with a gradient of this norm, if anything is; a sound one is remembered."""
        if not math.isfinite(norm):
            return f"the gradient's norm is {norm}"
        if len(self.norms) >= FEWEST and norm > EXPLODED * median(self.norms):
            return f"the gradient's norm is {norm:.3g}, of the last {len(self.norms)} steps {median(self.norms):.3g}"
        self.norms.append(norm)
        return None


class GuardedAdamW(torch.optim.AdamW):
    """AdamW without weight decay. DeepSpeed calls `step` with the float32 gradients that this rank holds.

    A step that the guard refuses changes nothing: neither weights nor moments nor mean.

    Args:
        parameters: what the optimizer starts with; DeepSpeed puts float32 copies in their place.
        shared: each rank holds its part of the gradients (ZeRO 1 to 3), not all of them.

    Attributes:
        mean_decay: share of the mean that the next step keeps.
        refused: set before a step: why it must not be taken; afterwards: why it was not, None where it was.
        norm: of the last gradient, over all ranks, before it was clipped.
    """

    def __init__(self, parameters: Iterable[Tensor], betas: tuple[float, float], shared: bool) -> None:
        super().__init__(parameters, lr=0.0, betas=betas, weight_decay=0.0, fused=torch.cuda.is_available() or None)
        self.shared = shared
        self.guard = StepGuard()
        self.mean_decay = 0.0
        self.refused: str | None = None
        self.norm = math.nan

    def start(self, weights: Iterable[Tensor]) -> None:
        """Moments of zero, and the mean at the weights themselves."""
        for weight in weights:
            # Else AdamW would make its state at the first step, and DeepSpeed could not tell whose it is before.
            self.state[weight] = {name: torch.zeros_like(weight, requires_grad=False) for name in STATE[:2]}
            self.state[weight]["mean"] = weight.detach().clone()
            self.state[weight]["step"] = torch.zeros((), device=weight.device if weight.is_cuda else "cpu")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        if not self.state:  # before `start`: DeepSpeed's trial for bfloat16 at ZeRO 0
            return
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        gradients = [weight.grad for weight in weights]
        self.norm = total_norm(gradients, self.shared)
        self.refused = self.refused or self.guard.harm(self.norm)
        if self.refused:
            return
        for gradient in gradients:
            gradient.mul_(min(1.0, CLIP_NORM / (self.norm + 1e-6)))
        super().step()
        for weight in weights:
            self.state[weight]["mean"].lerp_(weight, 1 - self.mean_decay)


def total_norm(gradients: list[Tensor], shared: bool) -> float:
    """Of all gradients; where they are shared out, the ranks' parts together."""
    norm = nn.utils.get_total_norm(gradients)
    if shared:
        square = norm.square()
        dist.all_reduce(square)
        norm = square.sqrt()
    return norm.item()
