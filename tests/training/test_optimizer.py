"""Tests of the guarded AdamW against torch's AdamW and values computed by hand."""

import math

import pytest
import torch

from omniedit.config.training_options import OptimizerOptions
from omniedit.training.optimizer import MIN_NORMS, RECENT_NORMS, GuardedAdamW, StepGuard


def take_step(gradient: list[float], **settings: object) -> tuple[torch.Tensor, GuardedAdamW]:
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = GuardedAdamW([weight], betas=(0.9, 0.99), sharded=False)
    optimizer.init_moments([weight])
    optimizer.param_groups[0]["lr"] = 0.1
    for name, value in settings.items():
        setattr(optimizer, name, value)
    weight.grad = torch.tensor(gradient)
    optimizer.step()
    return weight.detach(), optimizer


@pytest.mark.parametrize("gradient", [[0.3, 0.4], [30.0, 40.0]])
def test_step_matches_adamw_with_gradient_clipping_at_norm_one(gradient: list[float]) -> None:
    peer = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    adamw = torch.optim.AdamW([peer], lr=0.1, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    peer.grad = torch.tensor(gradient)
    torch.nn.utils.clip_grad_norm_([peer], 1.0)
    adamw.step()
    weight, optimizer = take_step(gradient)
    assert torch.equal(weight, peer) and optimizer.norm == pytest.approx(math.hypot(*gradient))
    for moment in ("exp_avg", "exp_avg_sq"):
        assert torch.equal(optimizer.state[optimizer.param_groups[0]["params"][0]][moment], adamw.state[peer][moment])


def test_ema_mixes_old_average_and_new_weight_by_the_decay() -> None:
    weight, optimizer = take_step([0.3, 0.4], ema_decay=0.75)
    (state,) = optimizer.state.values()
    torch.testing.assert_close(state["ema"], 0.75 * torch.tensor([1.0, -2.0]) + 0.25 * weight)


def test_step_with_a_skip_reason_leaves_weights_unchanged() -> None:
    weight, optimizer = take_step([0.3, 0.4], skip_reason="the loss is nan")
    assert weight.tolist() == [1.0, -2.0] and optimizer.skip_reason == "the loss is nan"


def test_gradient_over_fifty_times_the_recent_median_is_rejected() -> None:
    guard = StepGuard()
    assert all(guard.check(norm) is None for norm in [1e6] + [2.0] * (MIN_NORMS - 2))
    assert guard.check(1e9) is None, "too few norms to judge"
    assert guard.check(100.0) is None
    assert guard.check(101.0) == "the gradient's norm is 101, but its median over the last 21 steps is 2"
    assert guard.check(math.inf) and guard.check(math.nan)
    assert [guard.check(10.0) for _ in range(RECENT_NORMS)] == [None] * RECENT_NORMS
    assert guard.check(499.0) is None, "only recent norms count"


def test_prepare_step_sets_learning_rate_and_ema_decay_of_the_step() -> None:
    optimizer = GuardedAdamW([torch.nn.Parameter(torch.ones(1))], betas=(0.9, 0.99), sharded=False)
    options = OptimizerOptions(warmup_steps=4, lr_decay="constant", ema_decay=0.5)
    optimizer.skip_reason = "the loss is nan"
    for step, rate, decay in ((0, 0.5, 0.1), (1, 1.0, 2 / 11), (9, 2.0, 0.5)):
        optimizer.prepare_step(step, steps=10, peak=2.0, options=options)
        assert [group["lr"] for group in optimizer.param_groups] == [rate]
        assert optimizer.ema_decay == pytest.approx(decay) and optimizer.skip_reason is None
