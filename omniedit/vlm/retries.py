"""Retry transient faults, a limited number of times and with growing waits."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from omniedit.errors import UserError
from omniedit.vlm.endpoint import RequestFault

T = TypeVar("T")
PATIENCE_S = 600.0
"""Maximum wait in seconds that is accepted from an endpoint; after a longer one, the run ends."""


@dataclass
class Retries:
    """Exponential back-off with full jitter (Brooker 2015, "Exponential Backoff And Jitter").

    Args:
        tries: maximum number of attempts per request, the first included.
        base_s, longest_s: the n-th wait is uniform in [0, min(longest_s, base_s * 2^(n - 1))].
    """

    tries: int = 6
    base_s: float = 2.0
    longest_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)

    def run(self, attempt: Callable[[], T]) -> T:
        """Return the result of `attempt`, and call it again after each `RequestFault`.

        Raises:
            RequestFault: the last attempt failed too.
            UserError: the endpoint requests a wait longer than `PATIENCE_S`.
        """
        for number in count(1):
            try:
                return attempt()
            except RequestFault as fault:
                if fault.retry_after_s > PATIENCE_S:
                    raise UserError(f"the endpoint asks to wait {fault.retry_after_s:.0f} s: {fault}") from None
                if number >= self.tries:
                    raise
                self.sleep(fault.retry_after_s + self.wait_s(number))
        raise AssertionError("unreachable")

    def wait_s(self, failed: int) -> float:
        """Draw the wait in seconds after `failed` attempts, which is at least 1."""
        return self.rng.uniform(0, min(self.longest_s, self.base_s * 2 ** (failed - 1)))
