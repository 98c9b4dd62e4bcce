"""Scenario of trainings on two ranks, whose results many tests check. It runs once, because starting ranks is slow."""

import math
import multiprocessing
import time
from collections.abc import Collection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from helpers.small_training import Disturbed, ScoredZero, make_trainer
from omniedit.errors import UserError
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.ranks import free_port, join_ranks
from omniedit.training.trainer import Trainer

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["omniedit.training.trainer", "omniedit.models.base"])
STAGES = (0, 1, 2, 3)


def start(code: str) -> list[BaseProcess]:
    """Run code on two ranks with torchrun's environment variables, forked from a process with the imports done."""
    rendezvous = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = []
    for rank in ("0", "1"):
        environment = rendezvous | {"RANK": rank, "LOCAL_RANK": rank}
        prepared = f"import os, torch\ntorch.set_num_threads(1)\nos.environ.update({environment!r})\n{code}"
        ranks.append(FORKS.Process(target=exec, args=(prepared, {})))
        ranks[-1].start()
    return ranks


def hold_before(step: int, release: Path) -> None:
    """Make trainings of this process wait before a step, counted from 1, until a file exists."""
    take_step = Trainer._step

    def wait_and_take(trainer: Trainer, at: int, *given: Any) -> dict[str, float]:
        while at == step - 1 and not release.exists():
            time.sleep(0.01)
        return take_step(trainer, at, *given)

    Trainer._step = wait_and_take  # type: ignore[method-assign]


def finish(ranks: list[BaseProcess]) -> None:
    for rank in ranks:
        rank.join()
        assert rank.exitcode == 0


def scenario(run: Path) -> None:
    """Train at each ZeRO stage, with accumulation, with a bad step on rank 1 alone and with batches of weight zero.

    Then run the first half of one training and the second half of another.
    """
    join_ranks()
    for stage in STAGES:
        trainer = train(run, run / f"zero{stage}", edits=stage in (2, 3), zero_stage=stage, steps=3)
        with trainer.state.gathered_ema_weights():
            if dist.get_rank() == 0:
                trainer.network.editor.save_pretrained(run / f"zero{stage}/editor")
    train(run, run / "parts", zero_stage=2, steps=3, accumulate=2)
    poisoned = {2} if dist.get_rank() == 1 else set()
    train(run, run / "poisoned", poison=math.nan, poisoned=poisoned, zero_stage=2, steps=2, checkpoint_every=1)
    weightless = make_trainer(run, zero_stage=2, steps=4, importance="score")
    weightless.reader = ScoredZero(weightless.store, "1x1")
    weightless.run(Checkpoints(run / "weightless", {}))
    with pytest.raises(UserError, match="stopped by SIGTERM after step 3"):
        train(run, run / "two_then_one", terminated=3, zero_stage=2, steps=6)
    train(run, run / "one_then_two", zero_stage=3, steps=6)


def train(
    run: Path,
    folder: Path,
    poison: float = 1.0,
    poisoned: Collection[int] = (),
    terminated: int | None = None,
    **options: object,
) -> Trainer:
    """Train on the data and the base of `run` with the faults of `Disturbed`, with checkpoints in `folder`."""
    trainer = make_trainer(run, wrap=lambda editor: Disturbed(editor, poison, poisoned, terminated), **options)
    trainer.run(Checkpoints(folder, {}))
    return trainer
