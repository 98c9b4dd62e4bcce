"""Tests that as few layers as possible are recomputed for a budget."""

from functools import partial

import pytest

from helpers.tiny_models import SD3, base
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.training.activation_budget import choose_recomputed, spread
from omniedit.training.fitting import prepare_uncompiled, recomputed_layers, sample_bytes


def test_the_fewest_layers_that_fit_are_checkpointed() -> None:
    def saved_bytes(layers: frozenset[int]) -> int:
        return 100 - 8 * len(layers)

    for budget, count in ((100, 0), (99, 1), (92, 1), (91.9, 2), (36, 8), (20, 10)):
        assert choose_recomputed(saved_bytes, 10, budget) == spread(count, 10)
    with pytest.raises(UserError, match=r"activation_budget_gb: 1\.9e-08 GB.* recomputed the activations take 2e-08"):
        choose_recomputed(saved_bytes, 10, 19)


def test_checkpointed_layers_are_spread_over_the_network() -> None:
    assert spread(5, 10) == {0, 2, 4, 6, 8} and spread(10, 10) == set(range(10)) and spread(0, 10) == set()
    assert spread(3, 10) == {0, 3, 6}


def test_the_budget_selects_layers_from_counted_activations() -> None:
    config = {key: value for key, value in base(SD3).config.items() if not key.startswith("_")}
    plain = TrainConfig(resolution=64, batch_size=4, accumulate=2)

    def bytes_with(*layers: int) -> int:
        prepare = partial(prepare_uncompiled, options=plain, recomputed=frozenset(layers))
        return 2 * sample_bytes(plain, config, 5, prepare)

    one, two = bytes_with(0), bytes_with(0, 1)
    assert one > two
    budget = (one + two) / 2e9
    assert recomputed_layers(plain.model_copy(update={"activation_budget_gb": budget}), config, 5, 1) == {0, 1}
    assert recomputed_layers(plain, config, 5, 1) is None
