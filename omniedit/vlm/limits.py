"""Rate limits for requests to an endpoint."""

import threading
import time
from collections.abc import Callable

MINUTE = 60.0


class RateLimiter:
    """Rate limiter that spaces requests evenly, so that no minute exceeds the allowed requests or tokens.

    Each request reserves time in both allowances (the generic cell rate algorithm without a burst); the next one
    may start when both are free.

    Args:
        requests_per_minute, tokens_per_minute: None for no limit.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._request_s = MINUTE / requests_per_minute if requests_per_minute else 0.0
        self._token_s = MINUTE / tokens_per_minute if tokens_per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._requests_free_at = self._tokens_free_at = self._paused_until = clock()
        self._lock = threading.Lock()

    def wait(self, tokens: int) -> None:
        """Wait until a request with this number of tokens may start."""
        with self._lock:
            start = max(self._clock(), self._requests_free_at, self._tokens_free_at)
            self._requests_free_at = start + self._request_s
            self._tokens_free_at = start + tokens * self._token_s
        while (wait_s := max(start, self._paused_until) - self._clock()) > 0:
            self._sleep(wait_s)

    def return_tokens(self, tokens: int) -> None:
        """Return reserved tokens that a request did not use; a negative number for tokens beyond the reservation."""
        with self._lock:
            self._tokens_free_at -= tokens * self._token_s

    def pause(self, seconds: float) -> None:
        """Delay all requests, as the endpoint requested."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)
