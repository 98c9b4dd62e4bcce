"""Retries: waits grow, and a wait that the endpoint asks for is respected."""

import random

import pytest

from omniedit.errors import UserError
from omniedit.vlm.endpoint import RequestFault
from omniedit.vlm.retries import Retries


def test_retry_waits_grow_with_jitter_and_stop() -> None:
    slept: list[float] = []
    retries = Retries(tries=9, base_s=2, longest_s=60, sleep=slept.append, rng=random.Random(0))
    with pytest.raises(RequestFault, match="again"):
        retries.run(lambda: (_ for _ in ()).throw(RequestFault("again")))
    assert len(slept) == 8
    assert all(0 <= wait <= min(60, 2 * 2**n) for n, wait in enumerate(slept)) and slept != sorted(slept)
    means = [sum(retries.wait_s(failed) for _ in range(4000)) / 4000 for failed in (1, 3, 12)]
    assert means == pytest.approx([1, 4, 30], rel=0.1)


def test_retry_after_is_respected_but_an_hour_raises_error() -> None:
    slept: list[float] = []
    faults = iter([RequestFault("busy", retry_after_s=20)])

    def attempt() -> str:
        for fault in faults:
            raise fault
        return "well"

    retries = Retries(sleep=slept.append)
    assert retries.run(attempt) == "well" and 20 <= slept[0] <= 22
    with pytest.raises(UserError, match="asks to wait 3600 s: full"):
        retries.run(lambda: (_ for _ in ()).throw(RequestFault("full", retry_after_s=3600)))
    faults = iter([RequestFault("busy"), RequestFault("full", retry_after_s=3600)])
    # Also on the last attempt, because the next pair would meet the same fault.
    with pytest.raises(UserError, match="asks to wait 3600 s"):
        Retries(tries=2, sleep=slept.append).run(lambda: (_ for _ in ()).throw(next(faults)))
