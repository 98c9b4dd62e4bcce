"""Tests of training on one rank and tiny buckets: unsafe steps, failing previews, options that change no weight."""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from deepspeed import zero
from torch.nn import functional

from helpers.small_training import (
    OPTIONS,
    PARTS,
    SIDE,
    Disturbed,
    ScoredZero,
    load_base,
    make_trainer,
    read_metrics,
    read_tensors,
)
from helpers.two_ranks import train
from omniedit.buckets.batch_plan import BatchPlan
from omniedit.buckets.placement import read_plan
from omniedit.buckets.store import BucketStore
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.editor.encoded_pairs import EncodedPairs, encode_part
from omniedit.training.metrics_log import MetricsLog
from omniedit.training.state import KINDS
from omniedit.training.trainer import Trainer, count_steps


@pytest.mark.parametrize("stage", [0, 2, 3])
@pytest.mark.parametrize(
    ("poison", "why"),
    [(math.nan, "the loss is nan"), (1e4, "the gradient's norm is .*, but its median over the last 21")],
)
def test_unsafe_step_changes_no_weight_or_moment(
    run: Path, alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, stage: int, poison: float, why: str
) -> None:
    monkeypatch.setattr("omniedit.training.checkpoints.CHECKPOINTS_KEPT", 3)
    trainer = make_trainer(
        run, lambda editor: Disturbed(editor, poison, {2}), zero_stage=stage, steps=3, checkpoint_every=1
    )
    trainer.optimizer.guard.norms.extend([1.0] * 20)
    trainer.run(Checkpoints(tmp_path, {}))
    first, second, third = (read_tensors(tmp_path / f"step-0000000{step}") for step in (1, 2, 3))
    assert all(torch.equal(second[name], value) for name, value in first.items())
    assert not any(
        torch.equal(
            third[f"editor.condition_embed.proj.bias/{kind}"], first[f"editor.condition_embed.proj.bias/{kind}"]
        )
        for kind in KINDS
    )
    assert [line["skipped"] for line in read_metrics(tmp_path / "metrics.jsonl")[1:]] == [0, 1, 1]
    assert re.search(
        f"step 2 skipped: {why}.*; pairs {', '.join(suspects(trainer, 1, poison))}$",
        capsys.readouterr().out,
        re.MULTILINE,
    )


def suspects(trainer: Trainer, step: int, poison: float) -> list[str]:
    """Return the pairs reported for a step poisoned by `Disturbed`: the one with a NaN loss, else all of them."""
    ids = [pair["pair_id"] for pair in trainer.store.read(*trainer.plan.batch(step, 0)).pairs]
    return ids[:1] if math.isnan(poison) else ids


def test_failing_previews_and_logs_do_not_stop_training(
    run: Path, alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sample edits, held-out losses, TensorBoard, Weights & Biases and the metrics file fail every time."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("No space\nleft on device")

    trainer = make_trainer(run, steps=4, checkpoint_every=2, held_out_every=2, sample_every=2)
    trainer.samples = fail
    object.__setattr__(trainer.batch_builder, "held_out", fail)
    monkeypatch.setattr(trainer, "_log", lambda folder, done: MetricsLog(folder, done, SimpleNamespace(log=fail)))
    monkeypatch.setattr("omniedit.training.metrics_log.SummaryWriter.add_scalar", fail)
    trainer.run(Checkpoints(tmp_path, {}))
    assert (tmp_path / "step-00000004").is_dir()
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4] and not any("held_out_loss" in line for line in lines)
    printed = capsys.readouterr().out.splitlines()
    for what in ("step 2: sample images", "step 2: held-out loss", "TensorBoard", "Weights & Biases"):
        assert f"{what}: failed (OSError: No space left on device); training continues" in printed


def test_full_disk_loses_only_metrics_and_sample_grids(
    run: Path, alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def full(path: Path, *given: object, **options: object) -> object:
        if path.name == "metrics.jsonl" or path.parent.name == "samples":
            raise OSError("No space left on device")
        return opened(path, *given, **options)

    monkeypatch.setattr(Path, "open", full)
    train(run, tmp_path, steps=2, checkpoint_every=1, sample_every=1, held_out_every=1)
    assert (tmp_path / "step-00000002").is_dir()


def test_checkpoint_is_written_before_evaluation_and_samples(run: Path, alone: None, tmp_path: Path) -> None:
    """Killing a run between checkpoint and evaluation does not change the metrics of the resumed run."""
    options = {"steps": 2, "checkpoint_every": 1, "held_out_every": 1, "sample_every": 1}
    train(run, tmp_path / "whole", **options)
    killed = make_trainer(run, Disturbed, **options)
    losses = killed._held_out

    def kill(step: int) -> float | None:
        if step == 1:
            assert (tmp_path / "killed/step-00000001").is_dir()
            raise KeyboardInterrupt
        return losses(step)

    killed._held_out = kill  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        killed.run(Checkpoints(tmp_path / "killed", {}))
    train(run, tmp_path / "killed", **options)
    expected = read_metrics(tmp_path / "whole/metrics.jsonl")
    assert read_metrics(tmp_path / "killed/metrics.jsonl") == expected and len(expected) == 3
    assert len(list((tmp_path / "killed/samples").iterdir())) == 2


def test_batch_with_zero_weight_is_skipped_and_its_pairs_are_logged(
    run: Path, alone: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any number in a row is allowed, and a run stopped in between resumes to the same weights."""
    options = {"steps": 6, "checkpoint_every": 2, "importance": "score", "max_skipped": 1}

    def weightless(terminated: int | None = None) -> Trainer:
        trainer = make_trainer(run, lambda editor: Disturbed(editor, terminated=terminated), **options)
        trainer.reader = ScoredZero(trainer.store, "1x1")
        return trainer

    trainer = weightless()
    trainer.run(Checkpoints(tmp_path / "whole", {}))
    squares = [step for step in range(6) if trainer.plan.batch(step, 0)[0] == "1x1"]
    ids = dict.fromkeys(pair["pair_id"] for pair in trainer.store.read(*trainer.plan.batch(squares[0], 0)).pairs)
    message = "skipped: all its pairs have weight 0 with train.importance: score; pairs"
    assert f"step {squares[0] + 1} {message} {', '.join(ids)}" in capsys.readouterr().out.splitlines()
    assert 0 < len(squares) < 6
    lines = read_metrics(tmp_path / "whole/metrics.jsonl")[1:]
    assert [("loss" in line, line["mean_weight"] > 0) for line in lines] == [(s not in squares,) * 2 for s in range(6)]
    assert lines[-1]["skipped"] == len(squares)
    with pytest.raises(UserError, match="stopped by SIGTERM"):
        weightless(terminated=2).run(Checkpoints(tmp_path / "halves", {}))
    weightless().run(Checkpoints(tmp_path / "halves", {}))
    whole, halves = (read_tensors(tmp_path / name / "step-00000006") for name in ("whole", "halves"))
    assert all(torch.equal(halves[name], value) for name, value in whole.items())
    assert read_metrics(tmp_path / "halves/metrics.jsonl")[1:] == lines


def test_run_with_only_zero_weight_batches_raises_error(run: Path, alone: None, tmp_path: Path) -> None:
    trainer = make_trainer(run, steps=2, importance="score")
    trainer.reader = ScoredZero(trainer.store, "1x1", "3x2")
    with pytest.raises(UserError, match="every step was skipped, so nothing was trained"):
        trainer.run(Checkpoints(tmp_path, {}))


def test_too_many_skipped_steps_in_a_row_stop_a_resumed_run(run: Path, alone: None, tmp_path: Path) -> None:
    """Two steps are skipped before SIGTERM and one after it."""
    with pytest.raises(UserError, match="stopped by SIGTERM after step 2"):
        train(run, tmp_path, math.nan, {1, 2, 3}, terminated=2, max_skipped=3)
    trainer = make_trainer(run, lambda editor: Disturbed(editor, math.nan, {1}), max_skipped=3)
    (pair,) = suspects(trainer, 2, math.nan)
    with pytest.raises(
        UserError, match=f"at step 3: 3 consecutive steps were skipped; .* the loss is nan. Its pairs: {pair}; check"
    ):
        trainer.run(Checkpoints(tmp_path, {}))


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_bfloat16_tracks_float32_and_resumes_bit_identical(run: Path, alone: None, tmp_path: Path, stage: int) -> None:
    linear = functional.linear
    plain, half = ({"zero_stage": stage, "dtype": dtype, "steps": 2} for dtype in ("float32", "bfloat16"))
    train(run, tmp_path / "plain", **plain)
    assert functional.linear is linear, "DeepSpeed's function outlives the training"
    trainer = train(run, tmp_path / "whole", **half)
    assert {(p.dtype, p.numel() == 0) for p in trainer.network.parameters()} == {(torch.bfloat16, stage == 3)}
    expected = read_metrics(tmp_path / "whole/metrics.jsonl")
    for line, in_float32 in zip(expected, read_metrics(tmp_path / "plain/metrics.jsonl"), strict=True):
        assert line == pytest.approx(in_float32, rel=0.05)
    with pytest.raises(UserError, match="stopped by SIGTERM after step 1"):
        train(run, tmp_path / "halves", terminated=1, **half)
    train(run, tmp_path / "halves", **half)
    assert read_metrics(tmp_path / "halves/metrics.jsonl") == expected
    last = [tmp_path / name / "step-00000002" for name in ("whole", "halves")]
    assert json.loads((last[0] / "position.json").read_text()) == json.loads((last[1] / "position.json").read_text())
    whole, halves = (read_tensors(folder) for folder in last)
    assert all(torch.equal(halves[name], value) and value.dtype == torch.float32 for name, value in whole.items())


@pytest.mark.parametrize(("stage", "dtype"), [(0, "float32"), (0, "bfloat16"), (2, "float32"), (3, "bfloat16")])
def test_ema_weights_are_swapped_in_only_inside_the_context(
    run: Path, alone: None, tmp_path: Path, stage: int, dtype: str
) -> None:
    state = train(run, tmp_path, zero_stage=stage, dtype=dtype, steps=3).state
    name, parameter = next(iter(state.parameters.items()))

    def computed_with() -> torch.Tensor:
        with zero.GatheredParameters([parameter], enabled=stage == 3):
            return parameter.detach().clone()

    weight, ema = (state.gather(name, kind).clone() for kind in ("weight", "ema"))
    with state.ema_weights():
        assert torch.equal(computed_with(), ema.to(parameter.dtype))
    assert torch.equal(computed_with(), weight.to(parameter.dtype)) and not torch.equal(weight, ema)
    assert torch.equal(state.gather(name, "weight"), weight) and torch.equal(state.gather(name, "ema"), ema)


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_micro_batches_match_one_whole_batch(run: Path, alone: None, tmp_path: Path, parts: int) -> None:
    """Losses, norms and weights agree, with samples of different importance."""
    whole, cut = (train(run, tmp_path / str(count), zero_stage=0, steps=3, accumulate=count) for count in (1, parts))
    lines = read_metrics(tmp_path / str(parts) / "metrics.jsonl")
    assert lines == [pytest.approx(line, rel=1e-4) for line in read_metrics(tmp_path / "1/metrics.jsonl")]
    for name in whole.state.parameters:
        torch.testing.assert_close(cut.state.gather(name, "exp_avg"), whole.state.gather(name, "exp_avg"))


def test_data_wait_share_counts_only_time_waiting_for_pairs(
    run: Path, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a fake clock: 2 s for pairs, 6 s of computing."""
    now = [0.0]
    monkeypatch.setattr("omniedit.training.trainer.time", SimpleNamespace(monotonic=lambda: now[0]))
    trainer = make_trainer(run)

    def compute_slowly(*given: object) -> torch.Tensor:
        now[0] += 6
        return losses(*given)

    losses = trainer.batch_builder.losses
    object.__setattr__(trainer.batch_builder, "losses", compute_slowly)
    metrics = trainer._step(0, trainer.store.read(*trainer.plan.batch(0, 0))[:1], waited_s=2.0)
    assert metrics["data_wait_share"] == pytest.approx(2 / 8)
    assert metrics["samples_per_s"] == pytest.approx(OPTIONS["batch_size"] / 8)


def test_training_on_encoded_pairs_gives_identical_weights(run: Path, alone: None, tmp_path: Path) -> None:
    """Batches are built in the background. Losses and weights equal those of pairs that are encoded in each step."""
    base, plan = load_base(run / "base"), read_plan(run / "buckets/plan.parquet")
    for part in PARTS:
        (tmp_path / part).mkdir()
        store = BucketStore(run / "buckets", resolution=SIDE)
        list(encode_part(store, plan, part, base.vae, base.text, "float32", tmp_path / part))
    metrics, weights = [], []
    for encoded in (None, EncodedPairs(tmp_path, BucketStore(run / "buckets", resolution=SIDE), "float32")):
        trainer = make_trainer(run, steps=4, accumulate=2)
        trainer.encoded, trainer.reader = encoded, encoded or trainer.store
        folder = tmp_path / f"checkpoints{len(metrics)}"
        trainer.run(Checkpoints(folder, {}))
        metrics.append(read_metrics(folder / "metrics.jsonl"))
        weights.append({name: value.clone() for name, value in trainer.network.state_dict().items()})
    assert metrics[0] == metrics[1]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_epochs_override_steps() -> None:
    plan = BatchPlan({"1x1": 40, "3x2": 9}, batch_size=4, world_size=2, seed=0)
    assert count_steps(TrainConfig(steps=7), plan) == 7
    assert count_steps(TrainConfig(steps=7, epochs=2.5), plan) == 30  # 10 and 2 whole batches per epoch
