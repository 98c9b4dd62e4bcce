"""Tests of the GPU speed benchmarks at tiny size on the CPU."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

TINY = {
    "sample_size": 16,
    "patch_size": 2,
    "in_channels": 16,
    "out_channels": 16,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "joint_attention_dim": 16,
    "caption_projection_dim": 16,
    "pooled_projection_dim": 16,
    "pos_embed_max_size": 32,
}
FULL = ["--full", "--steps", "1", "--batch", "1"]


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return benchmarks/training_speed.py with tiny models."""
    monkeypatch.syspath_prepend(str(Path("benchmarks").absolute()))
    import training_speed

    monkeypatch.setattr(training_speed, "FULL", (TINY, 8, 4))
    monkeypatch.setattr(training_speed, "SMALL", TINY)
    monkeypatch.setattr("omniedit.training.ranks.leave_ranks", lambda: None)
    return training_speed


def run(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", [module.__name__, *words])
    module.main()


def test_each_model_has_a_line_and_a_row(
    speed: ModuleType, alone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fitting = ("--checkpointing", "selective", "--lora-rank", "2", "--dora", "--zero-offload", "optimizer")
    run(speed, monkeypatch, *FULL, *fitting)
    printed = capsys.readouterr().out.splitlines()
    names = ["diffusers SD3", "diffusers SD3ControlNet", *speed.COMPARED]
    assert [line.partition(": batch 1, ")[0] for line in printed[: len(names)]] == names
    assert all(" images/s, " in line and line.endswith(" GB at most") for line in printed[: len(names)])
    assert [line[:24].strip() for line in printed[len(names) + 1 :]] == names


def test_batch_is_doubled_until_a_model_runs_out_of_memory(
    speed: ModuleType, alone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = speed.TrainerStep.run

    def scarce(step: Any) -> None:
        if len(step.inputs["noisy"]) > 2:
            raise torch.OutOfMemoryError("tried to allocate 9 GiB")
        whole(step)

    monkeypatch.setattr(speed.TrainerStep, "run", scarce)
    run(speed, monkeypatch, *FULL, "--largest-batch", "--models", "editnet")
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(", ")[0] for line in printed[:3]] == [
        "editnet: batch 1",
        "editnet: batch 2",
        "editnet: out of memory at batch 4",
    ]


def test_benchmark_step_updates_the_same_weights_as_the_trainer(speed: ModuleType, alone: None) -> None:
    """Check that a step moves the bfloat16 weights, their float32 copies and the EMA weights, but not the base."""
    options = speed.TrainConfig(batch_size=1, dtype="bfloat16", checkpoint_activations="all")
    make = speed.architectures(TINY)["editnet"]
    step = speed.TrainerStep(make, options, speed.batch(TINY, 8, 4, 1, torch.bfloat16))
    before = {name: value.clone() for name, value in step.model.state_dict().items()}
    for _ in range(3):
        step.run()
    moved = {name for name, value in step.model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and not any(name.startswith("base.") for name in moved)
    assert {value.dtype for value in before.values() if value.is_floating_point()} == {torch.bfloat16}
    (state,) = step.optimizer.state.values()
    (held,) = step.optimizer.param_groups[0]["params"]
    assert held.dtype == state["ema"].dtype == torch.float32
    assert not torch.equal(state["ema"], held) and len(step.seconds) == 3


def test_small_models_take_turns(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(speed, monkeypatch, "--steps", "2", "--batch", "1", "--models", "diffusers SD3,editnet")
    _, peer, editnet = capsys.readouterr().out.splitlines()
    assert peer.split()[-1] == "1.000" and float(editnet.split()[-1]) > 0


def test_sampling_is_measured_against_its_peer(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sampling_speed

    monkeypatch.setattr(sampling_speed, "SMALL", TINY)
    monkeypatch.setattr(sampling_speed, "STEPS", 1)
    run(sampling_speed, monkeypatch, "--rounds", "1")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "at 256 x 256, 1 steps, 1 rounds in turns"
    assert [line[:48].strip() for line in printed[1:]] == [
        "EditNet, two scales",
        "EditNet, no guidance",
        "EditNet, two scales, embedded in each step",
        "EditNet every 2 blocks, two scales",
        sampling_speed.PEER,
    ]
    assert printed[-1].endswith("1.00 of the peer's")
