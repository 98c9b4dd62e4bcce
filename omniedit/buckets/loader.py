"""Batches for one rank of training, prefetched in a background thread."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from omniedit.buckets.batch_plan import BatchPlan

Batch = TypeVar("Batch")
Batch_co = TypeVar("Batch_co", covariant=True)


class PairReader(Protocol[Batch_co]):
    """Reader of a bucket's pairs: `BucketStore`, or `EncodedPairs` of training."""

    def read(self, ratio: str, rows: Sequence[int] | np.ndarray) -> Batch_co: ...


class BatchLoader(Generic[Batch]):
    """Context manager that iterates over (step, batch) for `steps`, in order.

    The plan makes any range of steps reproducible: to resume after step n, pass range(n + 1, ...).

    >>> with BatchLoader(store, plan, rank, range(first, last), prefetch=2) as loader:
    ...     for step, batch in loader:
    ...         train(batch)

    Args:
        reader: reads the pairs.
        plan: batch plan over the sizes of the buckets.
        prefetch: number of decoded batches to prepare in advance; two more are in memory.
        rows: bucket row of each sample of the plan, by ratio; None if samples are numbered by row.
        prepare: function of a step and its batch, called in the background; its result replaces the batch.

    `waited_s` is the total time that the consumer waited for a batch.
    """

    def __init__(
        self,
        reader: PairReader[Batch],
        plan: BatchPlan,
        rank: int,
        steps: range,
        prefetch: int = 2,
        rows: Mapping[str, np.ndarray] | None = None,
        prepare: Callable[[int, Batch], Batch] | None = None,
    ) -> None:
        self.reader, self.plan, self.rank, self.steps = reader, plan, rank, steps
        self.rows, self.prepare = rows, prepare
        self.waited_s = 0.0
        self._ready: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=prefetch)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read_all, name="batch loader", daemon=True)

    def __enter__(self) -> "BatchLoader[Batch]":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        for step in self.steps:
            start = time.monotonic()
            batch = self._ready.get()
            self.waited_s += time.monotonic() - start
            if isinstance(batch, BaseException):
                raise batch
            yield step, batch

    def _read_all(self) -> None:
        try:
            for step in self.steps:
                self._offer(self._read(step))
                if self._stopped.is_set():
                    return
        except BaseException as error:  # passed to the consumer, which raises it
            self._offer(error)

    def _read(self, step: int) -> Batch:
        ratio, samples = self.plan.batch(step, self.rank)
        batch = self.reader.read(ratio, samples if self.rows is None else self.rows[ratio][samples])
        return batch if self.prepare is None else self.prepare(step, batch)

    def _offer(self, item: Batch | BaseException) -> None:
        """Put an item into the queue, unless the consumer stops while the queue is full."""
        while not self._stopped.is_set():
            try:
                return self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue
