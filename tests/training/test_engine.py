"""Training end to end on tiny buckets: two ranks, killed and gone on with; a bad loss names its pairs."""

import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import nn

from omniedit import models
from omniedit.aspect import RATIOS, bucket_size
from omniedit.buckets.placement import Layout, kept_pairs, place, read_plan, write_plan
from omniedit.buckets.plan import BatchPlan
from omniedit.buckets.seal import read_parts, seal_bucket, write_sealed
from omniedit.buckets.store import BucketStore
from omniedit.buckets.write import write_part
from omniedit.config import TrainConfig
from omniedit.errors import UserError
from omniedit.models.base import Base
from omniedit.models.codec import DctCodec
from omniedit.models.editnet import EditNet
from omniedit.models.text import WIDTH, load_minilm
from omniedit.pairs import EditPair, write_shard
from omniedit.scoring.decisions import DECISIONS_SCHEMA, gathered
from omniedit.tables import write_rows
from omniedit.tasks import Task
from omniedit.training.base import small_sd3
from omniedit.training.batches import BatchMaker, InstructionEncoder
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.engine import Trainer, steps_of
from omniedit.training.ranks import free_port, join_ranks, leave_ranks

SIDE = 64
OPTIONS = {
    "resolution": SIDE,
    "steps": 30,
    "batch_size": 4,
    "checkpoint_every": 3,
    "held_out_every": 10,
    "learning_rate": 0.01,
    "base": {"layers": 2, "heads": 2, "head_dim": 8},
}
PAIRS = 12
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["omniedit.training.engine", "omniedit.models.base"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sealed buckets of a few pairs and an untrained base."""
    root = tmp_path_factory.mktemp("run")
    pairs = [made_pair(row) for row in range(PAIRS)]
    write_shard(root / "candidates/style_transfer/00000.h5", Task.STYLE_TRANSFER, "embedded", 0, pairs)
    decisions = [
        {"pair_id": p.pair_id, "kept": True, "reason": "kept", "o_score": 9.5, "row": i, "ratio": p.provenance["ratio"]}
        for i, p in enumerate(pairs)
    ]
    write_rows(root / "decisions/style_transfer/00000.parquet", decisions, DECISIONS_SCHEMA)
    seal_buckets(root)
    options = TrainConfig.model_validate(OPTIONS)
    torch.manual_seed(0)
    transformer = small_sd3(options, WIDTH)
    Base(transformer, DctCodec(), load_minilm(), FlowMatchEulerDiscreteScheduler(), "sample").save(root / "base")
    return root


def made_pair(row: int) -> EditPair:
    ratio = ["3x2", "1x1"][row % 2]
    width, height = bucket_size(ratio, SIDE)
    source = np.random.default_rng(row).integers(0, 255, (height, width, 3), np.uint8)
    provenance = {"source_id": f"photo{row}", "ratio": ratio}
    return EditPair(f"pair{row:02d}", Task.STYLE_TRANSFER, ("Invert it.",), source, 255 - source, None, provenance)


def seal_buckets(root: Path) -> None:
    layout = Layout(base_size=SIDE, pairs_per_zarr_shard=4, parts=1, held_out=0.2, seed=0)
    plan_path, part = root / "buckets/plan.parquet", root / "buckets/parts/00000"
    write_plan(plan_path, place(kept_pairs(gathered(sorted(root.glob("decisions/*/*.parquet")))), layout), layout)
    plan = read_plan(plan_path)
    list(write_part(plan, "00000", root / "candidates", part))
    found = read_parts(plan, [part])
    entries = {ratio: seal_bucket(plan, [part], found, ratio, root / "buckets") for ratio in RATIOS}
    write_sealed(root / "buckets/manifest.json", plan, entries)


def start_ranks(run: Path, name: str) -> list[BaseProcess]:
    """scripts/train.py on two ranks, as torchrun starts it, but forked from a process that has its imports."""
    argv = ["train.py", str(run / "buckets"), "--base", str(run / "base"), "--options", json.dumps(OPTIONS)]
    argv += ["--checkpoints", str(run / f"{name}.checkpoints"), "--metrics", str(run / f"{name}.jsonl")]
    argv += ["--out", str(run / name)]
    rendezvous = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = []
    for rank in ("0", "1"):
        environment = rendezvous | {"RANK": rank, "LOCAL_RANK": rank}
        code = f"""
import os, runpy, sys, torch
torch.set_num_threads(1)
os.environ.update({environment!r})
sys.argv = {argv!r}
runpy.run_path("scripts/train.py", run_name="__main__")
"""
        ranks.append(FORKS.Process(target=exec, args=(code, {})))
        ranks[-1].start()
    return ranks


def train_whole(run: Path, name: str) -> None:
    for rank in start_ranks(run, name):
        rank.join()
        assert rank.exitcode == 0


def metrics_of(path: Path) -> list[dict[str, float]]:
    timings = {"samples_per_s", "data_wait_share"}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in timings} for line in lines]


@pytest.fixture(scope="module")
def whole(run: Path) -> Path:
    """The folder of `run`, with an editor in whole/ whose training nothing disturbed."""
    train_whole(run, "whole")
    return run


def test_two_ranks_learn_and_a_killed_run_ends_in_the_same_weights(whole: Path) -> None:
    run = whole
    ranks = start_ranks(run, "killed")
    while not (run / "killed.checkpoints/step-00000006").is_dir():
        assert all(rank.is_alive() for rank in ranks)
        time.sleep(0.01)
    for rank in ranks:
        rank.kill()
        rank.join()
    assert not (run / "killed").exists() and not (run / "killed.checkpoints/step-00000030").exists()
    newest = max((run / "killed.checkpoints").glob("step-*[0-9]"))
    half = max(newest.iterdir(), key=lambda path: path.stat().st_size)
    os.truncate(half, half.stat().st_size // 2)
    train_whole(run, "killed")

    assert same_editor(run, "killed")
    metrics = metrics_of(run / "whole.jsonl")
    assert metrics_of(run / "killed.jsonl") == metrics
    assert [line["step"] for line in metrics] == list(range(31))
    held_out = [line["held_out_loss"] for line in metrics if "held_out_loss" in line]
    assert len(held_out) == 4 and held_out[-1] < held_out[0]

    trained, base = EditNet.from_pretrained(run / "whole/transformer"), Base.load(run / "base").transformer
    assert all(torch.equal(a, b) for a, b in zip(trained.base.parameters(), base.parameters(), strict=True))
    assert trained.control_blocks[0].to_image.weight.any()


def same_editor(run: Path, name: str) -> bool:
    """Whether a training ended in the weights of the whole one, bit for bit."""
    weights = "transformer/diffusion_pytorch_model.safetensors"
    return (run / name / weights).read_bytes() == (run / "whole" / weights).read_bytes()


def test_a_terminated_run_loses_no_step(whole: Path) -> None:
    """SIGTERM to one rank alone, between two of the regular checkpoints: both write one and stop."""
    run = whole
    ranks = start_ranks(run, "ended")
    while not (run / "ended.checkpoints/step-00000003").is_dir():
        assert all(rank.is_alive() for rank in ranks)
        time.sleep(0.01)
    ranks[1].terminate()
    for rank in ranks:
        rank.join()
    assert [rank.exitcode for rank in ranks] == [2, 2]
    done = max(int(path.name.removeprefix("step-")) for path in (run / "ended.checkpoints").glob("step-*[0-9]"))
    logged = metrics_of(run / "ended.checkpoints/metrics.jsonl")
    assert 3 < done < 30 and logged[-1]["step"] == done
    train_whole(run, "ended")
    assert same_editor(run, "ended") and metrics_of(run / "ended.jsonl") == metrics_of(run / "whole.jsonl")


@pytest.fixture(scope="module")
def alone() -> Iterator[None]:
    before = dict(os.environ)
    join_ranks()
    yield
    leave_ranks()
    for name in set(os.environ) - set(before):
        del os.environ[name]


def trainer_of(run: Path, wrap=lambda editor: editor, **changes: object) -> Trainer:
    options = TrainConfig.model_validate(OPTIONS | changes)
    base = Base.load(run / "base")
    batches = BatchMaker(base.vae, InstructionEncoder(base.text), options, seed=0)
    editor = wrap(models.build("editnet", base.transformer, base.prediction_type))
    return Trainer(editor, BucketStore(run / "buckets", resolution=SIDE), batches, options, seed=0)


def test_the_zero_stage_changes_no_weight(run: Path, alone: None, tmp_path: Path) -> None:
    trained = []
    for stage in (0, 1, 2):
        trainer = trainer_of(run, zero_stage=stage, steps=3)
        trainer.run(Checkpoints(tmp_path / f"stage{stage}", {"stage": stage}))
        trained.append(torch.cat([p.detach().flatten() for p in trainer.editor.parameters() if p.requires_grad]))
    torch.testing.assert_close(trained[1], trained[0])
    torch.testing.assert_close(trained[2], trained[0])


class Poisoned(nn.Module):
    """An editor whose answer to the first sample of a batch is not a number."""

    def __init__(self, editor: nn.Module) -> None:
        super().__init__()
        self.editor = editor

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        poison = torch.zeros(len(inputs["noisy"]))
        poison[0] = torch.nan
        return self.editor(**inputs) + poison[:, None, None, None]


def test_a_loss_that_is_not_finite_stops_with_the_names_of_its_pairs(run: Path, alone: None, tmp_path: Path) -> None:
    trainer = trainer_of(run, wrap=Poisoned)
    ratio, rows = trainer.plan.batch(0, 0)
    first = trainer.store.read(ratio, rows).pairs[0]["pair_id"]
    with pytest.raises(UserError, match=rf"step 1: the loss is not finite, with the pairs {first}; look"):
        trainer.run(Checkpoints(tmp_path, {}))


def test_checkpoints_of_another_run_are_not_gone_on_from(alone: None, tmp_path: Path) -> None:
    (tmp_path / "step-00000005").mkdir()
    (tmp_path / "run.json").write_text('{"seed": 0}')
    assert Checkpoints(tmp_path, {"seed": 0}).steps() == [5]
    assert Checkpoints(tmp_path, {"seed": 1}).steps() == []
    (tmp_path / "step-00000007.part").mkdir()
    assert Checkpoints(tmp_path, {"seed": 1}).steps() == []


def test_a_checkpoint_that_cannot_be_read_is_named_with_the_remedy(run: Path, alone: None, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, {})
    trainer_of(run, steps=3).run(checkpoints)
    mean = tmp_path / "step-00000003/ema-00.pt"
    mean.write_bytes(bytes(mean.stat().st_size))
    with pytest.raises(UserError, match=r"step-00000003: cannot be read .*; delete it and run again"):
        trainer_of(run, steps=3).run(checkpoints)


def test_epochs_take_the_place_of_steps() -> None:
    plan = BatchPlan({"1x1": 40, "3x2": 9}, batch_size=4, world_size=2, seed=0)
    assert steps_of(TrainConfig(steps=7), plan) == 7
    assert steps_of(TrainConfig(steps=7, epochs=2.5), plan) == 30  # 10 and 2 whole batches an epoch
