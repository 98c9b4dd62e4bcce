"""Known defects: the reference judge recognises them, and they are the same in every run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.known_edits import good_pairs, score_edit
from omniedit.pairs import Shard, write_shard
from omniedit.scoring.student import defects
from omniedit.scoring.student.defects import DEFECTS, apply_defect
from omniedit.tasks import OMNIEDIT_TASKS, Task

NOT_OF: dict[Task, set[str]] = {task: set() for task in OMNIEDIT_TASKS} | {
    Task.ATTRIBUTE_MODIFICATION: {"seam"},
    Task.BACKGROUND_SWAP: {"seam", "wrong_instruction"},
    Task.ENVIRONMENT_CHANGE: {"wrong_place", "seam"},
    Task.STYLE_TRANSFER: {"wrong_place", "seam"},
}
"""Defects that a task does not have."""


WITH_DEGREES = ("over_editing", "blur", "noise", "blocks", "seam")


@pytest.mark.parametrize("task", list(OMNIEDIT_TASKS))
def test_good_edits_pass_and_their_defects_fail(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defects, "_strength", lambda rng, weakest, strongest: strongest)
    pairs = good_pairs(task)
    write_shard(tmp_path / "good.h5", task, "made", 0, pairs)
    with Shard(tmp_path / "good.h5") as shard:
        for row, edit in enumerate(pairs):
            good = score_edit(edit)
            assert good.o_score >= 9, good
            made = {defect: bad for defect in DEFECTS if (bad := apply_defect(shard, row, defect)) is not None}
            assert set(made) == set(DEFECTS) - NOT_OF[task]
            for defect, bad in made.items():
                worse = score_edit(bad)
                assert worse.o_score < min(9, good.o_score - 0.5), (defect, worse)


@pytest.mark.parametrize("task", list(OMNIEDIT_TASKS))
def test_the_score_falls_with_the_strength_of_a_defect(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "good.h5", task, "made", 0, good_pairs(task))
    means = []
    for share in (0, 0.5, 1):
        monkeypatch.setattr(defects, "_strength", lambda rng, weak, strong, s=share: weak * (strong / weak) ** s)
        with Shard(tmp_path / "good.h5") as shard:
            made = [apply_defect(shard, row, name) for row in range(len(shard)) for name in WITH_DEGREES]
        means.append(np.mean([score_edit(bad).o_score for bad in made if bad is not None]))
    assert 9.5 > means[0] > means[1] > means[2]


def test_each_defect_lowers_the_score_that_measures_it(tmp_path: Path) -> None:
    write_shard(tmp_path / "good.h5", Task.OBJECT_REMOVAL, "made", 0, good_pairs(Task.OBJECT_REMOVAL))
    with Shard(tmp_path / "good.h5") as shard:
        bad = {defect: score_edit(apply_defect(shard, 0, defect)) for defect in DEFECTS}
    assert bad["no_change"].sc_score_1 == 0
    assert bad["no_change"].sc_score_2 == 10
    assert bad["wrong_place"].sc_score_1 < 2
    assert bad["over_editing"].sc_score_2 < 5
    assert bad["wrong_instruction"].sc_score_1 < 2
    for artifact in ("noise", "blocks", "seam"):
        assert bad[artifact].pq_score < 8, artifact
        assert bad[artifact].sc_score_2 == 10


def test_defects_are_deterministic(tmp_path: Path) -> None:
    write_shard(tmp_path / "good.h5", Task.OBJECT_REMOVAL, "made", 0, good_pairs(Task.OBJECT_REMOVAL))
    with Shard(tmp_path / "good.h5") as shard:
        for defect in DEFECTS:
            once, again = apply_defect(shard, 1, defect), apply_defect(shard, 1, defect)
            assert np.array_equal(once.edited, again.edited)
            assert once.instructions == again.instructions


def test_a_wrong_instruction_takes_the_request_of_the_other_pair_and_never_a_mistaken_one(tmp_path: Path) -> None:
    right, other = good_pairs(Task.ENVIRONMENT_CHANGE)
    about = {**other.provenance, "truth": {**other.provenance["truth"], "mistaken": True}}
    same = replace(right, pair_id="same", provenance={**right.provenance, "truth": {**right.provenance["truth"]}})
    write_shard(tmp_path / "made.h5", right.task, "made", 0, [right, replace(other, provenance=about)])
    with Shard(tmp_path / "made.h5") as shard:
        wrong = apply_defect(shard, 0, "wrong_instruction")
    assert wrong is not None and wrong.instruction == other.instruction
    assert wrong.provenance["truth"] == other.provenance["truth"]
    same.provenance["truth"]["mistaken"] = True
    write_shard(tmp_path / "same.h5", right.task, "made", 0, [right, same])
    with Shard(tmp_path / "same.h5") as shard:
        assert apply_defect(shard, 0, "wrong_instruction") is None


@pytest.mark.parametrize("task", [Task.OBJECT_REMOVAL, Task.BACKGROUND_SWAP])
def test_the_search_for_a_wrong_instruction_stops_early_in_a_uniform_shard(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [replace(good_pairs(task)[0], pair_id=f"p{number}") for number in range(40)]
    write_shard(tmp_path / "good.h5", task, "made", 0, pairs)
    with Shard(tmp_path / "good.h5") as shard:
        read: list[int] = []
        provenance = shard.provenance
        monkeypatch.setattr(shard, "provenance", lambda row: read.append(row) or provenance(row))
        assert apply_defect(shard, 0, "wrong_instruction") is None
    assert len(read) < 20
