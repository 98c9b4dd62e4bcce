"""Batch plan of training: the samples of each batch, as a pure function of (seed, step)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np

from omniedit.errors import UserError


@dataclass(frozen=True)
class BatchPlan:
    """Assignment of samples to steps. Each step's batch comes from one bucket, the same for all ranks.

    Buckets alternate at random. In an epoch, each bucket yields its samples in random order and in full batches;
    samples that do not fill a batch are left out of the epoch, and the next epoch shuffles again. A bucket smaller than
    a batch yields one batch per epoch, filled up by repeating its samples, so that every aspect ratio is trained on.
    The step is the only state. A step's batch does not depend on the number of ranks, only its split does.

    Args:
        sizes: number of samples in each bucket, by ratio.
        batch_size: samples per step, over all ranks together.
        world_size: number of ranks; divides batch_size.
    """

    sizes: Mapping[str, int]
    batch_size: int
    world_size: int
    seed: int

    def __post_init__(self) -> None:
        if self.batch_size % self.world_size:
            raise UserError(
                f"train.batch_size {self.batch_size} cannot be shared by {self.world_size} ranks; "
                f"make it a multiple of {self.world_size}"
            )
        if not any(self.sizes.values()):
            raise UserError("the buckets have no pair to train on; lower filter.min_score or make more pairs")

    @property
    def steps_per_epoch(self) -> int:
        return int(self._first_batches()[-1])

    def batch(self, step: int, rank: int) -> tuple[str, np.ndarray]:
        """Return the ratio and a rank's (batch_size / world_size,) int64 sample indices at a step, counted from 0."""
        epoch, turn = divmod(step, self.steps_per_epoch)
        first_batches = self._first_batches()
        position = _permutation(self.seed, epoch, "", int(first_batches[-1]))[turn]
        bucket = int(np.searchsorted(first_batches, position, side="right")) - 1
        ratio = self._ratios()[bucket]
        order = _permutation(self.seed, epoch, ratio, self.sizes[ratio])
        start = (position - first_batches[bucket]) * self.batch_size
        batch = np.resize(order[start : start + self.batch_size], self.batch_size)
        return ratio, batch.reshape(self.world_size, -1)[rank]

    def _ratios(self) -> list[str]:
        return sorted(ratio for ratio, size in self.sizes.items() if size)

    def _first_batches(self) -> np.ndarray:
        """Return the index of each bucket's first batch of an epoch, then the number of batches."""
        return np.cumsum([0, *(max(1, self.sizes[ratio] // self.batch_size) for ratio in self._ratios())])


@lru_cache(maxsize=16)
def _permutation(seed: int, epoch: int, label: str, count: int) -> np.ndarray:
    """Return a read-only permutation of range(count), cached because a loader may prefetch across two epochs."""
    order = np.random.default_rng([seed, epoch, crc32(label.encode())]).permutation(count)
    order.flags.writeable = False
    return order
