"""Tests of the rehearsal at full size: jobs cover the registries; planted faults of dtype, shape and name are found.

The jobs run here are cheap ones at full size, and the others' code at tiny sizes.
"""

import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import SD3Transformer2DModel
from torch import nn

from benchmarks import full_size_rehearsal
from benchmarks.full_size import checkpoint_keys, training_jobs
from benchmarks.full_size.fake_memory import FakeMemory
from benchmarks.full_size.inference_jobs import sampling_jobs, specialist_jobs
from benchmarks.full_size.jobs import Job
from benchmarks.full_size.training_jobs import editor_jobs, inpainting_job
from benchmarks.full_size.vlms import BY_ROLE, create_vlm
from benchmarks.random_model_sizes import FULL, TINY
from benchmarks.random_models import Maker
from benchmarks.training_steps import EngineStep
from omniedit.architectures import ARCHITECTURES
from omniedit.config.schema import TrainConfig
from omniedit.models.cost import SD35_LARGE
from omniedit.models.registry import MODELS, ModelEntry, read_models
from omniedit.run.base_size import KNOWN_SIZES
from omniedit.tasks import OMNIEDIT_TASKS, Task

SMALL = {"small": {**TINY.sd3, "pos_embed_max_size": 192, "joint_attention_dim": 4096, "pooled_projection_dim": 2048}}
SIDE = 64


@pytest.fixture(scope="module")
def models() -> dict[str, ModelEntry]:
    return read_models(full_size_rehearsal.REPOSITORY / MODELS)


@pytest.fixture(scope="module")
def jobs() -> list[Job]:
    return list(full_size_rehearsal.all_jobs())


def test_every_architecture_base_task_and_model_has_a_job(jobs: list[Job], models: dict[str, ModelEntry]) -> None:
    names = {job.name for job in jobs}
    on_mmdit = [name for name, architecture in ARCHITECTURES.items() if not architecture.over_unet]
    trained = [name.removeprefix("train ") for name in names if name.startswith("train ")]
    assert {name.partition(" on ")[0] for name in trained} >= set(ARCHITECTURES)
    assert {name.partition(" on ")[2] for name in trained} == set(KNOWN_SIZES)
    assert names >= {f"sample {name}" for name in on_mmdit}
    assert names >= {f"specialist {task}" for task in OMNIEDIT_TASKS}
    judges = {role for role, model in models.items() if model.class_name.endswith("ForConditionalGeneration")}
    assert judges - {"editreward"} == set(BY_ROLE)  # EditReward is a head on qwen25_vl


@pytest.mark.parametrize("role", BY_ROLE)
def test_vision_language_models_have_as_many_weights_as_published(role: str, models: dict[str, ModelEntry]) -> None:
    network, _ = create_vlm(role, models[role].class_name, torch.bfloat16)
    weights = sum(weight.numel() for weight in network.parameters())
    assert round(2 * weights / 1e9, 1) == models[role].memory_gb


MAKERS: dict[str, Callable[[Maker], Any]] = {
    "sd3": lambda maker: maker._sd3(),
    "sd35_large": lambda maker: maker._build(lambda: SD3Transformer2DModel(**SD35_LARGE)),
    "sdxl": lambda maker: maker.pipeline("StableDiffusionXLPipeline").unet,
    "cosxl": lambda maker: maker.pipeline("StableDiffusionXLInstructPix2PixPipeline").unet,
    "flux": lambda maker: maker._flux().transformer,
    "clip": lambda maker: maker._flux().text_encoder,
    "vae4": lambda maker: maker._vae(4),
    "vae16": lambda maker: maker._vae(16),
}


def make_published(kind: str) -> Any:
    return MAKERS[kind](Maker(FULL, "meta"))


@pytest.mark.parametrize("kind", MAKERS)
def test_classes_have_the_names_of_published_checkpoints(kind: str) -> None:
    assert checkpoint_keys.check_keys(make_published(kind)) == []


def test_renamed_weight_is_found() -> None:
    vae = make_published("vae16")
    vae.decoder.conv_last = vae.decoder.conv_out
    del vae.decoder.conv_out
    assert checkpoint_keys.check_keys(vae) == [
        "AutoencoderKL: 2 weights not in the checkpoint, such as decoder.conv_last.bias",
        "AutoencoderKL: 2 weights not in the class, such as decoder.conv_out.bias",
    ]


def test_patterns_of_names_expand_to_every_number() -> None:
    assert checkpoint_keys.expand("a.{0-2,7}.b") == ["a.0.b", "a.1.b", "a.2.b", "a.7.b"]


def live_bytes() -> int:
    """Return the bytes of all storages of real tensors."""
    gc.collect()
    tensors = [one for one in gc.get_objects() if type(one) in (torch.Tensor, nn.Parameter) and not one.is_meta]
    storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def test_counted_bytes_are_those_of_a_real_training(alone: None) -> None:
    """Check weights, DeepSpeed's copies, AdamW's state and EMA of a small network, before and after a step."""
    counted = {}
    for fake in (False, True):
        memory, before = FakeMemory(), live_bytes()
        with torch.device("meta" if fake else "cpu"):
            network = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64)).bfloat16()
        if fake:
            memory.adopt(network)
        seen = []
        with memory if fake else nullcontext():
            step = EngineStep(network, TrainConfig(batch_size=1, dtype="bfloat16", zero_stage=2))
            seen.append(memory.live if fake else live_bytes() - before)
            step.take(step.engine(torch.ones(4, 64, dtype=torch.bfloat16)).float().square().mean())
            seen.append(memory.live if fake else live_bytes() - before)
        counted[fake] = seen
        del network, step
    assert counted[True] == pytest.approx(counted[False], abs=2000)
    assert counted[True][0] > 33_000 * (2 + 16)


@pytest.fixture
def small_training(alone: None) -> Iterator[TrainConfig]:
    yield training_jobs.OPTIONS.model_copy(update={"resolution": SIDE})


def test_training_step_has_no_faults_and_the_planned_memory(small_training: TrainConfig) -> None:
    row = full_size_rehearsal.rehearse(next(iter(editor_jobs(SMALL, small_training))))
    bucket_gb = 1.0  # DeepSpeed's, for gradients; plans leave buffers out
    assert row["faults"] == [] and row["peak_gb"] - bucket_gb == pytest.approx(row["planned_gb"], abs=0.03)


def test_wrong_dtype_and_wrong_shape_are_faults(small_training: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    job = inpainting_job(SMALL, small_training)

    def fault(change: Any) -> str:
        make = training_jobs.InpaintNet

        def make_changed(config: Any) -> Any:
            network = make(config)
            change(network)
            return network

        with monkeypatch.context() as patch:
            patch.setattr(training_jobs, "InpaintNet", make_changed)
            (found,) = full_size_rehearsal.rehearse(job)["faults"]
        return found

    def promote(module: nn.Module, given: Any, output: torch.Tensor) -> torch.Tensor:
        return output.float()

    assert "float32" in fault(lambda network: network.base.context_embedder.register_forward_hook(promote))
    halves = fault(lambda network: network.register_forward_hook(lambda module, given, output: output[..., :4]))
    assert "RuntimeError" in halves or "8x4" in halves


def test_encoding_runs_at_full_size_and_counts_its_memory(models: dict[str, ModelEntry]) -> None:
    job = next(iter(sampling_jobs(models["base"])))
    row = full_size_rehearsal.rehearse(job)
    assert row["faults"] == [] and row["parameters"] == pytest.approx(5.43e9, rel=0.01)
    assert row["shapes"].endswith("-> 4x16x128x128 float32, text 1x333x4096 bfloat16 and 1x2048 bfloat16")
    assert 11.5 < row["peak_gb"] < 30


def test_specialist_makes_edits_between_fake_networks(models: dict[str, ModelEntry]) -> None:
    name = f"specialist {Task.STYLE_TRANSFER}"
    job = next(job for job in specialist_jobs(models, TINY, SIDE) if job.name == name)
    row = full_size_rehearsal.rehearse(job)
    faults = [fault for fault in row["faults"] if "in the c" not in fault]  # tiny networks have fewer weights
    assert faults == [] and row["shapes"].startswith(f"4 photos of {SIDE} -> {SIDE}x{SIDE}x3, ")


def test_sampling_returns_an_image_of_the_photos_size(models: dict[str, ModelEntry]) -> None:
    (job,) = [job for job in sampling_jobs(models["base"], TINY, SIDE) if job.name == "sample editnet"]
    row = full_size_rehearsal.rehearse(job)
    assert row["shapes"] == f"{SIDE} x {SIDE} -> {SIDE} x {SIDE}, bfloat16"


def test_command_adds_rows_skips_known_ones_and_fails_with_a_fault(
    tmp_path: Path, alone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(memory: FakeMemory) -> Any:
        raise RuntimeError("expected m1 and m2 to have the same dtype")

    monkeypatch.setattr(full_size_rehearsal, "all_jobs", lambda: iter([Job("good", "A", done), Job("bad", "B", fails)]))
    monkeypatch.setattr(full_size_rehearsal, "join_ranks", lambda: None)
    monkeypatch.setattr(full_size_rehearsal, "leave_ranks", lambda: None)
    out = tmp_path / "rows.json"
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["rehearsal", "--out", str(out)])
        with pytest.raises(SystemExit):
            full_size_rehearsal.main()
    printed = capsys.readouterr().out
    assert printed.count("FAULT: RuntimeError: expected m1 and m2 to have the same dtype") == 1
    assert [row["job"] for row in json.loads(out.read_text())] == ["good", "bad"]


def done(memory: FakeMemory) -> Any:
    from benchmarks.full_size.jobs import Outcome

    return Outcome(1_000_000_000, "1x1", 1e9)
