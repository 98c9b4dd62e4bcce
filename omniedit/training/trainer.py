"""DeepSpeed training loop for an editor or any other network, on any number of ranks, with resume."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import deepspeed
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

from omniedit.buckets import BatchPlan
from omniedit.buckets.loader import BatchLoader, PairReader
from omniedit.buckets.store_layout import TRAIN
from omniedit.config.training_options import StepOptions, TrainerOptions
from omniedit.errors import UserError
from omniedit.models.editor import Editor
from omniedit.storage.progress import Progress
from omniedit.training.checkpoints import RUN_FILE, Checkpoints, TrainingProgress
from omniedit.training.deepspeed_config import deepspeed_config, effective_zero_stage, restore_linear
from omniedit.training.editor.encoded_pairs import EncodedBatch, EncodedPairs
from omniedit.training.editor.samples import SampleEdit, grid
from omniedit.training.eight_bit import make_optimizer
from omniedit.training.flow_batches import Rows, TrainingStore
from omniedit.training.held_out import BatchBuilder, held_out_loss, split_held_out
from omniedit.training.metrics_log import LossSums, MetricsLog, report_failure, wandb_run
from omniedit.training.objective import weighted_mean
from omniedit.training.ranks import any_rank, catch_sigterm, gather_from_ranks, sum_over_ranks
from omniedit.training.routing_load import RoutingLoad
from omniedit.training.schedule import BETA1
from omniedit.training.speed import Utilisation, memory_gb, peak_flops
from omniedit.training.state import TrainingState


@dataclass
class Trainer:
    """Train a network on one rank; every rank must call `run`.

    Args:
        network: an architecture of `omniedit.models` or any other module; its parameters that require gradients are
            trained.
        samples: function that makes sample edits of held-out pairs, called each time that samples are due.
        store: sealed buckets, read at the training resolution.
        batch_builder: builds network inputs from pairs, and computes the loss of each pair.
        encoded: the pairs, encoded in advance; None to encode them in each step.
    """

    network: nn.Module
    samples: Callable[[], Iterable[SampleEdit]]
    store: TrainingStore[Any]
    batch_builder: BatchBuilder
    options: TrainerOptions
    seed: int
    encoded: EncodedPairs | None = None
    utilisation: Utilisation | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.reader: PairReader[Any] = self.encoded or self.store
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.plan = BatchPlan(self.store.sizes(), self.options.batch_size, self.world_size, self.seed)
        self._rows = {ratio: self.store.rows(ratio, TRAIN) for ratio, count in self.store.sizes().items() if count}
        self.steps = count_steps(self.options, self.plan)
        share = self.options.batch_size // self.world_size
        if share % self.options.accumulate:
            raise UserError(
                f"accumulate: {self.options.accumulate} does not divide the {share} samples per rank; "
                f"choose a divisor of {share}"
            )
        trained = {name: p for name, p in self.network.named_parameters() if p.requires_grad}
        betas = (BETA1, self.options.adam_beta2)
        sharded = effective_zero_stage(self.options, self.world_size) > 0
        self.optimizer = make_optimizer(self.options, trained.values(), betas, sharded)
        with restore_linear():
            self.engine, *_ = deepspeed.initialize(
                model=self.network, optimizer=self.optimizer, config=deepspeed_config(self.options, self.world_size)
            )
            self._linear = functional.linear  # under ZeRO 3, this is DeepSpeed's replacement, which only `run` uses
        self.state = TrainingState(trained, self.engine, self.optimizer)
        self.routing_load = RoutingLoad(self.network)
        self.skipped = self.skipped_in_a_row = 0
        peak = peak_flops() if self.options.dtype == "bfloat16" else None
        if peak and isinstance(self.network, Editor):
            self.utilisation = Utilisation(self.network, peak)

    def run(self, checkpoints: Checkpoints) -> None:
        """Train to the last step, resuming from the newest checkpoint.

        Raises:
            UserError: too many consecutive steps were skipped (the message names the pairs), every step of the run was
                skipped, or a rank received SIGTERM (a checkpoint is written first).
        """
        done = self._restore(checkpoints.load_last(self.state))
        steps = range(done, self.steps)
        with (
            closing(self._log(checkpoints.folder, done)) if self.rank == 0 else nullcontext() as log,
            BatchLoader(self.reader, self.plan, self.rank, steps, rows=self._rows, prepare=self._prepare) as loader,
            Progress("steps", len(steps)) as progress,
            catch_sigterm() as sigterm,
            restore_linear(),
        ):
            functional.linear = self._linear
            self._evaluate(done, log)  # a resumed run may have been killed between checkpoint and evaluation
            waited_before_s = 0.0
            for step, pairs in progress.over(loader):
                waited_s, waited_before_s = loader.waited_s - waited_before_s, loader.waited_s
                metrics = self._step(step, pairs, waited_s)
                if log is not None:
                    log.write(step + 1, **metrics)
                interrupted = step + 1 < self.steps and any_rank(sigterm.is_set())
                if (step + 1) % self.options.checkpoint_every == 0 or step + 1 == self.steps or interrupted:
                    checkpoints.save(self.state, self._progress(step + 1))
                self._evaluate(step + 1, log)
                if interrupted:
                    raise UserError(
                        f"stopped by SIGTERM after step {step + 1}; a checkpoint was saved; "
                        "run the command again to resume"
                    )
        if self.skipped == self.steps:
            raise UserError(
                "every step was skipped, so nothing was trained; the lines above give the pairs and reasons"
            )

    def _step(self, step: int, pairs: Rows, waited_s: float) -> dict[str, float]:
        """Run one training step and return its metrics.

        Args:
            waited_s: seconds spent waiting for `pairs`.
        """
        start = time.monotonic()
        weight_sum = sum_over_ranks(self.batch_builder.weights(pairs).sum())
        if not weight_sum:
            return self._skip_zero_weight_step(step, pairs)
        sums, losses_B, operations = LossSums(), list[Tensor](), 0.0
        for batch in self._micro_batches(step, pairs):
            loss_B = self.batch_builder.losses(self.engine, batch)
            share_of_loss = weighted_mean(loss_B, batch.weight, weight_sum, self.world_size)
            self.engine.backward(share_of_loss, scale_wrt_gas=False)
            sums.add(batch, loss_B)
            losses_B.append(loss_B.detach().cpu())
            operations += self.utilisation.operations(batch.inputs) if self.utilisation else 0
        losses = sums.means()
        self._update(step, losses["loss"])
        self._count_skipped(step, [pair["pair_id"] for pair in pairs.pairs], torch.cat(losses_B))
        return losses | {
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "grad_norm": self.optimizer.norm,
            "mean_weight": weight_sum.item() / self.options.batch_size,
            "skipped": self.skipped,
            **self.routing_load.means(),
            **self._speed(operations, time.monotonic() - start + waited_s, waited_s),
        }

    def _micro_batches(self, step: int, pairs: Rows) -> Iterator[Any]:
        """Yield this rank's batch in `accumulate` micro-batches."""
        built = pairs.micro_batches if isinstance(pairs, EncodedBatch) else ()
        for number, micro_batch in enumerate(built or self._build(step, pairs)):
            if number:
                self.engine.step()  # no update yet: DeepSpeed counts these calls and updates after the last one
            yield micro_batch

    def _build(self, step: int, pairs: Rows) -> Iterator[Any]:
        """Yield the micro-batches' inputs, one at a time."""
        size = len(pairs) // self.options.accumulate
        for first in range(0, len(pairs), size):
            yield self.batch_builder.build(pairs[first : first + size], step, self.rank * len(pairs) + first)

    def _prepare(self, step: int, pairs: Any) -> Any:
        """Build the step's inputs in advance if the pairs are encoded; otherwise return the pairs unchanged."""
        return replace(pairs, micro_batches=tuple(self._build(step, pairs))) if self.encoded else pairs

    def _speed(self, operations: float, seconds: float, waited_s: float) -> dict[str, float]:
        """Return the step's speed metrics.

        Args:
            operations: operations of this rank.
            seconds: duration of the step, including the `waited_s` spent waiting for data.
        """
        speed = {
            "samples_per_s": self.options.batch_size / seconds,
            "data_wait_share": waited_s / seconds,
            "memory_gb": memory_gb(),
        }
        if self.utilisation:
            speed["mfu"] = self.utilisation.mfu(operations, seconds)
        return speed

    def _update(self, step: int, loss: float) -> None:
        """Take the optimizer step, or set `optimizer.skip_reason` if the loss or the gradient is unsafe."""
        optimizer = self.optimizer
        optimizer.prepare_step(step, self.steps, self.options.learning_rate, self.options)
        if not math.isfinite(loss):
            optimizer.skip_reason = f"the loss is {loss}"
        self.engine.step()
        if not self.engine.was_step_applied():  # DeepSpeed skips some steps itself, without calling AdamW
            optimizer.norm = math.nan
            optimizer.skip_reason = optimizer.skip_reason or "the gradient's norm is not finite"

    def _count_skipped(self, step: int, pair_ids: Sequence[str], loss_B: Tensor) -> None:
        """Count and report this step if it was skipped.

        Raises:
            UserError: `max_skipped` consecutive steps have been skipped.
        """
        reason = self.optimizer.skip_reason
        if reason is None:
            self.skipped_in_a_row = 0
            return
        self.skipped += 1
        self.skipped_in_a_row += 1
        pairs = ", ".join(_suspects(pair_ids, loss_B))
        print(f"step {step + 1} skipped: {reason}; pairs {pairs}", flush=True)
        if self.skipped_in_a_row == self.options.max_skipped:
            raise UserError(
                f"training stopped at step {step + 1}: {self.skipped_in_a_row} consecutive steps were skipped; the "
                f"last one because {reason}. Its pairs: {pairs}; check them, or lower the learning rate"
            )

    def _skip_zero_weight_step(self, step: int, pairs: Rows) -> dict[str, float]:
        """Skip a step whose pairs all have zero weight, on every rank; return its metrics."""
        self.skipped += 1
        by_rank = gather_from_ranks([pair["pair_id"] for pair in pairs.pairs])
        pair_ids = ", ".join(dict.fromkeys(pair_id for rank in by_rank for pair_id in rank))
        print(
            f"step {step + 1} skipped: all its pairs have weight 0 with {self.batch_builder.weighting}; "
            f"pairs {pair_ids}",
            flush=True,
        )
        return {"mean_weight": 0.0, "skipped": self.skipped}

    def _log(self, folder: Path, done: int) -> MetricsLog:
        project, settings = self.options.wandb, json.loads((folder / RUN_FILE).read_text())
        return MetricsLog(folder, done, wandb_run(project, folder, settings) if project else None)

    def _progress(self, step: int) -> TrainingProgress:
        norms = tuple(self.optimizer.guard.norms)
        return TrainingProgress(step, self.optimizer.steps_taken, norms, self.skipped, self.skipped_in_a_row)

    def _restore(self, progress: TrainingProgress) -> int:
        self.skipped, self.skipped_in_a_row = progress.skipped, progress.skipped_in_a_row
        return progress.step

    def _evaluate(self, step: int, log: MetricsLog | None) -> None:
        """Log the EMA weights' held-out loss and sample edits, at the steps where these are due.

        Failures are reported and do not stop training. A resumed run repeats the evaluation of its checkpoint's step.
        """
        is_evaluation_step = step % self.options.held_out_every == 0 or step == self.steps
        is_sample_step = step > 0 and (step % self.options.sample_every == 0 or step == self.steps)
        if not (is_evaluation_step or is_sample_step):
            return
        # Sample edits and the last held-out batch differ in batch size; compiling for them is not worth the time.
        with self.state.ema_weights(), torch.compiler.set_stance("force_eager"):
            if is_evaluation_step:
                loss = self._held_out(step)
                if log is not None and loss is not None:
                    log.write(step, held_out_loss=loss)
            if is_sample_step:
                with report_failure(f"step {step}: sample images"):
                    samples = list(self.samples())
                    if samples and log is not None:
                        log.image(step, grid(samples))

    def _held_out(self, step: int) -> float | None:
        """Return the loss on held-out pairs, or None if there are none or the evaluation failed on any rank."""
        parts = split_held_out(self.store, self.options.batch_size // self.options.accumulate)
        return held_out_loss(step, self.reader, parts, self.batch_builder, self.engine)


def count_steps(options: StepOptions, plan: BatchPlan) -> int:
    """Return the number of optimizer steps of a run, given as `steps` or as `epochs`."""
    if options.epochs is None:
        return options.steps
    return max(1, round(options.epochs * plan.steps_per_epoch))


def _suspects(pair_ids: Sequence[str], loss_B: Tensor) -> list[str]:
    """Return the pairs with a non-finite loss, over all ranks, or all pairs if every loss is finite."""
    finite = torch.isfinite(loss_B.detach()).tolist()
    by_rank = gather_from_ranks(list(zip(pair_ids, finite, strict=True)))
    pairs = [pair for rank in by_rank for pair in rank]
    bad = [pair_id for pair_id, is_finite in pairs if not is_finite]
    return list(dict.fromkeys(bad or [pair_id for pair_id, _ in pairs]))
