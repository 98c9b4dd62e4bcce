"""Access to the trained weights, their moments and EMA, by name and unsharded, at any ZeRO stage of DeepSpeed.

All ranks must call these methods together, except `part` and `scatter`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import zero
from deepspeed.utils import (
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_get_local_fp32_param,
    safe_get_local_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_full_optimizer_state,
)
from torch import Tensor

from omniedit.training.optimizer import STATE, GuardedOptimizer

WEIGHT = "weight"
KINDS = (WEIGHT, *STATE)


class TrainingState:
    """Float32 weights, moments and EMA of the trained parameters.

    Args:
        parameters: trained parameters of the network by name, with the attributes that DeepSpeed adds to them.
        engine: DeepSpeed engine over `optimizer`.
    """

    def __init__(self, parameters: Mapping[str, Any], engine: Any, optimizer: GuardedOptimizer) -> None:
        self.parameters, self.engine, self.optimizer = parameters, engine, optimizer
        self.stage = engine.zero_optimization_stage()
        self.kinds = (WEIGHT, *optimizer.saved)
        self.local_weights: list[Tensor] = [weight for group in optimizer.param_groups for weight in group["params"]]
        if self.stage == 3:
            self.local_weights = engine.optimizer.fp32_partitioned_groups_flat
        self.weights_by_name = dict(zip(parameters, self.local_weights, strict=True)) if self.stage == 0 else {}
        optimizer.init_moments(self.local_weights)
        if self.stage in (1, 2):
            # DeepSpeed does this at its first step; until then, it cannot map the EMA to parameters.
            engine.optimizer._lazy_init_hp_params_optimizer_state()

    def part(self, name: str, kind: str) -> tuple[int, Tensor] | None:
        """Return the slice of one parameter's weight, moment or EMA that this rank saves.

        Returns:
            Its start in the flattened tensor, and its values; None if only other ranks save this parameter.
        """
        if self.stage == 0:
            is_own = list(self.parameters).index(name) % dist.get_world_size() == dist.get_rank()
            return (0, self.gather(name, kind).flatten()) if is_own else None
        parameter = self.parameters[name]
        if self.stage == 3:
            shard = _local(parameter, kind)
            start = dist.get_rank() * shard.numel()
            shard = shard[: max(0, self.shape(name).numel() - start)]  # the last rank's slice ends in padding
            return (start, shard) if shard.numel() else None
        if parameter._hp_mapping is None:
            return None
        start = parameter._hp_mapping.lp_fragment_address.start
        return start, parameter._hp_mapping.get_hp_fragment(None if kind == WEIGHT else kind)

    def gather(self, name: str, kind: str) -> Tensor:
        """Return the full tensor of one parameter's weight, moment or EMA, in float32."""
        if self.stage == 0:
            weights = self.weights_by_name[name]
            return weights.data if kind == WEIGHT else self.optimizer.state[weights][kind]
        if kind == WEIGHT:
            return safe_get_full_fp32_param(self.parameters[name])
        return safe_get_full_optimizer_state(self.parameters[name], kind)

    def scatter(self, name: str, kind: str, tensor: Tensor) -> None:
        """Set the values that `gather` returns; the network uses a new weight only after `copy_to_network`."""
        if self.stage == 0:
            self.gather(name, kind).copy_(tensor)
        elif kind == WEIGHT:
            safe_set_full_fp32_param(self.parameters[name], tensor)
        else:
            safe_set_full_optimizer_state(self.parameters[name], tensor, kind)

    def shape(self, name: str) -> torch.Size:
        """Return a parameter's full shape; at ZeRO 3, the parameter object itself is empty."""
        parameter = self.parameters[name]
        return parameter.ds_shape if self.stage == 3 else parameter.shape

    @torch.no_grad()
    def copy_to_network(self) -> None:
        """Copy the float32 weights to the network."""
        if self.stage in (1, 2):
            self.engine.optimizer.update_lp_params()
            return
        for name, parameter in self.parameters.items():
            weight = self.gather(name, WEIGHT)
            with zero.GatheredParameters([parameter], modifier_rank=0, enabled=self.stage == 3):
                parameter.data.copy_(weight)

    @contextmanager
    def ema_weights(self) -> Iterator[None]:
        """Run the block with the EMA weights in the network, then restore the trained weights."""
        self._swap_ema()
        self.copy_to_network()
        try:
            yield
        finally:
            self._swap_ema()
            self.copy_to_network()

    @contextmanager
    def gathered_ema_weights(self) -> Iterator[None]:
        """Run the block like `ema_weights`, with the full network gathered on every rank, so that it can be saved."""
        with self.ema_weights(), zero.GatheredParameters(self.engine.module.parameters(), enabled=self.stage == 3):
            yield

    @torch.no_grad()
    def _swap_ema(self) -> None:
        """Swap the values of weights and EMA in place, because a float32 network uses the weights' own tensors."""
        for weights in self.local_weights:
            ema = self.optimizer.state[weights]["ema"]
            weight = weights.detach().clone()
            weights.copy_(ema)
            ema.copy_(weight)


def _local(parameter: Any, kind: str) -> Tensor:
    """Return this rank's slice of a parameter at ZeRO 3."""
    if kind == WEIGHT:
        return safe_get_local_fp32_param(parameter)
    return safe_get_local_optimizer_state(parameter, kind)
