"""The processes of a training run: one, or those that torchrun started."""

import logging
import os
import socket
import warnings
from importlib import import_module

import torch
import torch.distributed as dist


def join_ranks() -> torch.device:
    """Join the other processes of the run (none without torchrun); the device that this one computes on."""
    on_gpu = torch.cuda.is_available()
    # DeepSpeed picks its accelerator when it is first imported, and reports what it found as it looks.
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if on_gpu else "cpu")
    import_module("deepspeed.utils").logger.setLevel(logging.ERROR)
    # Else DeepSpeed compiles a shared-memory all-reduce with the machine's C++ compiler, for minutes; gloo does.
    import_module("deepspeed.ops").__compatible_ops__["deepspeed_shm_comm"] = False
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    if "RANK" not in os.environ:
        alone = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
        os.environ.update({name: str(value) for name, value in alone.items()})
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    import_module("deepspeed").init_distributed(dist_backend="nccl" if on_gpu else "gloo", verbose=False)
    return device


def leave_ranks() -> None:
    dist.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
