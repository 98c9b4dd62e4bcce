"""Tests of training on two ranks: killed, resumed and at each ZeRO stage, with the same losses as on one rank."""

import json
import os
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.small_training import (
    OPTIONS,
    read_metrics,
    read_tensors,
)
from helpers.two_ranks import STAGES, finish, start, train
from omniedit.errors import UserError
from omniedit.imaging.images import decode_image
from omniedit.models.base import Base
from omniedit.models.editnet import EditNet
from omniedit.training.editor.samples import CELL, GAP


def start_ranks(run: Path, name: str, hold_before: int | None = None) -> list[BaseProcess]:
    """Start scripts/train.py on two ranks, which wait before step `hold_before` for the file {name}.go."""
    argv = ["train.py", str(run / "buckets"), "--base", str(run / "base"), "--options", json.dumps(OPTIONS)]
    argv += ["--checkpoints", str(run / f"{name}.checkpoints"), "--metrics", str(run / f"{name}.jsonl")]
    argv += ["--out", str(run / name)]
    hold = f"from helpers import two_ranks\ntwo_ranks.hold_before({hold_before!r}, Path({str(run / f'{name}.go')!r}))\n"
    code = f"import runpy, sys\nfrom pathlib import Path\n{hold if hold_before else ''}sys.argv = {argv!r}\n"
    return start(f"{code}runpy.run_path('scripts/train.py', run_name='__main__')")


def wait_for(path: Path, ranks: list[BaseProcess]) -> None:
    while not path.exists():
        assert all(rank.is_alive() for rank in ranks)
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(run: Path) -> Path:
    """Return the folder of `run` with an editor in whole/, trained without disturbance."""
    finish(start_ranks(run, "whole"))
    return run


def test_two_ranks_learn_and_a_killed_run_resumes_to_identical_weights(whole: Path) -> None:
    run = whole
    ranks = start_ranks(run, "killed", hold_before=8)
    wait_for(run / "killed.checkpoints/step-00000006", ranks)
    for rank in ranks:
        rank.kill()
        rank.join()
    assert not (run / "killed").exists() and not (run / "killed.checkpoints/step-00000030").exists()
    newest = max((run / "killed.checkpoints").glob("step-*[0-9]"))
    half = max(newest.iterdir(), key=lambda path: path.stat().st_size)
    os.truncate(half, half.stat().st_size // 2)
    finish(start_ranks(run, "killed"))

    assert same_editor(run, "killed")
    metrics = read_metrics(run / "whole.jsonl")
    assert read_metrics(run / "killed.jsonl") == metrics
    assert [line["step"] for line in metrics] == list(range(31))
    held_out = [line["held_out_loss"] for line in metrics if "held_out_loss" in line]
    assert len(held_out) == 4 and held_out[-1] < held_out[0]

    trained, base = EditNet.from_pretrained(run / "whole/transformer"), Base.load(run / "base").transformer
    assert all(torch.equal(a, b) for a, b in zip(trained.base.parameters(), base.parameters(), strict=True))
    assert trained.control_blocks[0].to_image.weight.any()
    grid = decode_image((run / "whole/samples.png").read_bytes())
    assert grid.shape[0] == 4 * CELL + 3 * GAP, "four held-out pairs"


def same_editor(run: Path, name: str) -> bool:
    """Return whether a run ended with the weights of the undisturbed run, bit for bit."""
    weights = "transformer/diffusion_pytorch_model.safetensors"
    return (run / name / weights).read_bytes() == (run / "whole" / weights).read_bytes()


def test_terminated_run_loses_no_step(whole: Path) -> None:
    """SIGTERM to one rank, between two regular checkpoints, makes both ranks write one and stop."""
    run = whole
    ranks = start_ranks(run, "ended", hold_before=5)
    wait_for(run / "ended.checkpoints/step-00000003", ranks)
    ranks[1].terminate()
    (run / "ended.go").touch()
    for rank in ranks:
        rank.join()
    assert [rank.exitcode for rank in ranks] == [2, 2]
    done = max(int(path.name.removeprefix("step-")) for path in (run / "ended.checkpoints").glob("step-*[0-9]"))
    logged = read_metrics(run / "ended.checkpoints/metrics.jsonl")
    assert 3 < done < 6 and logged[-1]["step"] == done
    finish(start_ranks(run, "ended"))
    assert same_editor(run, "ended") and read_metrics(run / "ended.jsonl") == read_metrics(run / "whole.jsonl")


@pytest.fixture(scope="module")
def two_ranks(run: Path, alone: None) -> Path:
    """Return the folder of `run` after `two_ranks.scenario` and six steps of one rank, at once and in two halves."""
    train(run, run / "alone", steps=6)
    train(run, run / "alone3", steps=3)
    with pytest.raises(UserError, match="stopped by SIGTERM after step 3"):
        train(run, run / "one_then_two", terminated=3, steps=6)
    (run / "one_then_two.lock").unlink()  # otherwise this process would hold it until the tests end
    finish(start(f"from pathlib import Path\nfrom helpers import two_ranks\ntwo_ranks.scenario(Path({str(run)!r}))"))
    train(run, run / "two_then_one", zero_stage=0, steps=6)
    return run


def test_loss_and_norm_do_not_depend_on_ranks_zero_stage_or_accumulation(two_ranks: Path) -> None:
    expected = read_metrics(two_ranks / "alone3/metrics.jsonl")
    for name in [*(f"zero{stage}" for stage in STAGES), "parts"]:
        assert read_metrics(two_ranks / f"{name}/metrics.jsonl") == [pytest.approx(line, rel=1e-4) for line in expected]


def test_sample_edits_do_not_depend_on_the_zero_stage(two_ranks: Path) -> None:
    shared, whole = (
        decode_image((two_ranks / f"zero{stage}/samples/step-00000003.png").read_bytes()) for stage in (3, 2)
    )
    edits = np.s_[:, 2 * (CELL + GAP) : 3 * CELL + 2 * GAP]
    sources = np.s_[:, :CELL]
    assert np.abs(shared[edits].astype(int) - whole[edits]).mean() < 0.1
    assert np.abs(shared[edits].astype(int) - shared[sources]).mean() > 1


def test_editor_trained_with_sharded_weights_is_saved_whole(two_ranks: Path) -> None:
    shared, whole = (EditNet.from_pretrained(two_ranks / f"zero{stage}/editor").state_dict() for stage in (3, 2))
    assert shared.keys() == whole.keys()
    for name, weight in whole.items():
        torch.testing.assert_close(shared[name], weight, rtol=1e-3, atol=1e-4)
    assert whole["control_blocks.0.to_image.weight"].any()


def test_training_resumes_on_another_number_of_ranks(two_ranks: Path) -> None:
    """Resume at another ZeRO stage too: from 2 to 0, and from 2 to 3."""
    expected = read_metrics(two_ranks / "alone/metrics.jsonl")
    for name in ("two_then_one", "one_then_two"):
        lines = read_metrics(two_ranks / f"{name}/metrics.jsonl")
        assert [line["step"] for line in lines] == list(range(7))
        assert lines == [pytest.approx(line, rel=1e-4) for line in expected]


def test_unsafe_step_on_one_rank_is_skipped_by_all_ranks(two_ranks: Path) -> None:
    before, after = (read_tensors(two_ranks / f"poisoned/step-0000000{step}") for step in (1, 2))
    assert len(before) == 4 * 58 and all(torch.equal(after[name], value) for name, value in before.items())
    assert read_metrics(two_ranks / "poisoned/metrics.jsonl")[2]["skipped"] == 1


def test_zero_weight_batch_is_skipped_by_both_ranks(two_ranks: Path) -> None:
    lines = read_metrics(two_ranks / "weightless/metrics.jsonl")[1:]
    assert [line["skipped"] for line in lines] == np.cumsum(["loss" not in line for line in lines]).tolist()
    assert 0 < lines[-1]["skipped"] < len(lines)
