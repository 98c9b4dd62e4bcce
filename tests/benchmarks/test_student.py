"""Tests of shipping the student, at toy size: pairs with some mistaken edits, pre-training, package, model card."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.effects import LIGHTS
from benchmarks.ablation.learning import Training
from benchmarks.ablation.settings import Fit
from benchmarks.ablation.world import SceneOptions, World
from benchmarks.student import pretrain, ship
from benchmarks.student.candidates import KINDS, SIZE, build_world, make_pairs, shard_seed
from omniedit.config.schema import SHIPPED_STUDENT
from omniedit.errors import UserError
from omniedit.imaging.color import to_bytes, to_float
from omniedit.imaging.images import decode_image, resize_cover
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring import load_judge
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.student.judge import StudentJudge, load_student
from omniedit.scoring.student.teacher import TEACHER_SCHEMA, lessons, teach_shard
from omniedit.scoring.verdict import Score
from omniedit.sources.photo_index import SAMPLE
from omniedit.storage.parquet import write_rows
from omniedit.tasks import OMNIEDIT_TASKS, Task

REPOSITORY = Path(__file__).parents[2]
PAIRS = {"training": 4, "held_out": 2, "strange": 2}


@pytest.fixture(scope="module")
def student_folder(assets: Assets, alone: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with lessons and the student trained on them."""
    root = tmp_path_factory.mktemp("student")
    teacher = load_judge("reference")
    for kind, count in PAIRS.items():
        for task in OMNIEDIT_TASKS:
            file = root / f"candidates/{kind}/{task}/00000.h5"
            world = build_world(kind, assets, 64, seed=0)
            write_shard(file, task, "world", 0, list(make_pairs(world, task, count)))
            with Shard(file) as shard:
                rows = list(teach_shard(shard, lessons(shard.pair_ids, 1, seed=0), teacher))
            write_rows(root / f"teacher/{kind}/{task}/00000.parquet", rows, TEACHER_SCHEMA)
    run_main(
        pretrain, "--lessons", root, "--shards", 1, "--held-out-shards", 1, "--steps", 4, "--out", root / "student"
    )
    run_main(ship, "--lessons", root, "--out", root / "package", "--figure", root / "curve.svg")
    return root


def run_main(module, *arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrain, "leave_ranks", lambda: None)
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()


def test_mistaken_edits_score_zero_success(assets: Assets) -> None:
    world = World(assets, 64, seed=3, scenes=SceneOptions(named_grounds=False))
    pairs = [pair for task in OMNIEDIT_TASKS for pair in make_pairs(world, task, 8)]
    mistaken = [pair for pair in pairs if pair.provenance["truth"].get("mistaken")]
    assert {pair.task for pair in mistaken} >= set(OMNIEDIT_TASKS) - {Task.OBJECT_REMOVAL}
    scores = load_judge("reference").judge(mistaken)
    assert all(isinstance(score, Score) and score.sc_score_1 == 0 for score in scores)
    right = [pair for pair in pairs if not pair.provenance["truth"].get("mistaken")]
    assert 0.5 < len(right) / len(pairs) < 0.9


def test_mistaken_edit_has_the_same_source_and_another_target(assets: Assets) -> None:
    world = World(assets, 64, seed=3)
    for index in range(6):
        right, wrong = world.make_pair(Task.BACKGROUND_SWAP, index), world.mistaken(Task.BACKGROUND_SWAP, index)
        assert wrong is not None and wrong.edit.instruction == right.edit.instruction
        assert np.array_equal(wrong.source, right.source) and not np.array_equal(wrong.edit.target, right.edit.target)


def test_sources_can_exclude_named_photographs(assets: Assets) -> None:
    world = World(assets, 64, seed=0, scenes=SceneOptions(named_grounds=False))
    assert 0 < len(world.here.photos) < len(World(assets, 64, seed=0).here.photos)
    assert set(world.here.places) == {""} and len(world.vocabulary.places) > 1


def test_held_out_photos_and_objects_are_not_in_training(assets: Assets) -> None:
    training, held_out, strange = (build_world(kind, assets, 64, seed=0).here for kind in KINDS)
    assert held_out.names == training.names and not set(strange.names) & set(training.names)
    for away in (held_out, strange):
        assert not any(np.array_equal(one, other) for one in away.photos for other in training.photos)


def test_shards_have_distinct_seeds() -> None:
    shards = [(kind, task, shard) for kind in KINDS for task in OMNIEDIT_TASKS for shard in range(50)]
    assert len({shard_seed(*each) for each in shards}) == len(shards)


def test_agreement_is_measured_ten_times_or_at_every_step(student_folder: Path) -> None:
    figures = [json.loads(line) for line in (student_folder / "student/agreement.jsonl").read_text().splitlines()]
    assert [row["steps"] for row in figures] == [1, 2, 3, 4]
    assert all(one["core_s"] < next_one["core_s"] for one, next_one in pairwise(figures))


def test_ranks_share_the_lessons_and_train_one_student(student_folder: Path, tmp_path: Path) -> None:
    arguments = (
        "--lessons",
        student_folder,
        "--shards",
        1,
        "--held-out-shards",
        1,
        "--steps",
        2,
        "--out",
        tmp_path / "student",
    )
    command = ["torchrun", "--standalone", "--nproc-per-node", "2", "-m", "benchmarks.student.pretrain"]
    subprocess.run([*command, *map(str, arguments)], check=True, cwd=REPOSITORY, capture_output=True)
    alone, shared = (
        json.loads((folder / "about.json").read_text()) for folder in (student_folder / "student", tmp_path / "student")
    )
    assert shared["seen"] == alone["seen"] and shared["batch_size"] == alone["batch_size"]
    figures = [json.loads(line) for line in (tmp_path / "student/agreement.jsonl").read_text().splitlines()]
    once = json.loads((student_folder / "student/agreement.jsonl").read_text().splitlines()[0])
    assert figures[-1]["overall"]["pairs"] == once["overall"]["pairs"]
    load_student(tmp_path / "student")


def test_gradients_are_averaged_over_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = torch.nn.Linear(2, 1)
    training = Training(layer, Fit(steps=2, batch_size=1, learning_rate=0.1, pairs=1), tmp_path / "checkpoint.pt")
    layer.weight.grad, layer.bias.grad = torch.tensor([[1.0, 3.0]]), torch.tensor([5.0])
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "all_reduce", lambda mine: mine.add_(torch.tensor([2.0, 0.5, 1.0])))
    training._share_gradients()
    assert layer.weight.grad.tolist() == [[2.5, 2.0]] and layer.bias.grad.tolist() == [3.5]


def test_checkpoint_of_other_lessons_is_rejected(tmp_path: Path) -> None:
    fit, path = Fit(steps=2, batch_size=1, learning_rate=0.1, pairs=1), tmp_path / "checkpoint.pt"
    training = Training(torch.nn.Linear(2, 2), fit, path, identity="one")
    training.done = 1
    training.save()
    assert Training(torch.nn.Linear(2, 2), fit, path, identity="one").done == 1
    with pytest.raises(UserError, match=r"checkpoint\.pt: of other lessons"):
        Training(torch.nn.Linear(2, 2), fit, path, identity="other")


def test_shipped_student_is_in_half_precision_with_a_model_card(student_folder: Path) -> None:
    shipped, trained = load_student(student_folder / "package"), load_student(student_folder / "student")
    for half, full in zip(shipped[0].parameters(), trained[0].parameters(), strict=True):
        assert torch.equal(half, full.half().float())
    card = (student_folder / "package/README.md").read_text()
    assert re.search(r"on \d+ pairs", card) and f"squares of {SIZE} pixels" in card and "{" not in card
    assert (student_folder / "curve.svg").stat().st_size > 0


def test_shipped_student_judges_and_needs_few_rubric_tokens() -> None:
    judge = StudentJudge.from_pretrained("shipped")
    assert judge.version.startswith("student ")
    lines = edit_rubric().text.splitlines()
    assert len(judge.tokenizer(edit_rubric().text)["input_ids"]) < 2 * len(lines) + 1
    assert sum(path.stat().st_size for path in SHIPPED_STUDENT.iterdir()) < 10e6
    assert "Agreement with its teacher" in (SHIPPED_STUDENT / "README.md").read_text()


def test_shipped_student_distinguishes_right_edits_from_wrong_ones(assets: Assets) -> None:
    """Judge an edit of the whole image, the unchanged image, and the edit with noise.

    The photo is one of the shipped sample, which the student's training does not show.
    """
    judge = StudentJudge.from_pretrained("shipped")
    photo = resize_cover(decode_image((SAMPLE / "mountain_meadow.jpg").read_bytes(), "photo"), 192, 192)
    night = to_bytes(LIGHTS["night"][0](to_float(photo)))
    noisy = np.clip(night + np.random.default_rng(0).normal(0, 40, night.shape), 0, 255).astype(np.uint8)
    pairs = [
        EditPair("p", Task.ENVIRONMENT_CHANGE, ("Make it night.",), photo, e, None, {}) for e in (night, photo, noisy)
    ]
    right, nothing, spoilt = judge.judge(pairs)
    assert isinstance(right, Score) and isinstance(nothing, Score) and isinstance(spoilt, Score)
    assert right.o_score > nothing.o_score + 3 and right.pq_score > spoilt.pq_score + 2


def test_missing_lesson_is_named(student_folder: Path) -> None:
    with pytest.raises(UserError, match=r"candidates/training/object_swap/00001\.h5: no lessons here"):
        run_main(
            pretrain,
            "--lessons",
            student_folder,
            "--shards",
            2,
            "--held-out-shards",
            1,
            "--out",
            student_folder / "other",
        )
