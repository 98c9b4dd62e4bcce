"""Tests that the cost of an editor matches what torch executes and saves, and for SD3-Medium a derivation by hand."""

from itertools import pairwise

import pytest
import torch

from helpers.real_step import count_trained, measure_step
from helpers.tiny_models import ON_MMDIT, SD3, SD35, base
from omniedit import models
from omniedit.config.schema import TrainConfig
from omniedit.models.cost import SD3_MEDIUM, Cost, model_cost
from omniedit.models.memory import state_memory

SAME = (
    *("editnet_from_image", "editnet_behind", "editnet_clean_time", "editnet_routed_soft", "editnet_experts"),
    *("editnet_demos", "editnet_demos_cross", "sequence_concat_demos"),
)
"""Architectures of the same operations as another one, or of the same kinds of layers."""
COUNTED = [name for name in ON_MMDIT if name not in SAME]


@pytest.mark.parametrize("kind", [SD3, SD35], ids=["sd3", "sd35"])
@pytest.mark.parametrize("name", COUNTED)
def test_counted_flops_memory_and_parameters_match_a_real_step(name: str, kind: dict) -> None:
    net = models.build(name, base(kind))
    flops, saved_bytes = measure_step(net)
    config = {key: value for key, value in base(kind).config.items() if not key.startswith("_")}
    cost = model_cost(name, config, (8, 12), 5, torch.float32)
    assert (cost.step_flops, cost.saved_bytes) == (flops, saved_bytes)
    assert cost.trained == count_trained(net)


def test_sd3_medium_cost_matches_the_derivation() -> None:
    """Derived at 1024 x 1024 with 333 text tokens: 8.90 TFLOP for the base's forward pass, 90.5 for an EditNet step."""
    editnet = model_cost("editnet", SD3_MEDIUM, (128, 128), 333, torch.bfloat16)
    concat = model_cost("channel_concat", SD3_MEDIUM, (128, 128), 333, torch.bfloat16)
    assert concat.parameters == pytest.approx(2.028e9, rel=1e-3)
    assert concat.forward_flops == pytest.approx(8.90e12, rel=3e-3)
    assert editnet.trained == pytest.approx(2.1e9, rel=0.02)
    assert editnet.step_flops == pytest.approx(90.5e12, rel=0.02)


@pytest.mark.parametrize(("stage", "gigabytes"), [(0, 45), (1, 16), (2, 12), (3, 5)])
def test_zero_state_shrinks_at_each_stage(stage: int, gigabytes: float) -> None:
    """Check a control branch of 2.1B parameters over SD3-Medium on 8 GPUs."""
    cost = Cost(parameters=4_130_000_000, trained=2_100_000_000, forward_flops=0, step_flops=0, saved_bytes=0)
    state = state_memory(cost, TrainConfig(dtype="bfloat16"), None, stage, ranks=8)
    assert state.total / 1e9 == pytest.approx(gigabytes + 1.05, abs=0.5)


def test_fewer_control_blocks_cost_fewer_weights_operations_and_activations() -> None:
    config = {key: value for key, value in base(SD3).config.items() if not key.startswith("_")}
    costs = [
        model_cost(name, config, (8, 8), 5, torch.float32) for name in ("editnet", "editnet_every2", "editnet_every4")
    ]
    for more, fewer in pairwise(costs):
        assert more.trained > 1.3 * fewer.trained and more.step_flops > 1.2 * fewer.step_flops
        assert more.forward_flops > fewer.forward_flops and more.saved_bytes > fewer.saved_bytes
