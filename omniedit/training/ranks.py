"""Processes (ranks) of a training run: one, or as many as torchrun started."""

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import deepspeed
import torch
import torch.distributed as dist
from deepspeed.accelerator import get_accelerator
from deepspeed.utils import logger
from torch import Tensor
from transformers.utils import logging as transformers_logging

from omniedit.storage.processes import exit_with_torchrun

T = TypeVar("T")


def join_ranks() -> torch.device:
    """Join the other ranks of the run, if torchrun started any, and return this rank's device.

    From then on, only the first rank prints, and transformers shows no progress bars.
    """
    logger.setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    # Without this, DeepSpeed compiles a shared-memory all-reduce in C++ for minutes; gloo is good enough.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if "RANK" not in os.environ:
        alone = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
        os.environ.update({name: str(value) for name, value in alone.items()})
    elif "TORCHELASTIC_RUN_ID" in os.environ:
        exit_with_torchrun()
    if int(os.environ["RANK"]) > 0:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (stays open for the life of the process)
    if not torch.cuda.is_available():
        deepspeed.init_distributed("gloo", verbose=False)
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    deepspeed.init_distributed("nccl", verbose=False)
    return device


@contextmanager
def catch_sigterm() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets instead of ending the process. Clusters send SIGTERM before they reclaim a
    node.
    """
    received = threading.Event()
    previous = signal.signal(signal.SIGTERM, lambda *_: received.set())
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, previous)


def sum_over_ranks(value: Tensor) -> Tensor:
    """Return the sum of a tensor over all ranks, on this rank's device, because NCCL sums only GPU tensors."""
    total = value.detach().to(get_accelerator().current_device_name(), copy=True)
    dist.all_reduce(total)
    return total


def any_rank(value: bool) -> bool:
    """Return whether the value is true on any rank, so that all ranks take the same branch."""
    return bool(sum_over_ranks(torch.tensor(float(value))).item())


def gather_from_ranks(value: T) -> list[T]:
    """Return every rank's value, in order of rank."""
    values: list[T] = [value] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def leave_ranks() -> None:
    dist.destroy_process_group()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
