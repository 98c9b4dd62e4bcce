"""Preferences: each worse pair is worse in the way that its test says, and counts follow the scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.judge_preferences import Tally, compare, list_edits, tallies, worse_pairs, wrong_instructions
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Score
from omniedit.tasks import Task

EDITS = (("Add a cat.", "a", "addition"), ("Add a dog.", "b", "addition"), ("Remove the cat.", "a", "removal"))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return shards of three edits, each image of one value; two edits are of one photo."""
    pairs = [
        EditPair(
            pair_id=f"edit-{value}",
            task=Task(task),
            instructions=(text,),
            source=np.full((48, 64, 3), 10 * value, np.uint8),
            edited=np.full((48, 64, 3), 10 * value + 5, np.uint8),
            mask=None,
            provenance={"source_id": photo},
        )
        for value, (text, photo, task) in enumerate(EDITS, 1)
    ]
    paths = [tmp_path / f"{task}.h5" for task in ("addition", "removal")]
    for path in paths:
        write_shard(path, Task(path.stem), "import", 0, [pair for pair in pairs if pair.task == path.stem])
    return paths


@dataclass
class KnowingJudge:
    """Judge that gives 9 to the right pairs, 9 to the wrong instruction of the same photo, and 2 to all others."""

    name = "student"
    version = prompt_hash = ""
    batch_size = 2
    unreadable: str = ""

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        return [self.mark(pair) for pair in pairs]

    def mark(self, pair: EditPair) -> Score | Unscorable:
        if self.unreadable and pair.instruction == self.unreadable:
            return Unscorable("cannot be read")
        is_edit = int(pair.edited[0, 0, 0]) == int(pair.source[0, 0, 0]) + 5 and pair.edited.std() == 0
        photo = {text: photo for text, photo, _ in EDITS}[pair.instruction]
        good = is_edit and photo == {1: "a", 2: "b", 3: "a"}[int(pair.pair_id[-1])]
        return Score(9, 9, 9) if good else Score(2, 2, 2)


def test_counts_follow_the_scores_and_ties_are_shown(files: list[Path]) -> None:
    rows = list(compare(KnowingJudge(), files, defects=1, seed=0))
    counted = {tally.test: (tally.wins, tally.ties, tally.total) for tally in tallies(rows)}
    assert counted["no edit"] == (3, 0, 3)
    assert counted["another image"] == (3, 0, 3)
    assert counted["wrong instruction, same photo"] == (0, 2, 2)
    assert counted["wrong instruction, same task"] == (2, 0, 2)


def test_a_pair_without_a_score_is_a_tie(files: list[Path]) -> None:
    rows = list(compare(KnowingJudge("Remove the cat."), files, defects=0, seed=0))
    counted = {tally.test: (tally.wins, tally.ties, tally.total) for tally in tallies(rows)}
    assert counted["no edit"] == (2, 1, 3)


def test_worse_pairs_have_the_fault_of_their_test(files: list[Path]) -> None:
    shards = [Shard(file) for file in files]
    edits = list(list_edits(shards))
    right = shards[0][0]
    worse = dict(worse_pairs(edits[0], right, edits, shards, defects=9, seed=0))
    assert worse["wrong instruction, same photo"].instruction == "Remove the cat."
    assert worse["wrong instruction, same task"].instruction == "Add a dog."
    assert (worse["no edit"].edited == right.source).all()
    assert worse["another image"].edited[0, 0, 0] == 25
    assert {"defect, blur", "defect, noise", "defect, blocks"} <= worse.keys()
    assert "defect, wrong place" not in worse


def test_the_wrong_instruction_is_never_the_correct_one(files: list[Path]) -> None:
    edits = list(list_edits([Shard(file) for file in files]))
    same = [edits[0], edits[0]]
    assert list(wrong_instructions(edits[0], same, np.random.default_rng(0))) == []


def test_a_line_shows_counts_interval_and_p() -> None:
    assert Tally("no edit", 9, 1, 10).line == "| no edit | 9 | 1 | 10 | 0.95 (0.60 to 0.98) | 0.021 |"
