"""Tests of shipping the editor: its files in the package, and its model card."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from PIL import Image

from benchmarks.ablation import ship
from benchmarks.ablation.learning import Batches, train_config
from benchmarks.ablation.settings import SETTINGS
from benchmarks.ablation.train import run
from benchmarks.ablation.world import build_world
from omniedit.aspect import RATIOS, bucket_size
from omniedit.models import shipped
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.text import WIDTH, load_minilm
from omniedit.training.base.pretrain import small_sd3


@pytest.fixture(scope="module")
def shipped_folder(assets, tmp_path_factory):
    """Return the folder that `ship` makes from an editor of the test setting."""
    root = tmp_path_factory.mktemp("shipped")
    torch.manual_seed(0)
    setting = SETTINGS["test"]
    parts = (small_sd3(train_config(setting), WIDTH), LappedCodec(), load_minilm())
    unit = root / "test/units/editnet-filtered-0"
    unit.mkdir(parents=True)
    base = Base(*parts, FlowMatchEulerDiscreteScheduler(), "sample")
    run({"architecture": "editnet", "data": "filtered", "seed": 0}, setting, assets, base, unit, root / "checkpoint.pt")
    assets.save(root / "assets.npz")
    with pytest.MonkeyPatch.context() as patch:
        command = ["ship", "--setting", "test", "--steps", "8", "--results", str(root), "--out", str(root / "package")]
        patch.setattr(sys, "argv", command)
        ship.main()
    return root / "package"


def test_shipped_editor_uses_its_stored_sampling_options(shipped_folder, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", shipped_folder)
    editor = shipped.load_shipped_editor()
    editor.set_progress_bar_config(disable=True)
    assert editor.transformer.dtype == torch.float32
    assert {"resolution": 64, "num_inference_steps": 8}.items() <= dict(editor.config).items()
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8))
    steps = []
    editor(photo, "Make it night.", callback_on_step_end=lambda pipe, step, *_: steps.append(step))
    assert steps == list(range(8))
    base, other = shipped.load_shipped_base().transformer.state_dict(), editor.transformer.base.state_dict()
    assert all(torch.equal(base[name], other[name]) for name in base)


def test_model_card_reports_the_measurements(shipped_folder):
    card = (shipped_folder / "README.md").read_text()
    lines = [
        json.loads(line) for line in (shipped_folder.parent / "test/units/editnet-filtered-0/measures.jsonl").open()
    ]
    (last,) = [r for r in lines if r["samples"] == 14 and r["sampling_steps"] == 8 and r["task"] == "style_transfer"]
    success = sum(left < 0.5 for left in last["left_over"]) / len(last["left_over"])
    assert f"| Style transfer | 9% | {success:.0%} | - |" in card
    assert "14 edit pairs" in card and "in 8 sampling steps" in card


def test_shipped_setting_covers_the_seven_ratios(assets):
    setting = replace(SETTINGS["shipped"], size=64)
    batches = Batches(build_world(setting, assets, seed=0), setting.editor, setting)
    sizes = {batches[step][place].source.shape for step in range(40) for place in (0, 1)}
    assert sizes == {(*bucket_size(ratio, 64)[::-1], 3) for ratio in RATIOS}
    assert {str(pair.task) for pair in batches[0]} == set(setting.task_order)
    for pair in batches[1]:
        same = (pair.source == pair.edit.target).all(axis=-1)
        assert same[~pair.edit.mask].all()
