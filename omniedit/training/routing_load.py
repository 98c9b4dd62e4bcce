"""Load of an editor's experts in training: how the routing divides the samples of a step."""

from typing import Any

import torch
from torch import Tensor, nn

from omniedit.models.routing import Router
from omniedit.training.ranks import sum_over_ranks


class RoutingLoad:
    """Observer of a network's router, if it has one. It counts training samples only, not those of evaluations."""

    def __init__(self, network: nn.Module) -> None:
        router = next((module for module in network.modules() if isinstance(module, Router)), None)
        self.experts = router.experts if router is not None else ()
        self._sums = torch.zeros(len(self.experts) + 1)
        if router is not None:
            router.register_forward_hook(self._add)

    def _add(self, router: nn.Module, inputs: Any, output: tuple[Tensor, Tensor | None]) -> None:
        if torch.is_grad_enabled():
            weights = output[0].detach().float().cpu()
            self._sums += torch.cat([weights.sum(0), torch.tensor([float(len(weights))])])

    def means(self) -> dict[str, float]:
        """Return the mean weight of each expert over the samples of all ranks since the last call.

        The weights add up to 1. If E experts share the work equally, each has 1 / E.
        """
        if not self.experts:
            return {}
        *loads, count = sum_over_ranks(self._sums).tolist()
        self._sums.zero_()
        return {f"routing/{name}": load / count for name, load in zip(self.experts, loads, strict=True) if count}
