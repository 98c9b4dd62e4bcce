"""Scores of a bench by an ensemble of judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.small_bench import Brighten, small_set
from omniedit.config.ensemble import EnsembleConfig
from omniedit.evaluation.bench.edit_records import EditFolder
from omniedit.evaluation.bench.ensembles import combine_tables
from omniedit.evaluation.bench.run import RunOptions, edit_set
from omniedit.evaluation.bench.scores import SCHEMA, JudgeSetup, plain_example, score_edits
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.storage.parquet import read_rows

NAMES = ("first", "second", "third")


@dataclass(frozen=True)
class Constant:
    """Judge that gives all edits one score, except instructions that end in `mute`."""

    o: float
    mute: str = "none"

    def mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        return [
            Unscorable("no reply")
            if each.words["instruction"].endswith(self.mute)
            else RubricScores({"sc_1": self.o}, self.o, 10, self.o, "because", f"v{self.o:g}")
            for each in examples
        ]


@pytest.fixture
def edit_folder(tmp_path: Path) -> EditFolder:
    edits = EditFolder(tmp_path)
    edit_set(small_set(), Brighten(["style/1"]), edits, RunOptions())
    for name, judge in zip(NAMES, (Constant(2), Constant(4, "2"), Constant(9)), strict=True):
        setup = JudgeSetup(f"all/{name}", "greedy", edit_rubric(), judge.mark, 2)
        score_edits(small_set(), "mine", edits, setup, plain_example, small_set().items)
    return edits


def combine(edits: EditFolder, **how: object) -> list[dict]:
    config = EnsembleConfig.model_validate(how)
    return read_rows(combine_tables(edits.folder / "scores", "all", NAMES, config, "sampling of all"))


def test_scores_are_combined_and_disagreement_is_a_column(edit_folder: EditFolder) -> None:
    rows = combine(edit_folder, average="median")
    assert list(rows[0]) == SCHEMA.names
    first = rows[0]
    assert (first["sc_score"], first["pq_score"], first["o_score"], first["disagreement"]) == (4, 10, 4, 7)
    assert (first["judge"], first["sampling"], first["editor"]) == ("all", "sampling of all", "mine")
    assert first["judge_version"] == "first v2 + second v4 + third v9"
    assert combine(edit_folder, average="mean")[0]["o_score"] == 5


def test_items_without_an_edit_or_without_enough_judges_have_no_score(edit_folder: EditFolder) -> None:
    rows = combine(edit_folder)
    assert [row["status"] for row in rows] == ["scored", "failure", "unscorable", "scored"]
    assert rows[1]["reasoning"] == "it fails" and rows[1]["o_score"] is None
    assert rows[2]["reasoning"] == "scored by 2 of 3 judges; second: no reply" and rows[2]["o_score"] is None
    assert combine(edit_folder, min_judges=2)[2]["o_score"] == 5.5
