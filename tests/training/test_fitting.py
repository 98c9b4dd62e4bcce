"""Tests that options for small machines train the same weights, resume exactly, and leave an editor that loads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from helpers.small_training import OPTIONS, SIDE, Disturbed, load_base, make_pair, make_trainer, read_tensors
from omniedit import models
from omniedit.config.fitting import LoraConfig
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.cost import Cost, count_weights
from omniedit.models.loading import load_editor
from omniedit.models.lora import add_adapters
from omniedit.models.memory import state_memory
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.eight_bit import check_optimizer
from omniedit.training.fitting import check_resolution, fit_editor, save_editor
from omniedit.training.trainer import Trainer

LAST = "step-00000004"


def train(run: Path, folder: Path, lora: LoraConfig | None = None, stopped: int | None = None, **options: Any) -> None:
    """Train for 4 steps, with SIGTERM at one of them, with checkpoints in `folder`."""

    def wrap(editor: Any) -> nn.Module:
        add_adapters(editor, lora or LoraConfig(), seed=0)
        return Disturbed(editor, terminated=stopped)

    trainer = make_trainer(run, wrap, **{"steps": 4, "checkpoint_every": 2, "held_out_every": 100} | options)
    if stopped is None:
        trainer.run(Checkpoints(folder, {}))
        return
    with pytest.raises(UserError, match="stopped by SIGTERM"):
        trainer.run(Checkpoints(folder, {}))


def resumes_exactly(run: Path, folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    """Check that a stopped training ends as an undisturbed one, bit for bit, and return its weights."""
    train(run, folder / "whole", **options)
    train(run, folder / "stopped", stopped=2, **options)
    train(run, folder / "stopped", **options)
    whole, resumed = (read_tensors(folder / name / LAST) for name in ("whole", "stopped"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())
    return whole


def test_a_training_with_adapters_resumes_exactly_and_trains_no_frozen_weight(
    run: Path, alone: None, tmp_path: Path
) -> None:
    whole = resumes_exactly(run, tmp_path, lora=LoraConfig(rank=2, dora=True))
    names = {name.rpartition("/")[0] for name in whole}
    assert not any("base_layer" in name or name.startswith("editor.base.") for name in names)
    (up,) = {name for name in names if name.endswith("control_blocks.0.block.attn.to_q.lora_B.default.weight")}
    assert whole[f"{up}/weight"].any() and whole[f"{up}/ema"].any()


def test_offloading_to_the_host_trains_the_same_weights(run: Path, alone: None, tmp_path: Path) -> None:
    train(run, tmp_path / "gpu", zero_stage=2)
    train(run, tmp_path / "host", zero_stage=2, zero_offload="optimizer")
    expected, offloaded = (read_tensors(tmp_path / name / LAST) for name in ("gpu", "host"))
    for name, value in expected.items():
        torch.testing.assert_close(offloaded[name], value, rtol=1e-4, atol=1e-5)


def test_a_training_with_moments_of_8_bits_resumes_exactly(run: Path, alone: None, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    whole = resumes_exactly(run, tmp_path, optimizer="adamw8bit", dtype="bfloat16", zero_stage=2)
    assert {name.rpartition("/")[2] for name in whole} == {"weight", "ema"}
    train(run, tmp_path / "float", dtype="bfloat16", zero_stage=2)
    exact = read_tensors(tmp_path / "float" / LAST)
    change = torch.cat([(value - exact[name]).abs() for name, value in whole.items() if name.endswith("/weight")])
    assert 0 < change.mean() < 1e-3, "close to AdamW with float32 moments"
    (moments,) = (tmp_path / "whole" / LAST).glob("moments-*")
    moments.rename(moments.with_name("moments-00001.safetensors"))
    (tmp_path / "whole" / LAST / "moments-00000.safetensors").write_bytes(b"")
    trainer = make_trainer(run, Disturbed, optimizer="adamw8bit", dtype="bfloat16", zero_stage=2)
    with pytest.raises(UserError, match="8-bit moments from 2 ranks; resume with the same number of ranks"):
        Checkpoints(tmp_path / "whole", {})._load(tmp_path / "whole" / LAST, trainer.state)


def test_an_optimizer_without_its_package_or_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", None)
    with pytest.raises(UserError, match=r"train\.optimizer: adamw8bit needs bitsandbytes .*pip install bitsandbytes"):
        check_optimizer("adamw8bit")
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", np)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"paged_adamw8bit needs a GPU; set adamw8bit or adamw"):
        check_optimizer("paged_adamw8bit")


def test_planned_memory_matches_a_real_trainer(run: Path, alone: None) -> None:
    options = {"dtype": "bfloat16", "zero_stage": 2}
    trainer: Trainer = make_trainer(run, **options)
    editor: Any = trainer.network
    memory = state_memory(
        Cost(*count_weights(editor), 0, 0, 0), TrainConfig.model_validate(OPTIONS | options), None, 2, 1
    )
    states: list[Any] = [trainer.optimizer.state[weight] for weight in trainer.state.local_weights]
    moments = sum(state[name].nbytes for state in states for name in ("exp_avg", "exp_avg_sq"))
    copies = sum(weight.nbytes for weight in trainer.state.local_weights)
    assert memory.weights == pytest.approx(sum(p.nbytes for p in editor.parameters()), rel=1e-3)
    assert memory.optimizer == pytest.approx(copies + moments, rel=1e-3)
    assert memory.ema == pytest.approx(sum(state["ema"].nbytes for state in states), rel=1e-3)


def test_merged_and_separate_adapters_give_the_same_editor(run: Path, tmp_path: Path) -> None:
    base, edits = load_base(run / "base"), []
    for save in ("merged", "adapter"):
        options = TrainConfig.model_validate(OPTIONS | {"lora": {"rank": 2, "save": save}})
        editor = models.build("editnet", base.transformer, base.prediction_type)
        fit_editor(editor, options, seed=0, device=torch.device("cpu"), text_tokens=32, ranks=1)
        with torch.no_grad():
            for number, parameter in enumerate(p for p in editor.parameters() if p.requires_grad):
                parameter += 0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number))
        save_editor(tmp_path / save, editor, options, base, run / "base", "Invert it.")
        pipeline = load_editor(tmp_path / save, "cpu")
        pipeline.set_progress_bar_config(disable=True)
        noise = torch.Generator().manual_seed(0)
        edits.append(pipeline(make_pair(0).source, "Invert it.", 2, output_type="np", generator=noise).images[0])
    assert np.array_equal(*edits) and edits[0].shape[0] >= SIDE // 2
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == ["adapter"]
    (tmp_path / "adapter/adapter/adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=r"adapter_model\.safetensors: cannot be read .*copy the whole folder"):
        load_editor(tmp_path / "adapter", "cpu")
    (tmp_path / "adapter/adapter/trained.safetensors").unlink()
    with pytest.raises(UserError, match=r"trained\.safetensors: missing; copy the whole folder"):
        load_editor(tmp_path / "adapter", "cpu")


def test_a_resolution_beyond_the_positions_of_the_base_is_rejected(run: Path) -> None:
    editor = models.build("channel_concat", load_base(run / "base").transformer)
    longest = 8 * editor.adapter.patch * editor.adapter.longest_side
    check_resolution(editor, longest, ["1x1"])
    with pytest.raises(UserError, match=f"^train.resolution: {longest}: images of ratio 16x9 .* at most {longest}"):
        check_resolution(editor, longest, ["1x1", "16x9"])
