"""The trained weights with their moments and mean, by name and whole, however DeepSpeed shares them out over the ranks.

All ranks call these alike, but for `part` and `scatter`.
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

from omniedit.training.optimizer import STATE, GuardedAdamW

WEIGHT = "weight"
KINDS = (WEIGHT, *STATE)


class TrainedState:
    """Float32 weights, moments and mean of the trained parameters.

    Args:
        parameters: the trained ones by name, as the network has them, with what DeepSpeed hangs on them.
        engine: DeepSpeed's, over `optimizer`.
    """

    def __init__(self, parameters: Mapping[str, Any], engine: Any, optimizer: GuardedAdamW) -> None:
        self.parameters, self.engine, self.optimizer = parameters, engine, optimizer
        self.stage = engine.zero_optimization_stage()
        self.held: list[Tensor] = [weight for group in optimizer.param_groups for weight in group["params"]]
        if self.stage == 3:
            self.held = engine.optimizer.fp32_partitioned_groups_flat
        self.held_whole = dict(zip(parameters, self.held, strict=True)) if self.stage == 0 else {}
        optimizer.start(self.held)
        if self.stage in (1, 2):
            # DeepSpeed does so at the first step; before it, it could not say whose mean is where.
            engine.optimizer._lazy_init_hp_params_optimizer_state()

    def part(self, name: str, kind: str) -> tuple[int, Tensor] | None:
        """What this rank is to save of one parameter's weight, moment or mean: a stretch of the whole, flattened, and
        where it starts; None where it is for other ranks."""
        if self.stage == 0:
            mine = list(self.parameters).index(name) % dist.get_world_size() == dist.get_rank()
            return (0, self.gather(name, kind).flatten()) if mine else None
        parameter = self.parameters[name]
        if self.stage == 3:
            held = _local(parameter, kind)
            start = dist.get_rank() * held.numel()
            held = held[: max(0, self.shape(name).numel() - start)]  # the last one's end is padding
            return (start, held) if held.numel() else None
        if parameter._hp_mapping is None:
            return None
        start = parameter._hp_mapping.lp_fragment_address.start
        return start, parameter._hp_mapping.get_hp_fragment(None if kind == WEIGHT else kind)

    def gather(self, name: str, kind: str) -> Tensor:
        """The whole of one parameter's weight, moment or mean, in float32."""
        if self.stage == 0:
            held = self.held_whole[name]
            return held.data if kind == WEIGHT else self.optimizer.state[held][kind]
        if kind == WEIGHT:
            return safe_get_full_fp32_param(self.parameters[name])
        return safe_get_full_optimizer_state(self.parameters[name], kind)

    def scatter(self, name: str, kind: str, whole: Tensor) -> None:
        """Set what `gather` gives; the network computes with a new weight only after `show`."""
        if self.stage == 0:
            self.gather(name, kind).copy_(whole)
        elif kind == WEIGHT:
            safe_set_full_fp32_param(self.parameters[name], whole)
        else:
            safe_set_full_optimizer_state(self.parameters[name], whole, kind)

    def shape(self, name: str) -> torch.Size:
        """Of a parameter, which has none of its own at ZeRO 3."""
        parameter = self.parameters[name]
        return parameter.ds_shape if self.stage == 3 else parameter.shape

    @torch.no_grad()
    def show(self) -> None:
        """Let the network compute with the weights as they are here."""
        if self.stage in (1, 2):
            self.engine.optimizer.update_lp_params()
            return
        for name, parameter in self.parameters.items():
            weight = self.gather(name, WEIGHT)
            with zero.GatheredParameters([parameter], modifier_rank=0, enabled=self.stage == 3):
                parameter.data.copy_(weight)

    @contextmanager
    def mean_shown(self) -> Iterator[None]:
        """Within the block the network computes with the mean, and afterwards with the weights again."""
        self._swap_mean()
        self.show()
        try:
            yield
        finally:
            self._swap_mean()
            self.show()

    @contextmanager
    def mean_whole(self) -> Iterator[None]:
        """The same with all of the network on every rank, to be saved."""
        with self.mean_shown(), zero.GatheredParameters(self.engine.module.parameters(), enabled=self.stage == 3):
            yield

    @torch.no_grad()
    def _swap_mean(self) -> None:
        """The weights take the mean's place and the mean theirs: a network in float32 has no copy of its own."""
        for held in self.held:
            mean = self.optimizer.state[held]["mean"]
            weight = held.detach().clone()
            held.copy_(mean)
            mean.copy_(weight)

    @property
    def steps_taken(self) -> int:
        """Steps of AdamW, without those that were skipped."""
        return int(self.optimizer.state[self.held[0]]["step"].item())

    @steps_taken.setter
    def steps_taken(self, steps: int) -> None:
        for held in self.held:
            self.optimizer.state[held]["step"].fill_(steps)


def _local(parameter: Any, kind: str) -> Tensor:
    """This rank's stretch of a parameter at ZeRO 3."""
    if kind == WEIGHT:
        return safe_get_local_fp32_param(parameter)
    return safe_get_local_optimizer_state(parameter, kind)
