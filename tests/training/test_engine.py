"""Training end to end on tiny buckets: two ranks, killed and resumed, and options that must not change any weight."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from deepspeed import zero
from safetensors import safe_open

from helpers.small_training import (
    OPTIONS,
    PARTS,
    SIDE,
    Disturbed,
    ScoredZero,
    load_base,
    make_run,
    make_trainer,
    read_metrics,
)
from helpers.two_ranks import STAGES, finish, start, train
from omniedit.buckets.placement import read_plan
from omniedit.buckets.plan import BatchPlan
from omniedit.buckets.store import BucketStore
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.imaging.images import decode_image
from omniedit.models.base import Base
from omniedit.models.editnet import EditNet
from omniedit.training.checkpoints import Checkpoints, differences, index_parts, run_identity
from omniedit.training.editor.encoded import EncodedPairs, encode_part
from omniedit.training.editor.samples import CELL, GAP
from omniedit.training.engine import Trainer, count_steps
from omniedit.training.metrics import MetricsLog
from omniedit.training.state import KINDS


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with sealed buckets of a few pairs and an untrained base."""
    root = tmp_path_factory.mktemp("run")
    make_run(root)
    return root


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


def test_two_ranks_learn_and_a_killed_run_ends_in_the_same_weights(whole: Path) -> None:
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
    assert grid.shape[0] == 4 * CELL + 3 * GAP, "of four held-out pairs"


def same_editor(run: Path, name: str) -> bool:
    """Return whether a run ended with the weights of the undisturbed run, bit for bit."""
    weights = "transformer/diffusion_pytorch_model.safetensors"
    return (run / name / weights).read_bytes() == (run / "whole" / weights).read_bytes()


def test_a_terminated_run_loses_no_step(whole: Path) -> None:
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


def test_ranks_zero_stages_and_parts_of_a_batch_change_no_loss_and_no_norm(two_ranks: Path) -> None:
    expected = read_metrics(two_ranks / "alone3/metrics.jsonl")
    for name in [*(f"zero{stage}" for stage in STAGES), "parts"]:
        assert read_metrics(two_ranks / f"{name}/metrics.jsonl") == [pytest.approx(line, rel=1e-4) for line in expected]


def test_edits_are_the_same_however_the_weights_are_shared(two_ranks: Path) -> None:
    shared, whole = (
        decode_image((two_ranks / f"zero{stage}/samples/step-00000003.png").read_bytes()) for stage in (3, 2)
    )
    edits = np.s_[:, 2 * (CELL + GAP) : 3 * CELL + 2 * GAP]
    sources = np.s_[:, :CELL]
    assert np.abs(shared[edits].astype(int) - whole[edits]).mean() < 0.1
    assert np.abs(shared[edits].astype(int) - shared[sources]).mean() > 1


def test_an_editor_trained_with_shared_weights_is_saved_whole(two_ranks: Path) -> None:
    shared, whole = (EditNet.from_pretrained(two_ranks / f"zero{stage}/editor").state_dict() for stage in (3, 2))
    assert shared.keys() == whole.keys()
    for name, weight in whole.items():
        torch.testing.assert_close(shared[name], weight, rtol=1e-3, atol=1e-4)
    assert whole["control_blocks.0.to_image.weight"].any()


def test_training_goes_on_alike_on_another_number_of_ranks(two_ranks: Path) -> None:
    """Resume at another ZeRO stage too: from 2 to 0, and from 2 to 3."""
    expected = read_metrics(two_ranks / "alone/metrics.jsonl")
    for name in ("two_then_one", "one_then_two"):
        lines = read_metrics(two_ranks / f"{name}/metrics.jsonl")
        assert [line["step"] for line in lines] == list(range(7))
        assert lines == [pytest.approx(line, rel=1e-4) for line in expected]


def test_a_step_that_is_bad_on_one_rank_is_skipped_by_all(two_ranks: Path) -> None:
    before, after = (read_tensors(two_ranks / f"poisoned/step-0000000{step}") for step in (1, 2))
    assert len(before) == 4 * 58 and all(torch.equal(after[name], value) for name, value in before.items())
    assert read_metrics(two_ranks / "poisoned/metrics.jsonl")[2]["skipped"] == 1


def test_both_ranks_skip_a_batch_that_weighs_nothing(two_ranks: Path) -> None:
    lines = read_metrics(two_ranks / "weightless/metrics.jsonl")[1:]
    assert [line["skipped"] for line in lines] == np.cumsum(["loss" not in line for line in lines]).tolist()
    assert 0 < lines[-1]["skipped"] < len(lines)


def read_tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Return {name}/{kind} -> the whole tensor, flat."""
    with ExitStack() as stack:
        places = index_parts([stack.enter_context(safe_open(file, "pt")) for file in sorted(checkpoint.glob("rank-*"))])
        return {what: torch.cat([file.get_tensor(key) for _, file, key in found]) for what, found in places.items()}


@pytest.mark.parametrize("stage", [0, 2, 3])
@pytest.mark.parametrize(
    ("poison", "why"),
    [(math.nan, "the loss is nan"), (1e4, "the gradient's norm is .*, but its median over the last 21")],
)
def test_a_harmful_step_changes_nothing(
    run: Path, alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, stage: int, poison: float, why: str
) -> None:
    monkeypatch.setattr("omniedit.training.checkpoints.KEPT", 3)
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
    """Return the pairs reported for a step that `Disturbed` poisoned: the one with a NaN loss, else all of them."""
    ids = [pair["pair_id"] for pair in trainer.store.read(*trainer.plan.batch(step, 0)).pairs]
    return ids[:1] if math.isnan(poison) else ids


def test_what_is_only_looked_at_ends_no_training(
    run: Path, alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sample edits, held-out losses, TensorBoard, Weights & Biases and the metrics file fail every time."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("No space\nleft on device")

    trainer = make_trainer(run, steps=4, checkpoint_every=2, held_out_every=2, sample_every=2)
    trainer.samples = fail
    object.__setattr__(trainer.batches, "held_out", fail)
    monkeypatch.setattr(trainer, "_log", lambda folder, done: MetricsLog(folder, done, SimpleNamespace(log=fail)))
    monkeypatch.setattr("omniedit.training.metrics.SummaryWriter.add_scalar", fail)
    trainer.run(Checkpoints(tmp_path, {}))
    assert (tmp_path / "step-00000004").is_dir()
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4] and not any("held_out_loss" in line for line in lines)
    told = capsys.readouterr().out.splitlines()
    for what in ("step 2: sample images", "step 2: held-out loss", "TensorBoard", "Weights & Biases"):
        assert f"{what}: failed (OSError: No space left on device); training continues" in told


def test_a_full_disk_costs_metrics_and_grids_alone(
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


def test_a_checkpoint_comes_before_what_is_looked_at(run: Path, alone: None, tmp_path: Path) -> None:
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


def test_a_batch_that_weighs_nothing_is_skipped_and_named(
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
    told = "skipped: all its pairs have weight 0 with train.importance: score; pairs"
    assert f"step {squares[0] + 1} {told} {', '.join(ids)}" in capsys.readouterr().out.splitlines()
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


def test_a_run_whose_pairs_all_weigh_nothing_ends_with_an_error(run: Path, alone: None, tmp_path: Path) -> None:
    trainer = make_trainer(run, steps=2, importance="score")
    trainer.reader = ScoredZero(trainer.store, "1x1", "3x2")
    with pytest.raises(UserError, match="every step was skipped, so nothing was trained"):
        trainer.run(Checkpoints(tmp_path, {}))


def test_a_run_of_skipped_steps_stops_with_the_pairs_also_when_gone_on_with(
    run: Path, alone: None, tmp_path: Path
) -> None:
    """Two steps are skipped before SIGTERM and one after it."""
    with pytest.raises(UserError, match="stopped by SIGTERM after step 2"):
        train(run, tmp_path, math.nan, {1, 2, 3}, terminated=2, max_skipped=3)
    trainer = make_trainer(run, lambda editor: Disturbed(editor, math.nan, {1}), max_skipped=3)
    (pair,) = suspects(trainer, 2, math.nan)
    with pytest.raises(
        UserError, match=f"at step 3: 3 steps in a row were skipped, .* the loss is nan, with the pairs {pair}; check"
    ):
        trainer.run(Checkpoints(tmp_path, {}))


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flip(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[-1] ^= 1
    file.write_bytes(whole)


@pytest.mark.parametrize("file", ["rank-00000.safetensors", "position.json", "manifest.json"])
@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
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


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_bfloat16_follows_float32_and_goes_on_exactly(run: Path, alone: None, tmp_path: Path, stage: int) -> None:
    plain, half = ({"zero_stage": stage, "dtype": dtype, "steps": 2} for dtype in ("float32", "bfloat16"))
    train(run, tmp_path / "plain", **plain)
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
def test_the_network_computes_with_the_mean_only_inside_the_block(
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
def test_accumulated_parts_make_the_step_of_the_whole_batch(run: Path, alone: None, tmp_path: Path, parts: int) -> None:
    """Losses, norms and weights agree, with samples of different importance."""
    whole, cut = (train(run, tmp_path / str(count), zero_stage=0, steps=3, accumulate=count) for count in (1, parts))
    lines = read_metrics(tmp_path / str(parts) / "metrics.jsonl")
    assert lines == [pytest.approx(line, rel=1e-4) for line in read_metrics(tmp_path / "1/metrics.jsonl")]
    for name in whole.state.parameters:
        torch.testing.assert_close(cut.state.gather(name, "exp_avg"), whole.state.gather(name, "exp_avg"))


def test_checkpoints_of_another_run_are_set_aside_and_not_gone_on_from(
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


def test_a_run_goes_on_when_what_the_docs_name_changes(run: Path) -> None:
    text = Path("config/README.md").read_text()
    (names,) = re.findall(r"as it was written\. (.*?), how often things are done", text, re.DOTALL)
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


def test_what_makes_latents_and_embeddings_is_part_of_a_run(run: Path) -> None:
    base, options = Base.load(run / "base"), TrainConfig.model_validate(OPTIONS)

    def changed_by(module: torch.nn.Module) -> list[str]:
        same = run_identity(options, 0, run / "buckets", base)
        with torch.no_grad():
            next(module.parameters()).flatten()[0] += 1
        return differences(same, run_identity(options, 0, run / "buckets", base))

    assert changed_by(base.vae) == ["vae"]
    assert changed_by(base.text.text_encoder) == ["text_encoders"]
    assert changed_by(base.transformer) == ["base"]


def test_a_second_training_is_refused_the_checkpoints_of_a_live_one(alone: None, tmp_path: Path) -> None:
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


def test_waiting_is_for_pairs_alone(run: Path, alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fake clock: 2 s for pairs, 6 s of computing."""
    now = [0.0]
    monkeypatch.setattr("omniedit.training.engine.time", SimpleNamespace(monotonic=lambda: now[0]))
    trainer = make_trainer(run)

    def computed(*given: object) -> torch.Tensor:
        now[0] += 6
        return losses(*given)

    losses = trainer.batches.losses
    object.__setattr__(trainer.batches, "losses", computed)
    told = trainer._step(0, trainer.store.read(*trainer.plan.batch(0, 0))[:1], waited_s=2.0)
    assert told["data_wait_share"] == pytest.approx(2 / 8)
    assert told["samples_per_s"] == pytest.approx(OPTIONS["batch_size"] / 8)


def test_pairs_encoded_in_advance_train_the_same_weights(run: Path, alone: None, tmp_path: Path) -> None:
    """Their steps are built in the background; losses and weights are those of pairs that are encoded in each step."""
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


def test_epochs_take_the_place_of_steps() -> None:
    plan = BatchPlan({"1x1": 40, "3x2": 9}, batch_size=4, world_size=2, seed=0)
    assert count_steps(TrainConfig(steps=7), plan) == 7
    assert count_steps(TrainConfig(steps=7, epochs=2.5), plan) == 30  # 10 and 2 whole batches per epoch
