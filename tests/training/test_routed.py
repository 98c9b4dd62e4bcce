"""Tests of the training of a routed editor on pairs with references: it logs its routing and resumes exactly."""

import shutil
from pathlib import Path

import pytest
import torch

from helpers.small_training import Disturbed, make_run, make_trainer, read_metrics, read_tensors
from helpers.tiny_unet import save_instruct_pix2pix
from omniedit.errors import UserError
from omniedit.models.routing import SHARED
from omniedit.models.variance_preserving import log_noise_ratios, loss_weights
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.objective import flow_loss
from omniedit.training.trainer import Trainer

OPTIONS = {"model": "editnet_routed_soft", "steps": 4, "checkpoint_every": 2, "held_out_every": 4, "sample_every": 4}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("routed")
    make_run(root, references=True)
    return root


def train(run: Path, folder: Path, terminated: int | None = None) -> Trainer:
    trainer = make_trainer(run, lambda editor: Disturbed(editor, terminated=terminated), **OPTIONS)
    trainer.run(Checkpoints(folder, {}))
    return trainer


def test_a_stopped_training_with_references_resumes_to_the_same_weights_and_logs_its_routing(
    run: Path, alone: None, tmp_path: Path
) -> None:
    trainer = train(run, tmp_path / "whole")
    with pytest.raises(UserError, match="stopped by SIGTERM after step 3"):
        train(run, tmp_path / "halves", terminated=3)
    train(run, tmp_path / "halves")
    whole, halves = (read_tensors(tmp_path / name / "step-00000004") for name in ("whole", "halves"))
    assert all(torch.equal(halves[name], value) for name, value in whole.items())
    lines = read_metrics(tmp_path / "whole/metrics.jsonl")
    assert read_metrics(tmp_path / "halves/metrics.jsonl") == lines
    experts = trainer.routing_load.experts
    assert len(experts) == 6 and experts[-1] == SHARED
    steps = [line for line in lines if "loss" in line]
    assert len(steps) == 4
    for line in steps:
        assert sum(line[f"routing/{name}"] for name in experts) == pytest.approx(1, abs=1e-4)
    assert [steps[0][f"routing/{name}"] for name in experts] == pytest.approx([1 / 6] * 6, abs=1e-4)
    assert steps[-1] != steps[0]
    assert any(".experts." in name for name in whole) and any(".routing." in name for name in whole)


def test_the_unet_of_instruct_pix2pix_trains_on_its_native_prediction_loss(
    run: Path, alone: None, tmp_path: Path
) -> None:
    shutil.copytree(run / "buckets", tmp_path / "buckets")
    save_instruct_pix2pix(tmp_path / "base")
    trainer = make_trainer(tmp_path, **OPTIONS | {"model": "unet_routed", "steps": 2, "base": {"model": "ip2p"}})
    ratio, rows = trainer.plan.batch(0, 0)
    batch = trainer.batch_builder.build(trainer.store.read(ratio, rows), 0, 0)
    with torch.no_grad():
        velocity = flow_loss(trainer.network(**batch.inputs), batch.target)
        losses = trainer.batch_builder.losses(trainer.engine, batch)
    weights = loss_weights(batch.inputs["timestep"] / 1000, log_noise_ratios(), "epsilon")
    torch.testing.assert_close(losses, weights * velocity)
    before = {name: parameter.clone() for name, parameter in trainer.network.named_parameters()}
    trainer.run(Checkpoints(tmp_path / "checkpoints", {}))
    changed = {
        name.split(".")[0] for name, value in trainer.network.named_parameters() if not torch.equal(value, before[name])
    }
    assert changed == {"base", "experts", "routing"}
