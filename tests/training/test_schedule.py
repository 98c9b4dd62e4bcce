"""Tests of the learning rate and the EMA decay at single steps."""

from itertools import pairwise

import pytest

from omniedit.training.schedule import ema_decay, learning_rate


def test_cosine_learning_rate_warms_up_then_decays_to_five_percent():
    rates = [learning_rate(step, 100, 1.0, 10, "cosine") for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(0.981, abs=1e-3)
    assert all(a > b for a, b in pairwise(rates[9:]))
    assert learning_rate(100, 100, 1.0, 10, "cosine") == pytest.approx(0.05)


def test_linear_and_constant_learning_rates():
    assert [learning_rate(step, 100, 2.0, 0, "linear") for step in (0, 50, 100)] == pytest.approx([2.0, 1.05, 0.1])
    assert [learning_rate(step, 100, 2.0, 10, "constant") for step in (4, 9, 50, 99)] == [1.0, 2.0, 2.0, 2.0]


def test_ema_decay_starts_small_and_reaches_its_limit():
    assert [ema_decay(step, 0.99) for step in (0, 8)] == [0.1, 0.5]
    assert ema_decay(10_000, 0.99) == 0.99
