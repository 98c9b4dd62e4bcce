"""Tests of checkpoints: damaged ones, those of another run, and those of a live run."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from helpers.small_training import (
    OPTIONS,
    Disturbed,
    make_trainer,
    read_tensors,
)
from helpers.two_ranks import train
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.base import Base
from omniedit.training.checkpoints import Checkpoints, differences, run_identity


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flip(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[-1] ^= 1
    file.write_bytes(whole)


@pytest.mark.parametrize("file", ["rank-00000.safetensors", "position.json", "manifest.json"])
@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_damaged_checkpoint_falls_back_to_the_previous_one(
    run: Path, alone: None, two_checkpoints: Path, tmp_path: Path, capsys, file: str, damage: Callable[[Path], None]
) -> None:
    folder = shutil.copytree(two_checkpoints, tmp_path / "checkpoints")
    damage(folder / "step-00000006" / file)
    trainer = make_trainer(run, Disturbed, steps=6)
    assert Checkpoints(folder, {}).load_last(trainer.state).step == 3
    assert "step-00000006: " in (said := capsys.readouterr().out) and file in said and "continues without it" in said
    saved = read_tensors(folder / "step-00000003")
    assert all(torch.equal(trainer.state.gather(*key.rsplit("/", 1)).flatten(), value) for key, value in saved.items())


@pytest.fixture(scope="module")
def two_checkpoints(run: Path, alone: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    train(run, folder, steps=6)
    return folder


def test_checkpoints_of_another_run_are_set_aside_and_not_resumed(
    alone: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "editnet.checkpoints"
    first = {"seed": 0, "buckets": "a", "options": {"steps": 5, "forgotten": 1}}
    Checkpoints(folder, first)
    (folder / "step-00000005").mkdir()
    (folder / "metrics.jsonl").write_text("{}")
    assert Checkpoints(folder, {"seed": 0, "buckets": "a", "options": {"steps": 5, "new": 1}}).steps() == [5]
    other = {"seed": 0, "buckets": "b", "options": {"steps": 7}}
    assert capsys.readouterr().out == ""
    assert Checkpoints(folder, other).steps() == []
    assert "(buckets, options.steps changed); set aside as editnet.checkpoints.aside-1" in capsys.readouterr().out
    aside = tmp_path / "editnet.checkpoints.aside-1"
    assert (aside / "step-00000005").is_dir() and (aside / "metrics.jsonl").is_file()
    assert json.loads((folder / "run.json").read_text()) == other
    (folder / "run.json").write_text("{")
    (folder / "step-00000007").mkdir()
    assert Checkpoints(folder, other).steps() == []
    assert "run.json cannot be read; set aside as editnet.checkpoints.aside-2" in capsys.readouterr().out
    assert (tmp_path / "editnet.checkpoints.aside-2/step-00000007").is_dir()


def test_changing_the_documented_options_still_resumes_the_run(run: Path) -> None:
    text = Path("config/README.md").read_text()
    (names,) = re.findall(r"undamaged checkpoint\. (.*?), the intervals", text, re.DOTALL)
    changes = {
        "zero_stage": 0,
        "accumulate": 2,
        "checkpoint_activations": "all",
        "compile": True,
        "attention": "flash",
        "checkpoint_every": 7,
        "held_out_every": 7,
        "sample_every": 7,
    }
    documented = re.findall(r"`(\w+)`", names)
    assert documented == list(changes)[:5]
    base, options = Base.load(run / "base"), TrainConfig.model_validate(OPTIONS)
    same = run_identity(options, 0, run / "buckets", base)
    for name, value in changes.items():
        assert getattr(options, name) != value
        assert run_identity(options.model_copy(update={name: value}), 0, run / "buckets", base) == same, name
    for name, value in {"steps": 31, "learning_rate": 0.02, "dtype": "bfloat16", "sigma_shift": 2.0}.items():
        other = run_identity(options.model_copy(update={name: value}), 0, run / "buckets", base)
        assert differences(same, other) == [f"options.{name}"]


def test_changed_vae_or_text_encoder_is_another_run(run: Path) -> None:
    base, options = Base.load(run / "base"), TrainConfig.model_validate(OPTIONS)

    def changed_by(module: torch.nn.Module) -> list[str]:
        same = run_identity(options, 0, run / "buckets", base)
        with torch.no_grad():
            next(module.parameters()).flatten()[0] += 1
        return differences(same, run_identity(options, 0, run / "buckets", base))

    assert changed_by(base.vae) == ["vae"]
    assert changed_by(base.text.text_encoder) == ["text_encoders"]
    assert changed_by(base.transformer) == ["base"]


def test_second_training_cannot_use_checkpoints_of_a_live_one(alone: None, tmp_path: Path) -> None:
    lock = str(tmp_path / "editnet.lock")
    hold = f"from omniedit.storage.locks import hold_lock; hold_lock({lock!r}); print(flush=True); input()"
    first = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.readline()
    with pytest.raises(
        UserError, match=rf"another training run is writing these checkpoints \(process {first.pid} on "
    ):
        Checkpoints(tmp_path / "editnet", {})
    assert not (tmp_path / "editnet").exists()
    first.kill()
    first.wait()
    assert Checkpoints(tmp_path / "editnet", {}).steps() == []
