"""Work before it is asked for: a device edits the next photos while the pairs before are encoded and written."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_OVER = object()


def prefetch(items: Iterable[T], most: int) -> Iterator[T]:
    """The same items, made in a thread of their own, up to `most` of them before they are asked for.

    What goes wrong there is raised where the item is asked for. No more are made once no more are asked for.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(next, iterator, _OVER) for _ in range(most))
        try:
            while (item := waiting.popleft().result()) is not _OVER:
                waiting.append(thread.submit(next, iterator, _OVER))
                yield item  # type: ignore[misc]
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
