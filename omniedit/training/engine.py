"""Training of an editor under DeepSpeed, on any number of ranks, from the last checkpoint on."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import deepspeed
import numpy as np
import torch
import torch.distributed as dist
from deepspeed.accelerator import get_accelerator
from torch import Tensor, nn

from omniedit.aspect import RATIOS
from omniedit.buckets import BatchPlan
from omniedit.buckets.layout import HELD_OUT
from omniedit.buckets.loader import BatchLoader
from omniedit.buckets.store import BucketStore, PairBatch
from omniedit.config import TrainConfig
from omniedit.errors import UserError
from omniedit.progress import Progress
from omniedit.training.batches import BatchMaker, EditBatch
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.ema import ShardedEma
from omniedit.training.metrics import MetricsLog
from omniedit.training.objective import flow_loss, weighted_mean
from omniedit.training.ranks import sigterm_noted
from omniedit.training.schedule import BETAS, ema_decay, learning_rate

HELD_OUT_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Of the noise levels of training: at these the held-out loss is measured, and it is their mean."""
HELD_OUT_PAIRS = 64
"""At most so many held-out pairs are measured."""


def deepspeed_config(options: TrainConfig, world_size: int) -> dict[str, Any]:
    return {
        "train_micro_batch_size_per_gpu": options.batch_size // world_size,
        "train_batch_size": options.batch_size,
        "zero_optimization": {"stage": options.zero_stage},
        "zero_allow_untested_optimizer": True,
        "gradient_clipping": 1.0,
        "bf16": {"enabled": torch.cuda.is_available()},
        "steps_per_print": 2**31,
    }


@dataclass
class Trainer:
    """Everything that a step needs; `run` takes all of them.

    Args:
        editor: an architecture of `omniedit.models`; its parameters that require gradients are trained.
        store: sealed buckets, read at the training resolution.
    """

    editor: nn.Module
    store: BucketStore
    batches: BatchMaker
    options: TrainConfig
    seed: int

    def __post_init__(self) -> None:
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.plan = BatchPlan(self.store.sizes(), self.options.batch_size, self.world_size, self.seed)
        self.steps = steps_of(self.options, self.plan)
        trained = {name: p for name, p in self.editor.named_parameters() if p.requires_grad}
        optimizer = torch.optim.AdamW(trained.values(), lr=self.options.learning_rate, betas=BETAS, weight_decay=0.0)
        self.engine, *_ = deepspeed.initialize(
            model=self.editor, optimizer=optimizer, config=deepspeed_config(self.options, self.world_size)
        )
        self.ema = ShardedEma(trained, self.rank, self.world_size)

    def run(self, checkpoints: Checkpoints) -> None:
        """Train to the last step, from the newest checkpoint on; then the editor holds the mean of its weights.

        Raises:
            UserError: the loss is not finite (the text names the pairs), or a rank got SIGTERM (after a checkpoint).
        """
        done = checkpoints.load_last(self.engine, self.ema)
        log = MetricsLog(checkpoints.folder, done) if self.rank == 0 else None
        if done == 0:
            _log(log, 0, self._held_out())
        steps = range(done, self.steps)
        with (
            BatchLoader(self.store, self.plan, self.rank, steps) as loader,
            Progress("steps", len(steps)) as progress,
            sigterm_noted() as sigterm,
        ):
            for step, pairs in loader:
                start, waited_s = time.monotonic(), loader.waited_s - progress.waited_s
                progress.waited_s = loader.waited_s
                metrics = self._step(step, pairs)
                metrics["samples_per_s"] = self.options.batch_size / (time.monotonic() - start + waited_s)
                metrics["data_wait_share"] = progress.waited_s / progress.elapsed_s
                if (step + 1) % self.options.held_out_every == 0 or step + 1 == self.steps:
                    metrics |= self._held_out()
                _log(log, step + 1, metrics)
                stops = step + 1 < self.steps and _any_rank(sigterm.is_set())
                if (step + 1) % self.options.checkpoint_every == 0 or step + 1 == self.steps or stops:
                    checkpoints.save(self.engine, self.ema, step + 1)
                progress.advance()
                if stops:
                    raise UserError(f"stopped by SIGTERM after step {step + 1}, with a checkpoint; run again to go on")
        self.ema.apply()

    def _step(self, step: int, pairs: PairBatch) -> dict[str, float]:
        batch = self.batches.training(pairs, step, first=self.rank * len(pairs))
        loss_B = self._losses(batch)
        weight_sum = _summed(batch.weight.sum())
        loss = weighted_mean(loss_B, batch.weight, weight_sum, self.world_size)
        mean_loss = _summed(loss.detach()).item() / self.world_size
        if not math.isfinite(mean_loss):
            raise UserError(_not_finite("loss", step, batch, loss_B))
        options = self.options
        rate = learning_rate(step, self.steps, options.learning_rate, options.warmup_steps)
        for group in self.engine.optimizer.param_groups:
            group["lr"] = rate
        self.engine.backward(loss)
        # Only under ZeRO does DeepSpeed tell the norm; without, each rank has all gradients until the step.
        whole_norm = _gradient_norm(self.ema.parameters.values()) if options.zero_stage == 0 else None
        self.engine.step()
        grad_norm = self.engine.get_global_grad_norm() if whole_norm is None else whole_norm
        if not math.isfinite(grad_norm):
            raise UserError(_not_finite("gradient", step, batch, loss_B.fill_(math.nan)))
        self.ema.update(ema_decay(step, self.options.ema_decay))
        return {
            "loss": mean_loss,
            "learning_rate": rate,
            "grad_norm": float(grad_norm),
            "mean_weight": weight_sum.item() / self.options.batch_size,
        }

    def _losses(self, batch: EditBatch) -> Tensor:
        dtype = next(self.editor.parameters()).dtype
        # A noise level in bfloat16 would be off by up to 4 of 1000.
        inputs = {name: value if name == "timestep" else value.to(dtype) for name, value in batch.inputs.items()}
        return flow_loss(self.engine(**inputs), batch.target)

    @torch.no_grad()
    def _held_out(self) -> dict[str, float]:
        """Mean loss of the mean weights on held-out pairs, over pairs and noise levels; {} where none is held out."""
        total, count = torch.zeros(()), torch.zeros(())
        with self.ema.applied():
            for ratio, rows in self._held_out_rows():
                pairs = self.store.read(ratio, rows)
                for quantile in HELD_OUT_QUANTILES:
                    total += self._losses(self.batches.held_out(pairs, quantile)).sum().cpu()
                    count += len(pairs)
        total, count = _summed(total), _summed(count)
        return {"held_out_loss": (total / count).item()} if count else {}

    def _held_out_rows(self) -> list[tuple[str, np.ndarray]]:
        """This rank's part of the held-out pairs: (ratio, rows) of at most a batch."""
        held = [(ratio, row) for ratio in RATIOS for row in self.store.rows(ratio, HELD_OUT).tolist()]
        spread = held[:: math.ceil(len(held) / HELD_OUT_PAIRS) or 1]
        mine = spread[self.rank :: self.world_size]
        size = self.options.batch_size // self.world_size
        by_ratio = [(ratio, [row for r, row in mine if r == ratio]) for ratio in RATIOS]
        return [(ratio, np.array(rows[i : i + size])) for ratio, rows in by_ratio for i in range(0, len(rows), size)]


def steps_of(options: TrainConfig, plan: BatchPlan) -> int:
    """Optimizer steps of a run: those asked for, or those of so many epochs."""
    if options.epochs is None:
        return options.steps
    return max(1, round(options.epochs * plan.steps_per_epoch))


def _log(log: MetricsLog | None, step: int, metrics: dict[str, float]) -> None:
    if log is not None and metrics:
        log.write(step, **metrics)


def _gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])


def _summed(value: Tensor) -> Tensor:
    """The sum of a scalar over all ranks, on this rank's device: NCCL sums nothing that is not on a GPU."""
    total = value.detach().to(get_accelerator().current_device_name(), copy=True)
    dist.all_reduce(total)
    return total


def _any_rank(value: bool) -> bool:
    """Whether it is true on any rank: all of them must take the same way."""
    return bool(_summed(torch.tensor(float(value))).item())


def _not_finite(what: str, step: int, batch: EditBatch, loss_B: Tensor) -> str:
    bad = torch.isfinite(loss_B.detach()).logical_not().tolist()
    mine = [pair_id for pair_id, is_bad in zip(batch.pair_ids, bad, strict=True) if is_bad]
    everyone: list[list[str]] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(everyone, mine)
    pairs = ", ".join(dict.fromkeys(pair_id for ids in everyone for pair_id in ids))
    return (
        f"training stopped at step {step + 1}: the {what} is not finite, with the pairs {pairs}; look at these pairs, "
        "or lower train.learning_rate"
    )
