"""AdamW with 8-bit moments by bitsandbytes (Dettmers et al. 2022), and the choice of a training's optimizer.

Each rank quantises its own moments in blocks of 256 weights, so they depend on the number of ranks and the ZeRO stage.
Weights and EMA stay in float32, and any number of ranks can read them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor

from omniedit.config.training_options import RuntimeOptions
from omniedit.errors import UserError
from omniedit.models.quantize import check_bitsandbytes
from omniedit.training.optimizer import GuardedAdamW, GuardedOptimizer

QUANTIZED_STATE = ("state1", "state2", "absmax1", "absmax2")
"""State of each weight in bitsandbytes: codes of both moments and the scales of their blocks."""


def make_optimizer(
    options: RuntimeOptions, parameters: Iterable[Tensor], betas: tuple[float, float], sharded: bool
) -> GuardedOptimizer:
    """Return the optimizer of a training.

    Args:
        sharded: whether each rank holds only its part of the gradients.

    Raises:
        UserError: bitsandbytes, or a GPU for it, is missing.
    """
    if options.optimizer == "adamw":
        return GuardedAdamW(parameters, betas, sharded)
    check_optimizer(options.optimizer)
    return eight_bit_adamw(parameters, betas, sharded, paged=options.optimizer == "paged_adamw8bit")


def check_optimizer(name: str) -> None:
    """Check that this machine can run an optimizer.

    Raises:
        UserError: bitsandbytes, or a GPU for it, is missing.
    """
    if name == "adamw":
        return
    check_bitsandbytes(f"train.optimizer: {name}", "set train.optimizer: adamw")
    if name == "paged_adamw8bit" and not torch.cuda.is_available():
        raise UserError(f"train.optimizer: {name} needs a GPU; set adamw8bit or adamw")


def eight_bit_adamw(
    parameters: Iterable[Tensor], betas: tuple[float, float], sharded: bool, paged: bool
) -> GuardedOptimizer:
    """Return bitsandbytes' AdamW without weight decay. Its class is defined here, because it needs the package."""
    from bitsandbytes.optim import AdamW

    class EightBitAdamW(GuardedOptimizer, AdamW):
        saved = ("ema",)

        def new_moments(self, weight: Tensor) -> dict[str, Any]:
            self.init_state(self.param_groups[0], weight, 0, 0)
            return dict(self.state[weight])

    make: Any = EightBitAdamW  # bitsandbytes has no types
    optimizer = make(parameters, lr=0.0, betas=betas, weight_decay=0.0, optim_bits=8, is_paged=paged)
    optimizer.set_up(sharded)
    return optimizer


def raw_moments(optimizer: GuardedOptimizer) -> dict[str, Tensor]:
    """Return the quantised moments of this rank, {number of the weight}/{name}; empty for float32 moments."""
    moments: dict[str, Tensor] = {}
    for number, state in enumerate(optimizer.state.values()):
        moments |= {f"{number}/{name}": state[name] for name in QUANTIZED_STATE if name in state}
    return {key: value.cpu() for key, value in moments.items()}


@torch.no_grad()
def load_raw_moments(optimizer: GuardedOptimizer, files: Sequence[Path]) -> None:
    """Restore the quantised moments of this rank, bit for bit; do nothing if the moments are float32.

    Args:
        files: the files of all ranks, in order of rank.

    Raises:
        UserError: they were written with another number of ranks or another ZeRO stage.
    """
    moments = raw_moments(optimizer)
    if not moments:
        return
    saved = load_file(files[dist.get_rank()]) if len(files) == dist.get_world_size() else {}
    if {key: value.shape for key, value in saved.items()} != {key: value.shape for key, value in moments.items()}:
        raise UserError(
            f"{files[0].parent if files else 'checkpoint'}: 8-bit moments from {len(files)} ranks; resume with the "
            "same number of ranks and the same zero_stage, or delete the checkpoints"
        )
    states: list[Any] = list(optimizer.state.values())
    for key, value in saved.items():
        number, _, name = key.partition("/")
        states[int(number)][name].copy_(value)
