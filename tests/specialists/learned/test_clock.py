import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from torch import Tensor, nn

from omniedit.specialists.learned import clock as clock_module
from omniedit.specialists.learned.clock import DeviceClock


class Hands:
    """Processor clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.seconds)


class Busy(nn.Module):
    def __init__(self, hands: Hands, seconds: float) -> None:
        super().__init__()
        self.hands, self.seconds = hands, seconds

    def forward(self, given: Tensor) -> Tensor:
        self.hands.seconds += self.seconds
        return given


@pytest.mark.parametrize("spans", [1, 4, 100])
def test_shares_are_of_the_time_from_the_first_pass_to_the_last(spans: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "SPANS", spans)
    hands = Hands(monkeypatch)
    detector, painter = Busy(hands, 1.0), Busy(hands, 6.0)
    clock = DeviceClock("cpu")
    clock.watch("detector", [detector])
    clock.watch("painter", [painter])
    hands.seconds += 100.0  # models load before the first pass
    for _ in range(3):
        painter(detector(torch.zeros(1)))
        hands.seconds += 2.0
    # The wait after the last pass does not count.
    assert clock.busy() == (
        pytest.approx(21 / 25),
        {"detector": pytest.approx(3 / 25), "painter": pytest.approx(18 / 25)},
    )
    assert str(clock) == "device busy 84% of 25 s: painter 72%, detector 12%"


def test_a_pass_that_failed_counts_for_nothing() -> None:
    network, clock = nn.Linear(2, 1), DeviceClock("cpu")
    clock.watch("network", [network])
    assert str(clock) == "no network ran"
    with pytest.raises(RuntimeError):
        network(torch.zeros(3))
    assert clock.busy() == (0.0, {})
    network(torch.zeros(2))
    assert set(clock.busy()[1]) == {"network"}


class Meeting(nn.Module):
    """Network whose pass takes a second and ends only after another thread's pass has begun."""

    def __init__(self, hands: Hands, both: Barrier) -> None:
        super().__init__()
        self.hands, self.both = hands, both

    def forward(self, given: Tensor) -> Tensor:
        self.both.wait(300)
        self.hands.seconds = 1.0
        return given


def test_passes_of_two_threads_keep_the_device_busy_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check passes of two networks and of a single one."""
    hands, both = Hands(monkeypatch), Barrier(2)
    network, other, clock = Meeting(hands, both), Meeting(hands, both), DeviceClock("cpu")
    clock.watch("network", [network])
    clock.watch("other", [other])
    for pair in ((network, other), (network, network)):
        hands.seconds = 0.0
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda one: one(torch.zeros(1)), pair))
    share, shares = clock.busy()
    assert share == 1.0 and shares == {"network": 3.0, "other": 1.0}
