import time

import pytest
import torch
from torch import Tensor, nn

from omniedit.specialists.learned import clock as clock_module
from omniedit.specialists.learned.clock import DeviceClock


class Hands:
    """A processor's clock that is set by hand."""

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
    hands.seconds += 100.0  # before the first pass, models load
    for _ in range(3):
        painter(detector(torch.zeros(1)))
        hands.seconds += 2.0
    # The wait after the last pass is no part of it.
    assert clock.busy() == {"detector": pytest.approx(3 / 25), "painter": pytest.approx(18 / 25)}
    assert str(clock) == "device busy 84% of 25 s: painter 72%, detector 12%"


def test_a_pass_that_failed_counts_for_nothing() -> None:
    network, clock = nn.Linear(2, 1), DeviceClock("cpu")
    clock.watch("network", [network])
    assert str(clock) == "no network was asked anything"
    with pytest.raises(RuntimeError):
        network(torch.zeros(3))
    assert clock.busy() == {}
    network(torch.zeros(2))
    assert set(clock.busy()) == {"network"}
