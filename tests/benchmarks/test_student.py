"""The student that ships, at toy size: pairs of the world, mistakes among them, pre-training, package, card."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.looks import LIGHTS
from benchmarks.ablation.world import World
from benchmarks.student import pretrain, ship
from benchmarks.student.candidates import SIZE, pairs_of
from omniedit.config import SHIPPED_STUDENT
from omniedit.errors import UserError
from omniedit.images import decode_image, resize_cover
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring import load_judge
from omniedit.scoring.rubric import edit_rubric
from omniedit.scoring.score import Score
from omniedit.scoring.student import StudentJudge, load_student
from omniedit.scoring.teacher import TEACHER_SCHEMA, lessons, taught
from omniedit.sources.index import SAMPLE
from omniedit.specialists.tone import to_bytes, to_float
from omniedit.tables import write_rows
from omniedit.tasks import Task

KINDS = {"training": (False, 4), "held_out": (True, 2)}


@pytest.fixture(scope="module")
def made(assets: Assets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of lessons and of the student that learnt from them."""
    root = tmp_path_factory.mktemp("student")
    teacher = load_judge("reference")
    for kind, (held_out, count) in KINDS.items():
        for task in Task:
            file = root / f"candidates/{kind}/{task}/00000.h5"
            world = World(assets, 64, seed=0, held_out=held_out, named_grounds=False)
            write_shard(file, task, "world", 0, list(pairs_of(world, task, count)))
            with Shard(file) as shard:
                rows = list(taught(shard, lessons(shard.pair_ids, 1, seed=0), teacher))
            write_rows(root / f"teacher/{kind}/{task}/00000.parquet", rows, TEACHER_SCHEMA)
    called(pretrain, "--lessons", root, "--shards", 1, "--held-out-shards", 1, "--steps", 4, "--out", root / "student")
    called(ship, "--lessons", root, "--out", root / "package", "--figure", root / "curve.svg")
    return root


def called(module, *arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()


def test_what_something_else_was_done_in_has_no_success(assets: Assets) -> None:
    world = World(assets, 64, seed=3, named_grounds=False)
    pairs = [pair for task in Task for pair in pairs_of(world, task, 8)]
    mistaken = [pair for pair in pairs if pair.provenance["truth"].get("mistaken")]
    assert {pair.task for pair in mistaken} >= set(Task) - {Task.OBJECT_REMOVAL}
    scores = load_judge("reference").judge(mistaken)
    assert all(isinstance(score, Score) and score.sc_score_1 == 0 for score in scores)
    right = [pair for pair in pairs if not pair.provenance["truth"].get("mistaken")]
    assert 0.4 < len(right) / len(pairs) < 0.8


def test_a_mistake_is_another_answer_to_the_same_source(assets: Assets) -> None:
    world = World(assets, 64, seed=3)
    for index in range(6):
        right, wrong = world.pair_of(Task.BACKGROUND_SWAP, index), world.mistaken(Task.BACKGROUND_SWAP, index)
        assert wrong is not None and wrong.edit.instruction == right.edit.instruction
        assert np.array_equal(wrong.source, right.source) and not np.array_equal(wrong.edit.target, right.edit.target)


def test_sources_may_leave_the_named_photographs_out(assets: Assets) -> None:
    world = World(assets, 64, seed=0, named_grounds=False)
    assert 0 < len(world.here.photos) < len(World(assets, 64, seed=0).here.photos)
    assert set(world.here.places) == {""} and len(world.places) > 1


def test_it_is_compared_ten_times_or_at_every_step_and_at_the_last(made: Path) -> None:
    told = [json.loads(line) for line in (made / "student/agreement.jsonl").read_text().splitlines()]
    assert [row["steps"] for row in told] == [1, 2, 3, 4]
    assert all(one["core_s"] < next_one["core_s"] for one, next_one in pairwise(told))


def test_what_ships_is_the_student_in_half_precision_with_its_card(made: Path) -> None:
    shipped, trained = load_student(made / "package"), load_student(made / "student")
    for half, full in zip(shipped[0].parameters(), trained[0].parameters(), strict=True):
        assert torch.equal(half, full.half().float())
    card, about = (made / "package/README.md").read_text(), json.loads((made / "student/about.json").read_text())
    assert f"On {about['unseen']:,} pairs" in card and f"squares of {SIZE} pixels" in card and "{" not in card
    assert (made / "curve.svg").stat().st_size > 0


def test_the_one_in_the_package_judges_and_reads_the_rubric_in_a_handful_of_tokens() -> None:
    judge = load_judge("student", "shipped")
    assert isinstance(judge, StudentJudge) and judge.version.startswith("student ")
    lines = edit_rubric().text.splitlines()
    assert len(judge.tokenizer(edit_rubric().text)["input_ids"]) < 2 * len(lines) + 1
    assert sum(path.stat().st_size for path in SHIPPED_STUDENT.iterdir()) < 10e6
    assert "How far it agrees with its teacher" in (SHIPPED_STUDENT / "README.md").read_text()


def test_the_one_in_the_package_tells_right_edits_from_wrong_ones(assets: Assets) -> None:
    """Of the shipped sample's photos, which none of its sources showed: an edit of all of the picture, as asked, beside
    nothing, and beside noise."""
    judge = load_judge("student", "shipped")
    photo = resize_cover(decode_image((SAMPLE / "mountain_meadow.jpg").read_bytes(), "photo"), 192, 192)
    night = to_bytes(LIGHTS["night"][0](to_float(photo)))
    noisy = np.clip(night + np.random.default_rng(0).normal(0, 40, night.shape), 0, 255).astype(np.uint8)
    pairs = [
        EditPair("p", Task.ENVIRONMENT_CHANGE, ("Make it night.",), photo, e, None, {}) for e in (night, photo, noisy)
    ]
    right, nothing, spoilt = judge.judge(pairs)
    assert isinstance(right, Score) and isinstance(nothing, Score) and isinstance(spoilt, Score)
    assert right.o_score > nothing.o_score + 3 and right.pq_score > spoilt.pq_score + 2


def test_a_missing_lesson_is_named(made: Path) -> None:
    with pytest.raises(UserError, match=r"candidates/training/object_swap/00001\.h5: no lessons here"):
        called(pretrain, "--lessons", made, "--shards", 2, "--held-out-shards", 1, "--out", made / "other")
