"""Tests of training metrics: means over the right samples, a log that resumes, and MFU computed by hand."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from helpers.tiny_models import SD3, base, inputs
from omniedit import models
from omniedit.errors import UserError
from omniedit.models.cost import model_cost
from omniedit.training.flow_batches import EditBatch
from omniedit.training.metrics_log import LossSums, MetricsLog, wandb_run
from omniedit.training.speed import Utilisation, memory_gb


def make_batch(sigma: list[float], weight: list[float], tasks: list[str]) -> EditBatch:
    timestep = 1000 * torch.tensor(sigma)
    return EditBatch({"timestep": timestep}, torch.zeros(0), torch.tensor(weight), tuple(tasks))


@pytest.mark.usefixtures("group")
def test_loss_is_averaged_by_sigma_band_and_task_over_micro_batches() -> None:
    first = make_batch([0.0, 0.19], [1.0, 0.5], ["object_swap", "style_transfer"])
    second = make_batch([1.0, 0.8], [0.5, 0.0], ["style_transfer", "style_transfer"])
    sums = LossSums()
    sums.add(first, torch.tensor([1.0, 2.0]))
    sums.add(second, torch.tensor([4.0, 8.0]))
    assert sums.means() == {
        "loss": (1 + 1 + 2) / 2,
        "loss_unweighted": 15 / 4,
        "loss_sigma/0.0-0.2": 1.5,
        "loss_sigma/0.8-1.0": 6,
        "loss_task/object_swap": 1,
        "loss_task/style_transfer": 14 / 3,
    }


def test_mfu_is_step_flops_over_peak_flops() -> None:
    editor = models.build("editnet", base(SD3))
    flops = model_cost("editnet", editor.config["base_config"], (8, 12), 5, torch.float32).step_flops
    utilisation, samples = Utilisation(editor, peak=1e12), inputs()
    operations = utilisation.operations(samples)
    assert operations == len(samples["noisy"]) * flops
    assert utilisation.mfu(operations, seconds=2.0) == pytest.approx(operations / 2.0 / 1e12)


def test_memory_gb_measures_this_process() -> None:
    before = memory_gb()
    held = torch.ones(500_000_000, dtype=torch.uint8)
    assert memory_gb() >= max(before, held.nbytes / 1e9)


def test_resuming_drops_log_lines_after_the_checkpoint_and_a_partial_line(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, done=0)
    for step in range(4):
        log.write(step, loss=1.0 / (step + 1), grad_norm=float("nan"))
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    log = MetricsLog(tmp_path, done=2)
    log.write(3, loss=7.0)
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": step, "loss": loss} for step, loss in enumerate([1.0, 0.5, 0.333333, 7.0])]


def test_damaged_log_lines_are_skipped_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 0, "loss": 1.0}\n\x00\xff\xfe\n{"loss": 2.0}\n[3]\n{"step": 2, "loss": 3.0}\n')
    MetricsLog(tmp_path, done=2).close()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [0, 2]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3 and all(f"{path}: skipped an unreadable line" in line for line in printed)


def test_log_survives_a_full_disk_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0}\n{"step": 1}\n')

    def full(self: Path, *_: str, **options: str) -> None:
        self.open("w").close()
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        MetricsLog(tmp_path, done=0)
    assert path.read_text() == '{"step": 0}\n{"step": 1}\n'


class FakeWandb(SimpleNamespace):
    """Stand-in for the wandb package with the calls that training makes."""

    class Error(Exception):
        pass

    def init(self, **known: object) -> "FakeWandb":
        if known["project"] == "locked":
            raise self.Error("api_key not configured")
        self.known, self.logged = known, []
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.logged.append("finished")


def test_wandb_gets_the_same_values_and_resumes_its_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", FakeWandb())
    folder = tmp_path / "mini/train/editnet.checkpoints"
    folder.mkdir(parents=True)
    run = wandb_run("edits", folder, {"seed": 0})
    log = MetricsLog(folder, 0, run)
    log.write(1, loss=0.5, grad_norm=float("inf"))
    log.close()
    assert run.logged == [(1, {"loss": 0.5}), "finished"]
    first = run.known
    assert first["project"] == "edits" and first["name"] == "mini editnet" and first["resume"] == "allow"
    assert wandb_run("edits", folder, {"seed": 0}).known["id"] == first["id"]
    assert wandb_run("edits", folder, {"seed": 1}).known["id"] != first["id"]


def test_missing_or_locked_wandb_raises_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", FakeWandb())
    with pytest.raises(UserError, match=r"train\.wandb: api_key not configured; WANDB_MODE=offline"):
        wandb_run("locked", tmp_path, {})
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"pip install 'omniedit\[wandb\]'"):
        wandb_run("edits", tmp_path, {})
