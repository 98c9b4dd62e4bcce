"""Prefetching, so that a device edits the next photos while earlier pairs are encoded and written."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_EXHAUSTED = object()


def prefetch(items: Iterable[T], capacity: int) -> Iterator[T]:
    """Yield the items in order, computed by a separate thread up to `capacity` items in advance.

    An error in the thread is raised where its item is requested. Closing the generator stops further work.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(next, iterator, _EXHAUSTED) for _ in range(capacity))
        try:
            while (item := waiting.popleft().result()) is not _EXHAUSTED:
                waiting.append(thread.submit(next, iterator, _EXHAUSTED))
                yield item  # type: ignore[misc]
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
