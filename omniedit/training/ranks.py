"""The processes of a training run: one, or those that torchrun started."""

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import deepspeed
import torch
import torch.distributed as dist
from deepspeed.utils import logger


def join_ranks() -> torch.device:
    """Join the other processes of the run (none without torchrun); the device that this one computes on."""
    logger.setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    # Else DeepSpeed compiles a shared-memory all-reduce with the machine's C++ compiler, for minutes; gloo does.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if "RANK" not in os.environ:
        alone = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
        os.environ.update({name: str(value) for name, value in alone.items()})
    if not torch.cuda.is_available():
        deepspeed.init_distributed("gloo", verbose=False)
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    deepspeed.init_distributed("nccl", verbose=False)
    return device


@contextmanager
def sigterm_noted() -> Iterator[threading.Event]:
    """Within the block SIGTERM, which a cluster sends before it takes a node away, only sets the event."""
    noted = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: noted.set())
    try:
        yield noted
    finally:
        signal.signal(signal.SIGTERM, before)


def leave_ranks() -> None:
    dist.destroy_process_group()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
