"""DeepSpeed config of a training run, and restoration of the function that ZeRO stage 3 replaces."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

from omniedit.config.training_options import TrainerOptions


def effective_zero_stage(options: TrainerOptions, world_size: int) -> int:
    """Return the ZeRO stage to train with: 0 instead of 1 or 2 for a single rank in float32, which has nothing to
    shard.

    The weights are the same, and a step of a small network takes less time. In bfloat16, DeepSpeed needs more memory at
    stage 0.
    """
    nothing_to_share = world_size == 1 and options.dtype == "float32" and options.zero_offload == "none"
    return 0 if nothing_to_share and options.zero_stage < 3 else options.zero_stage


def deepspeed_config(options: TrainerOptions, world_size: int) -> dict[str, Any]:
    stage = effective_zero_stage(options, world_size)
    zero: dict[str, Any] = {"stage": stage}
    # GuardedAdamW computes norms and clips, so DeepSpeed does neither.
    if stage in (1, 2) and options.zero_offload == "none":  # with offload, DeepSpeed requires its own norm
        zero["compute_grad_norm"] = False
    if stage == 3:
        zero["sub_group_size"] = 10**15  # AdamW must see all gradients at once
    if options.zero_offload != "none":
        pinned = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
        zero["offload_optimizer"] = pinned
        if options.zero_offload == "all":
            zero["offload_param"] = pinned
    return {
        "train_batch_size": options.batch_size,
        "train_micro_batch_size_per_gpu": options.batch_size // world_size // options.accumulate,
        "gradient_accumulation_steps": options.accumulate,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,  # its AdamW has no guard, and compiles C++ at the first step
        "gradient_clipping": 0.0,
        "bf16": {"enabled": options.dtype == "bfloat16", "check_grad_overflow": False},
        "steps_per_print": 2**31,
    }


@contextmanager
def restore_linear() -> Iterator[None]:
    """Restore torch's function for linear layers after the block. ZeRO stage 3 replaces it for the whole process by one
    that rounds before it adds the bias, which changes the last bits of bfloat16.
    """
    linear = functional.linear
    try:
        yield
    finally:
        functional.linear = linear
