"""Tests that as few layers as possible are recomputed for a budget."""

import pytest

from helpers.tiny_models import SD3, base
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.training.activation_budget import choose_recomputed, spread
from omniedit.training.fitting import choose_layers, sample_activations


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

    activations = sample_activations(plain, config, 5)
    most, less = (2 * activations.peak_bytes(layers) for layers in ((), (0, 1)))
    assert most > less

    def choose(budget: float) -> frozenset[int]:
        options = plain.model_copy(update={"activation_budget_gb": (budget + 0.5) / 1e9})
        return choose_layers(activations, options, ranks=1)

    assert choose(most) == set() and choose(less) == {0, 1}
    with pytest.raises(UserError, match="activation_budget_gb"):
        choose(2 * activations.peak_bytes(range(3)) - 1)
    assert choose_layers(activations, plain.model_copy(update={"checkpoint_activations": "selective"}), 1) == {0, 2}
