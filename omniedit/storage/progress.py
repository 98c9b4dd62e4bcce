"""Progress of long work: items done, rate, time left and, if measured, the share of time spent waiting for input."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Progress:
    """Progress report that prints a line every few seconds and one at the end.

    >>> with Progress("pairs", total=60) as progress:
    ...     for request in requests:
    ...         with progress.waiting():
    ...             photo = next(photos)
    ...         progress.advance()
    """

    def __init__(self, unit: str, total: int | None = None, every_s: float = 5.0) -> None:
        self.unit, self.total, self.every_s = unit, total, every_s
        self.done = 0
        self.waited_s = 0.0
        self._measures_waiting = False
        self._start = self._last = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, exc_type: object, *_: object) -> None:
        if exc_type is None:
            print(self._line("done: "), flush=True)

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = time.monotonic()
        if now - self._last >= self.every_s:
            self._last = now
            print(self._line(""), flush=True)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time spent in the block as waiting for input."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.waited_s += time.monotonic() - start
            self._measures_waiting = True

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items. Count the time of their iterator as waiting, and each item as done."""
        iterator = iter(items)
        while True:
            with self.waiting():
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
            self.advance()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start

    def _line(self, prefix: str) -> str:
        elapsed = max(self.elapsed_s, 1e-9)
        rate = self.done / elapsed
        of_total = f"/{self.total}" if self.total is not None else ""
        remaining = ""
        if not prefix and self.total and rate and self.done < self.total:
            remaining = f", {(self.total - self.done) / rate:.0f} s left"
        waiting = f", {100 * self.waited_s / elapsed:.0f} % waiting for input" if self._measures_waiting else ""
        return (
            f"{prefix}{self.done}{of_total} {self.unit}, {rate:.2f} {self.unit}/s, {elapsed:.1f} s{remaining}{waiting}"
        )
