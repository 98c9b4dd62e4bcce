"""Rate limits of requests and tokens, by a clock of the test."""

import pytest

from helpers.clock import Clock
from omniedit.vlm.limits import RateLimiter


def test_rate_limits_hold_for_requests_and_tokens_per_minute() -> None:
    clock, starts = Clock(), []
    limits = RateLimiter(requests_per_minute=30, tokens_per_minute=6000, clock=clock, sleep=clock.sleep)
    for tokens in [100] * 3 + [600] * 3 + [100] * 2:
        limits.wait(tokens)
        starts.append(clock.now)
    assert starts == pytest.approx([0, 2, 4, 6, 12, 18, 24, 26])


def test_unused_tokens_are_returned_and_a_pause_delays_all_requests() -> None:
    clock = Clock()
    limits = RateLimiter(tokens_per_minute=60, clock=clock, sleep=clock.sleep)
    limits.wait(60)
    limits.return_tokens(50)
    limits.wait(1)
    assert clock.now == pytest.approx(10)
    limits.pause(30)
    limits.wait(1)
    assert clock.now == pytest.approx(40)
