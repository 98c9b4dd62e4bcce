"""Training under DeepSpeed, of an editor or any other network, on any number of ranks, from the last checkpoint on."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import deepspeed
import torch
import torch.distributed as dist
from torch import Tensor, nn

from omniedit.aspect import RATIOS
from omniedit.buckets import BatchPlan
from omniedit.buckets.loader import BatchLoader, Reader
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.editor import Editor
from omniedit.storage.progress import Progress
from omniedit.training.checkpoints import RUN, Checkpoints, TrainingProgress
from omniedit.training.editor.batches import Batch, Rows, Store, choose_held_out_pairs, importance
from omniedit.training.editor.encoded import EncodedPairs
from omniedit.training.editor.samples import Sample, grid
from omniedit.training.metrics import MetricsLog, loss_means, loss_sums, report_failure, wandb_run
from omniedit.training.objective import weighted_mean
from omniedit.training.optimizer import GuardedAdamW
from omniedit.training.ranks import any_rank, from_all_ranks, sigterm_noted, sum_over_ranks
from omniedit.training.schedule import BETA1, ema_decay, learning_rate
from omniedit.training.speed import Utilisation, memory_gb, peak_flops
from omniedit.training.state import TrainedState

HELD_OUT_PAIRS = 64
"""At most so many held-out pairs are measured."""


def deepspeed_config(options: TrainConfig, world_size: int) -> dict[str, Any]:
    zero: dict[str, Any] = {"stage": options.zero_stage}
    # Neither norms nor clipping: GuardedAdamW sees to both.
    if options.zero_stage in (1, 2):
        zero["compute_grad_norm"] = False
    if options.zero_stage == 3:
        zero["sub_group_size"] = 10**15  # AdamW is to see all gradients at once
    return {
        "train_batch_size": options.batch_size,
        "train_micro_batch_size_per_gpu": options.batch_size // world_size // options.accumulate,
        "gradient_accumulation_steps": options.accumulate,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "gradient_clipping": 0.0,
        "bf16": {"enabled": options.dtype == "bfloat16", "check_grad_overflow": False},
        "steps_per_print": 2**31,
    }


class Batches(Protocol):
    """What is asked of a network, and what its answers cost: `BatchMaker`, or what takes its place."""

    def training(self, pairs: Any, step: int, first: int) -> Any:
        """The `Batch` of a step on one rank, whose samples' places in the whole batch start at `first`."""
        ...

    def held_out(self, pairs: Any) -> Iterable[Any]:
        """Batches over which the mean of the losses is the pairs' held-out loss; always the same."""
        ...

    def losses(self, network: nn.Module, batch: Any) -> Tensor:
        """The loss of each sample of a batch, (B,), on the network's device."""
        ...


@dataclass
class Trainer:
    """Everything that a step needs; `run` takes all of them.

    Args:
        network: an architecture of `omniedit.models`, or another; its parameters that require gradients are trained.
        samples: edits of held-out pairs to look at, made anew at each call.
        store: sealed buckets, read at the training resolution.
        batches: makes of what was read what the network sees.
        encoded: the pairs where these were encoded before.
    """

    network: nn.Module
    samples: Callable[[], Iterable[Sample]]
    store: Store[Any]
    batches: Batches
    options: TrainConfig
    seed: int
    encoded: EncodedPairs | None = None
    utilisation: Utilisation | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.reader: Reader[Any] = self.encoded or self.store
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.plan = BatchPlan(self.store.sizes(), self.options.batch_size, self.world_size, self.seed)
        self.steps = count_steps(self.options, self.plan)
        if self.options.batch_size // self.world_size % self.options.accumulate:
            raise UserError(f"accumulate: {self.options.accumulate} does not divide a rank's share of a batch")
        trained = {name: p for name, p in self.network.named_parameters() if p.requires_grad}
        betas = (BETA1, self.options.adam_beta2)
        self.optimizer = GuardedAdamW(trained.values(), betas, shared=self.options.zero_stage > 0)
        self.engine, *_ = deepspeed.initialize(
            model=self.network, optimizer=self.optimizer, config=deepspeed_config(self.options, self.world_size)
        )
        self.state = TrainedState(trained, self.engine, self.optimizer)
        self.skipped = self.skipped_in_a_row = 0
        peak = peak_flops() if self.options.dtype == "bfloat16" else None
        if peak and isinstance(self.network, Editor):
            self.utilisation = Utilisation(self.options, self.network, peak * self.world_size)

    def run(self, checkpoints: Checkpoints) -> None:
        """Train to the last step, from the newest checkpoint on.

        Raises:
            UserError: too many steps in a row were skipped (the text names the pairs), all of them were, or a rank got
                SIGTERM (after a checkpoint).
        """
        done = self._go_on_from(checkpoints.load_last(self.state))
        steps = range(done, self.steps)
        with (
            closing(self._log(checkpoints.folder, done)) if self.rank == 0 else nullcontext() as log,
            BatchLoader(self.reader, self.plan, self.rank, steps) as loader,
            Progress("steps", len(steps)) as progress,
            sigterm_noted() as sigterm,
        ):
            self._evaluate(done, log)  # a resumed run may have been killed between its checkpoint and this
            known_s = 0.0
            for step, pairs in progress.over(loader):
                waited_s, known_s = loader.waited_s - known_s, loader.waited_s
                metrics = self._step(step, pairs, waited_s)
                if log is not None:
                    log.write(step + 1, **metrics)
                stops = step + 1 < self.steps and any_rank(sigterm.is_set())
                if (step + 1) % self.options.checkpoint_every == 0 or step + 1 == self.steps or stops:
                    checkpoints.save(self.state, self._position(step + 1))
                self._evaluate(step + 1, log)
                if stops:
                    raise UserError(f"stopped by SIGTERM after step {step + 1}, with a checkpoint; run again to go on")
        if self.skipped == self.steps:
            raise UserError("nothing was learnt: every step was skipped; the lines above name the pairs and say why")

    def _step(self, step: int, pairs: Rows, waited_s: float) -> dict[str, float]:
        """Run one training step and return its metrics.

        Args:
            waited_s: seconds spent waiting for `pairs`.
        """
        start, read_s = time.monotonic(), self._read_s
        weight_sum = sum_over_ranks(importance(pairs, self.options).sum())
        if not weight_sum:
            return self._skip_weightless(step, pairs)
        sums, loss_B = torch.zeros(()), torch.zeros(0)
        for batch in self._parts(step, pairs):
            part_B = self.batches.losses(self.engine, batch)
            self.engine.backward(weighted_mean(part_B, batch.weight, weight_sum, self.world_size), scale_wrt_gas=False)
            sums, loss_B = sums + loss_sums(batch, part_B), torch.cat([loss_B, part_B.detach().cpu()])
        losses = loss_means(batch, sum_over_ranks(sums))
        self._update(step, losses["loss"])
        self._count_skipped(step, [pair["pair_id"] for pair in pairs.pairs], loss_B)
        return losses | {
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "grad_norm": self.optimizer.norm,
            "mean_weight": weight_sum.item() / self.options.batch_size,
            "skipped": self.skipped,
            **self._speed(batch, time.monotonic() - start + waited_s, waited_s + self._read_s - read_s),
        }

    @property
    def _read_s(self) -> float:
        """Seconds that steps have spent on reading what was encoded before; encoding on the way is computing."""
        return self.encoded.waited_s if self.encoded else 0.0

    def _parts(self, step: int, pairs: Rows) -> Iterator[Any]:
        """This rank's batch in as many parts as gradients are accumulated over."""
        size = len(pairs) // self.options.accumulate
        for first in range(0, len(pairs), size):
            if first:
                self.engine.step()  # none yet: DeepSpeed counts parts so
            yield self.batches.training(pairs[first : first + size], step, self.rank * len(pairs) + first)

    def _speed(self, batch: Batch, seconds: float, waited_s: float) -> dict[str, float]:
        """Of a step that took so long, waiting included; measurements and checkpoints between steps are not in it."""
        speed = {
            "samples_per_s": self.options.batch_size / seconds,
            "data_wait_share": waited_s / seconds,
            "memory_gb": memory_gb(),
        }
        if self.utilisation:
            speed["mfu"] = self.utilisation(batch.inputs, seconds)
        return speed

    def _update(self, step: int, loss: float) -> None:
        """Follow the gradients, unless they would do harm; `optimizer.refused` says why they were not followed."""
        options, optimizer = self.options, self.optimizer
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, self.steps, options.learning_rate, options.warmup_steps, options.lr_decay)
        optimizer.mean_decay = ema_decay(step, options.ema_decay)
        optimizer.refused = None if math.isfinite(loss) else f"the loss is {loss}"
        self.engine.step()
        if not self.engine.was_step_applied():  # DeepSpeed leaves out some itself, and AdamW hears nothing of them
            optimizer.norm = math.nan
            optimizer.refused = optimizer.refused or "the gradient's norm is not finite"

    def _count_skipped(self, step: int, pair_ids: Sequence[str], loss_B: Tensor) -> None:
        """
        Raises:
            UserError: this step was skipped, and `max_skipped` before and with it.
        """
        why = self.optimizer.refused
        if why is None:
            self.skipped_in_a_row = 0
            return
        self.skipped += 1
        self.skipped_in_a_row += 1
        pairs = ", ".join(_suspects(pair_ids, loss_B))
        print(f"step {step + 1} skipped: {why}; pairs {pairs}", flush=True)
        if self.skipped_in_a_row == self.options.max_skipped:
            raise UserError(
                f"training stopped at step {step + 1}: {self.skipped_in_a_row} in a row were skipped, this one because "
                f"{why}, with the pairs {pairs}; look at these pairs, or lower the learning rate"
            )

    def _skip_weightless(self, step: int, pairs: Rows) -> dict[str, float]:
        """Leave out a step whose pairs weigh nothing on any rank, so that it has no loss, and return its metrics."""
        self.skipped += 1
        by_rank = from_all_ranks([pair["pair_id"] for pair in pairs.pairs])
        named = ", ".join(dict.fromkeys(pair_id for rank in by_rank for pair_id in rank))
        print(
            f"step {step + 1} skipped: all its pairs weigh nothing by train.importance: {self.options.importance}; "
            f"pairs {named}",
            flush=True,
        )
        return {"mean_weight": 0.0, "skipped": self.skipped}

    def _log(self, folder: Path, done: int) -> MetricsLog:
        project, settings = self.options.wandb, json.loads((folder / RUN).read_text())
        return MetricsLog(folder, done, wandb_run(project, folder, settings) if project else None)

    def _position(self, step: int) -> TrainingProgress:
        norms = tuple(self.optimizer.guard.norms)
        return TrainingProgress(step, self.state.steps_taken, norms, self.skipped, self.skipped_in_a_row)

    def _go_on_from(self, position: TrainingProgress) -> int:
        self.skipped, self.skipped_in_a_row = position.skipped, position.skipped_in_a_row
        return position.step

    def _evaluate(self, step: int, log: MetricsLog | None) -> None:
        """Log the held-out loss of the mean weights and edits of some held-out pairs, as often as the options say.

        What goes wrong here is reported and ends no training. Before the steps of a resumed run it is done once more.
        """
        measures = step % self.options.held_out_every == 0 or step == self.steps
        samples = step > 0 and (step % self.options.sample_every == 0 or step == self.steps)
        if not (measures or samples):
            return
        # Samples and the last of the held-out pairs come in batches of other sizes, not worth compiling for.
        with self.state.mean_shown(), torch.compiler.set_stance("force_eager"):
            if measures:
                loss = self._held_out(step)
                if log is not None and loss is not None:
                    log.write(step, held_out_loss=loss)
            if samples:
                with report_failure(f"step {step}: sample images"):
                    made = list(self.samples())
                    if made and log is not None:
                        log.picture(step, grid(made))

    @torch.no_grad()
    def _held_out(self, step: int) -> float | None:
        """Return the mean loss on held-out pairs; None where none is held out, or it failed on any rank."""
        total, count, failed = torch.zeros(()), torch.zeros(()), True
        with report_failure(f"step {step}: held-out loss"):
            for ratio, rows, counts in self._held_out_batches():
                pairs = self.reader.read(ratio, rows)
                for batch in self.batches.held_out(pairs):
                    total += counts * self.batches.losses(self.engine, batch).sum().cpu()
                    count += counts * len(pairs)
            failed = False
        total, count = sum_over_ranks(total), sum_over_ranks(count)
        return None if any_rank(failed) or not count else (total / count).item()

    def _held_out_batches(self) -> Iterator[tuple[str, list[int], bool]]:
        """This rank's parts of batches of held-out pairs: ratio, rows, and whether they count.

        All ranks get as many, since under ZeRO 3 none computes alone: one without a part repeats a pair that another
        has, which does not count.
        """
        held, size = (
            choose_held_out_pairs(self.store, HELD_OUT_PAIRS),
            self.options.batch_size // self.options.accumulate,
        )
        for ratio in RATIOS:
            rows = [row for of, row in held if of == ratio]
            for first in range(0, len(rows), size):
                batch = rows[first : first + size]
                mine = batch[self.rank :: self.world_size]
                yield ratio, mine or batch[:1], bool(mine)


def count_steps(options: TrainConfig, plan: BatchPlan) -> int:
    """Optimizer steps of a run: those asked for, or those of so many epochs."""
    if options.epochs is None:
        return options.steps
    return max(1, round(options.epochs * plan.steps_per_epoch))


def _suspects(pair_ids: Sequence[str], loss_B: Tensor) -> list[str]:
    """Pairs of all ranks whose loss is not finite, or all of them where each is."""
    finite = torch.isfinite(loss_B.detach()).tolist()
    everyone = [known for rank in from_all_ranks(list(zip(pair_ids, finite, strict=True))) for known in rank]
    bad = [pair_id for pair_id, is_finite in everyone if not is_finite]
    return list(dict.fromkeys(bad or [pair_id for pair_id, _ in everyone]))
