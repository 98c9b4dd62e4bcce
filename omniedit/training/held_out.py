"""Held-out loss of a training: the network's mean loss on pairs that are never trained on."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn

from omniedit.aspect import RATIOS
from omniedit.buckets.loader import PairReader
from omniedit.training.flow_batches import TrainingStore, choose_held_out_pairs
from omniedit.training.metrics_log import report_failure
from omniedit.training.ranks import any_rank, sum_over_ranks

HELD_OUT_PAIRS = 64
"""Maximum number of held-out pairs in an evaluation."""


class BatchBuilder(Protocol):
    """Interface for a network's batches and losses, such as `EditBatchBuilder` and `HoleBatches`."""

    @property
    def weighting(self) -> str:
        """Option that decides the weights, for messages."""
        ...

    def weights(self, pairs: Any) -> Tensor:
        """Return the weight of each sample in the loss, (B,), before any input is built."""
        ...

    def build(self, pairs: Any, step: int, first: int) -> Any:
        """Return one rank's `Batch` of a step; its first sample is at position `first` of the whole batch."""
        ...

    def held_out(self, pairs: Any) -> Iterable[Any]:
        """Return batches whose mean loss is the held-out loss of the pairs; the same ones at each call."""
        ...

    def losses(self, network: nn.Module, batch: Any) -> Tensor:
        """Return the loss of each sample of a batch, (B,), on the network's device."""
        ...


@torch.no_grad()
def held_out_loss(
    step: int,
    reader: PairReader[Any],
    parts: Iterable[tuple[str, list[int], bool]],
    batch_builder: BatchBuilder,
    network: nn.Module,
) -> float | None:
    """Return the mean loss on held-out pairs, or None if there are none or the evaluation failed on any rank.

    Args:
        step: steps done, for messages.
        parts: this rank's parts, from `split_held_out`.
    """
    total, count, failed = torch.zeros(()), torch.zeros(()), True
    with report_failure(f"step {step}: held-out loss"):
        for ratio, rows, counts in parts:
            pairs = reader.read(ratio, rows)
            for batch in batch_builder.held_out(pairs):
                total += counts * batch_builder.losses(network, batch).sum().cpu()
                count += counts * len(pairs)
        failed = False
    total, count = sum_over_ranks(total), sum_over_ranks(count)
    return None if any_rank(failed) or not count else (total / count).item()


def split_held_out(store: TrainingStore[Any], size: int) -> Iterator[tuple[str, list[int], bool]]:
    """Yield this rank's parts of the held-out batches of `size` pairs: ratio, rows, and whether they count.

    All ranks yield the same number of parts, because all ranks must compute together under ZeRO 3. A rank without a
    part repeats another rank's pair, which does not count.
    """
    held_out = choose_held_out_pairs(store, HELD_OUT_PAIRS)
    for ratio in RATIOS:
        rows = [row for of, row in held_out if of == ratio]
        for first in range(0, len(rows), size):
            batch = rows[first : first + size]
            own = batch[dist.get_rank() :: dist.get_world_size()]
            yield ratio, own or batch[:1], bool(own)
