"""Batches that fit the device: halved where its memory runs out, and no larger again."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from omniedit.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


class OomAdaptiveBatcher:
    """
    Args:
        size: of a batch, until it turns out to be too large.
        unit: what the items are called.
    """

    def __init__(self, size: int, unit: str = "picture") -> None:
        self.size, self.unit = size, unit

    def map(self, run: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]) -> list[Result]:
        """What `run` makes of the items, in order, batch by batch.

        Raises:
            UserError: memory does not even last for one.
        """
        results: list[Result] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + self.size]
            made = _unless_out_of_memory(run, batch)
            if made is None:
                self._halve(len(batch))
            else:
                results += made
        return results

    def _halve(self, too_many: int) -> None:
        if too_many == 1:
            raise UserError(f"out of memory on one {self.unit}: take a device with more, or smaller pictures")
        self.size = too_many // 2
        torch.cuda.empty_cache()
        print(f"out of memory on {too_many} {self.unit}s at once: going on with {self.size}", flush=True)


def by_size(items: Sequence[Item], size: Callable[[Item], tuple[int, ...]]) -> list[list[int]]:
    """Places of the items that can go through a network together, as the sizes first come."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(size(item), []).append(place)
    return list(places.values())


def _unless_out_of_memory(
    run: Callable[[Sequence[Item]], Sequence[Result]], batch: Sequence[Item]
) -> Sequence[Result] | None:
    """None where memory ran out; what the failed run held is let go on the way."""
    try:
        return run(batch)
    except torch.OutOfMemoryError:
        return None
