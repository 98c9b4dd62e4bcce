"""Tests of scores of editors' outputs."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from helpers.small_bench import Brighten, session_set, small_set
from omniedit.evaluation.bench.edit_records import EditFolder
from omniedit.evaluation.bench.item import BenchSet
from omniedit.evaluation.bench.run import RunOptions, edit_set
from omniedit.evaluation.bench.scores import SCHEMA, JudgeSetup, plain_example, score_edits
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.storage.parquet import read_rows


class Judge:
    """Judge whose O is the mean of the edited image; it cannot score the instructions of `mute`."""

    def __init__(self, mute: Sequence[str] = ()) -> None:
        self.mute, self.seen = mute, list[Example]()

    def mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        self.seen += examples
        return [self._mark(example) for example in examples]

    def _mark(self, example: Example) -> RubricScores | Unscorable:
        if any(word in example.words["instruction"] for word in self.mute):
            return Unscorable("no reply")
        o = float(example.images["edited"].mean()) / 25.5
        return RubricScores({"sc_1": o}, o, o, o, "because", "judge-1", {"seen": "noise"})

    def setup(self, sampling: str = "greedy") -> JudgeSetup:
        return JudgeSetup("mean", sampling, edit_rubric(), self.mark, 2)


def score(bench: BenchSet, folder: Path, judge: Judge, sampling: str = "greedy") -> list[dict]:
    edits = EditFolder(folder)
    return read_rows(score_edits(bench, "mine", edits, judge.setup(sampling), plain_example, bench.items))


def test_every_item_has_a_row_and_a_failure_has_no_score(tmp_path: Path) -> None:
    bench = small_set()
    edit_set(bench, Brighten(["style/1"]), EditFolder(tmp_path), RunOptions())
    rows = score(bench, tmp_path, Judge(["2"]))
    assert [row["status"] for row in rows] == ["scored", "failure", "unscorable", "scored"]
    assert rows[1]["o_score"] is None and rows[1]["reasoning"] == "it fails" and rows[2]["reasoning"] == "no reply"
    assert list(rows[0]) == SCHEMA.names
    first = rows[0]
    assert (first["judge"], first["judge_version"], first["sampling"]) == ("mean", "judge-1", "greedy")
    assert first["prompt_hash"] == edit_rubric().digest and first["editor"] == "mine" and first["ratio"] == "3x2"
    assert json.loads(first["scores"]) == {"sc_1": first["o_score"]}


def test_items_that_were_not_edited_are_missing(tmp_path: Path) -> None:
    bench = small_set()
    edit_set(dataclasses.replace(bench, items=bench.items[:2]), Brighten(), EditFolder(tmp_path), RunOptions())
    rows = score(bench, tmp_path, Judge())
    assert [row["status"] for row in rows] == ["scored", "scored", "missing", "missing"]


def test_scores_are_requested_once_and_missing_ones_again(tmp_path: Path) -> None:
    bench = small_set()
    edit_set(bench, Brighten(), EditFolder(tmp_path), RunOptions())
    first = score(bench, tmp_path, Judge(["2"]))
    second = Judge()
    rows = score(bench, tmp_path, second)
    assert [example.words["instruction"] for example in second.seen] == ["make it brighter, 2"]
    assert [row["status"] for row in rows] == ["scored"] * 4
    assert rows[0] == first[0]


def test_a_changed_edit_or_sampling_is_judged_again(tmp_path: Path) -> None:
    bench = small_set()
    edit_set(bench, Brighten(), EditFolder(tmp_path), RunOptions())
    score(bench, tmp_path, Judge())
    other = Judge()
    score(bench, tmp_path, other, "hot")
    assert len(other.seen) == 4
    changed = Brighten()
    changed.version, changed.edit = "2", lambda requests: [255 - request.source for request in requests]  # type: ignore
    edit_set(bench, changed, EditFolder(tmp_path), RunOptions())
    again = Judge()
    rows = score(bench, tmp_path, again)
    assert len(again.seen) == 4 and rows[0]["o_score"] == pytest.approx(again.seen[0].images["edited"].mean() / 25.5)


def test_a_judge_sees_the_image_that_a_turn_started_from(tmp_path: Path) -> None:
    bench = session_set(2)
    edit_set(bench, Brighten(), EditFolder(tmp_path), RunOptions())
    judge = Judge()
    rows = score(bench, tmp_path, judge)
    second, first = judge.seen
    assert np.array_equal(second.images["source"], first.images["edited"])
    assert rows[0]["turn"] == 2 and rows[0]["session"] == "s"


def test_edits_of_one_image_have_the_same_image_id(tmp_path: Path) -> None:
    bench = small_set(2)
    twice = [bench.items[0], dataclasses.replace(bench.items[1], source=bench.items[0].source)]
    bench = dataclasses.replace(bench, items=twice)
    rows = score(bench, tmp_path, Judge())
    assert rows[0]["image_id"] == rows[1]["image_id"]
