"""The running mean of the weights, which is what is tested and shipped."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


class ShardedEma:
    """Exponential moving average of parameters; each rank holds every world_size-th of them, in float32.

    Args:
        parameters: the trained ones by name, the same on every rank.
    """

    def __init__(self, parameters: Mapping[str, Tensor], rank: int, world_size: int) -> None:
        self.parameters = dict(parameters)
        self.rank, self.world_size = rank, world_size
        self.mean = {name: self.parameters[name].detach().float().clone() for name in self._owned_by(rank)}

    @torch.no_grad()
    def update(self, decay: float) -> None:
        for name, mean in self.mean.items():
            mean.lerp_(self.parameters[name].float(), 1 - decay)

    @torch.no_grad()
    def apply(self) -> None:
        """Put the mean into the parameters, on all ranks."""
        for owner in range(self.world_size):
            for name in self._owned_by(owner):
                parameter = self.parameters[name]
                if owner == self.rank:
                    parameter.copy_(self.mean[name])
                if self.world_size > 1:
                    dist.broadcast(parameter.data, src=owner)

    @contextmanager
    @torch.no_grad()
    def applied(self) -> Iterator[None]:
        """Within the block the parameters hold the mean; afterwards what they held before."""
        trained = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.apply()
        try:
            yield
        finally:
            for name, parameter in self.parameters.items():
                parameter.copy_(trained[name])

    def _owned_by(self, rank: int) -> list[str]:
        return list(self.parameters)[rank :: self.world_size]
