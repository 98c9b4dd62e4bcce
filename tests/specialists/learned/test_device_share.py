import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from torch import Tensor, nn

from omniedit.specialists.learned import device_share as clock_module
from omniedit.specialists.learned.device_share import DeviceClock


class Hands:
    """Fake processor clock."""

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
def test_busy_shares_cover_the_time_from_first_to_last_pass(spans: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "MAX_SPANS", spans)
    hands = Hands(monkeypatch)
    detector, painter = Busy(hands, 1.0), Busy(hands, 6.0)
    clock = DeviceClock("cpu")
    clock.watch("detector", [detector])
    clock.watch("painter", [painter])
    hands.seconds += 100.0  # loading models before the first pass does not count
    for _ in range(3):
        painter(detector(torch.zeros(1)))
        hands.seconds += 2.0
    # The wait after the last pass does not count.
    assert clock.busy() == (
        pytest.approx(21 / 25),
        {"detector": pytest.approx(3 / 25), "painter": pytest.approx(18 / 25)},
    )
    assert str(clock) == "device busy 84% of 25 s: painter 72%, detector 12%"


def test_failed_pass_is_not_counted() -> None:
    network, clock = nn.Linear(2, 1), DeviceClock("cpu")
    clock.watch("network", [network])
    assert str(clock) == "no network ran"
    with pytest.raises(RuntimeError):
        network(torch.zeros(3))
    assert clock.busy() == (0.0, {})
    network(torch.zeros(2))
    assert set(clock.busy()[1]) == {"network"}


class Meeting(nn.Module):
    """Network whose pass takes a second and waits for a pass of another thread."""

    def __init__(self, hands: Hands, both: Barrier) -> None:
        super().__init__()
        self.hands, self.both = hands, both

    def forward(self, given: Tensor) -> Tensor:
        self.both.wait(300)
        self.hands.seconds = 1.0
        return given


def test_overlapping_passes_of_two_threads_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check passes of two networks, and of one network in both threads."""
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
