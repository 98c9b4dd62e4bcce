"""Tests of the loader: exact resume at any world size, prefetching in bounded memory."""

import gc
import time
import weakref
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from omniedit.buckets import BatchPlan
from omniedit.buckets.loader import BatchLoader


class Held:
    """Batch that can be counted while it is in memory."""

    alive: ClassVar["weakref.WeakSet[Held]"] = weakref.WeakSet()

    def __init__(self, ratio: str, rows: Sequence[int] | np.ndarray) -> None:
        self.ratio, self.rows = ratio, np.asarray(rows).tolist()
        Held.alive.add(self)


class Reader:
    def read(self, ratio: str, rows: Sequence[int] | np.ndarray) -> Held:
        return Held(ratio, rows)


SIZES = {"1x1": 23, "2x3": 9, "16x9": 2}


def batches(world_size: int, steps: range) -> list[tuple[int, str, list[int]]]:
    """Return each step's batch, joined over the ranks; the rows of a ratio are odd numbers, as in a grown store."""
    plan, rows = BatchPlan(SIZES, 4, world_size, 3), {ratio: 2 * np.arange(n) + 1 for ratio, n in SIZES.items()}
    ranks = []
    for rank in range(world_size):
        with BatchLoader(Reader(), plan, rank, steps, rows=rows) as loader:
            ranks.append([(step, batch.ratio, batch.rows) for step, batch in loader])
    joined = zip(*ranks, strict=True)
    return [(shares[0][0], shares[0][1], [row for share in shares for row in share[2]]) for shares in joined]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(0, 20), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 4]))
def test_resumed_loader_gives_the_same_batches_at_any_world_size(first: int, count: int, one: int, other: int) -> None:
    whole = batches(one, range(first + count))
    assert batches(other, range(first, first + count)) == whole[first:]
    assert all(row % 2 and row < 2 * SIZES[ratio] for _, ratio, rows in whole for row in rows)


def test_batches_are_prefetched_and_few_stay_in_memory() -> None:
    prepared: list[int] = []

    def prepare(step: int, batch: Held) -> Held:
        prepared.append(step)
        return batch

    gc.collect()
    with BatchLoader(Reader(), BatchPlan(SIZES, 4, 1, 0), 0, range(60), prefetch=3, prepare=prepare) as loader:
        for step, _ in loader:
            if step == 5:
                time.sleep(0.3)
                assert len(prepared) == 5 + 1 + 3 + 1  # consumed, queued, and one blocked on the full queue
            assert len(Held.alive) <= 3 + 3
    assert prepared == list(range(60))
