"""Batches that fit the device: when memory runs out, the batch size is halved and stays at that value."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import torch

from omniedit.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


class OomAdaptiveBatcher:
    """Batched map that halves its batch size when the device runs out of memory.

    Args:
        size: initial batch size.
        unit: name of an item in messages.
    """

    def __init__(self, size: int, unit: str = "image") -> None:
        self.size, self.unit = size, unit

    def map(self, run: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]) -> list[Result]:
        """Apply `run` to the items batch by batch and return the results in order.

        Raises:
            UserError: memory runs out on a single item.
        """
        results: list[Result] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + self.size]
            batch_results = _try_batch(run, batch)
            if batch_results is None:
                self._halve(len(batch))
            else:
                results += batch_results
        return results

    def _halve(self, too_many: int) -> None:
        if too_many == 1:
            raise UserError(f"out of memory on one {self.unit}: use a device with more memory, or smaller images")
        self.size = too_many // 2
        torch.cuda.empty_cache()
        print(f"out of memory on a batch of {too_many} {self.unit}s; continuing with {self.size}", flush=True)


def map_by_size(
    run: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item], size: Callable[[Item], tuple[int, ...]]
) -> list[Result]:
    """Apply `run` to batches of items of one size, the smallest size first, and return the results in order."""
    indices: dict[tuple[int, ...], list[int]] = {}
    for index, item in enumerate(items):
        indices.setdefault(size(item), []).append(index)
    results: dict[int, Result] = {}
    for _, batch in sorted(indices.items()):
        results |= zip(batch, run([items[index] for index in batch]), strict=True)
    return [results[index] for index in range(len(items))]


def _try_batch(run: Callable[[Sequence[Item]], Sequence[Result]], batch: Sequence[Item]) -> Sequence[Result] | None:
    """Return the results, or None if memory ran out. The function returns so that the tensors of the failed run are
    freed.
    """
    try:
        return run(batch)
    except torch.OutOfMemoryError:
        return None
