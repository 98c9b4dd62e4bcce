"""The teacher looks at a pair as it is only where nobody did before it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from omniedit.errors import UserError
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring.defects import NO_DEFECT
from omniedit.scoring.parser import Unscorable
from omniedit.scoring.score import SCORES_SCHEMA, Score, score_row
from omniedit.scoring.teacher import TEACHER_SCHEMA, known_scores, lessons, taught
from omniedit.tables import write_rows
from omniedit.tasks import Task


class CountingTeacher:
    """Gives every picture the same score and counts how many it saw."""

    name, batch_size, prompt_hash = "counting", 1, "hash"

    def __init__(self) -> None:
        self.seen = 0

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        self.seen += len(pairs)
        return [Score(8.0, 9.0, 7.0, "So it is.")] * len(pairs)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (3, 2, 64, 64, 3), np.uint8)
    facts = {"truth": {"style": "etching"}}
    pairs = [
        EditPair(f"p{row}", Task.STYLE_TRANSFER, ("Etch it.",), source, edited, None, facts)
        for row, (source, edited) in enumerate(pictures)
    ]
    path = tmp_path / "00000.h5"
    write_shard(path, Task.STYLE_TRANSFER, "embedded", 0, pairs)
    return path


def test_what_the_run_knows_is_taken_and_defects_are_looked_at(shard: Path, tmp_path: Path) -> None:
    teacher = CountingTeacher()
    scores = [
        score_row("p0", Score(10, 10, 9.5, "Known."), teacher),
        score_row("p1", Unscorable("no reply"), teacher),
    ]
    write_rows(tmp_path / "scores.parquet", scores, SCORES_SCHEMA)
    with Shard(shard) as pairs:
        drawn = lessons(pairs.pair_ids, 1, seed=0)
        rows = list(taught(pairs, drawn, teacher, known_scores(tmp_path / "scores.parquet", teacher)))
    as_they_are = {row["pair_id"]: row for row in rows if row["defect"] == NO_DEFECT}
    assert set(as_they_are) == {"p0", "p2"}
    assert as_they_are["p0"]["reasoning"] == "Known." and as_they_are["p2"]["reasoning"] == "So it is."
    assert teacher.seen == len(rows) - 1
    assert all(set(row) == set(TEACHER_SCHEMA.names) and row["judge"] == "counting" for row in rows)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_lessons_are_asked_in_batches_and_come_in_order(shard: Path, batch_size: int) -> None:
    teacher = CountingTeacher()
    teacher.batch_size = batch_size
    known = {"p1": score_row("p1", Score(1, 1, 1, "Known."), teacher)}
    with Shard(shard) as pairs:
        drawn = lessons(pairs.pair_ids, 3, seed=0)
        rows = list(taught(pairs, drawn, teacher, known))
    order = [(pairs.pair_ids[row], defect) for row, defect in drawn]
    told = [(row["pair_id"], row["defect"]) for row in rows]
    assert told == [lesson for lesson in order if lesson in told] and len(told) == len(set(told)) > 6
    assert [row["pair_id"] for row in rows if row["reasoning"] == "Known."] == ["p1"]


def test_scores_of_before_there_was_a_judge_version_are_read_on(tmp_path: Path) -> None:
    teacher, old = CountingTeacher(), SCORES_SCHEMA.remove(SCORES_SCHEMA.get_field_index("judge_version"))
    row = score_row("p0", Score(10, 10, 9.5, "Known."), teacher)
    write_rows(tmp_path / "scores.parquet", [row], old)
    assert known_scores(tmp_path / "scores.parquet", teacher)["p0"]["pq_score"] == 9.5


def test_without_known_scores_all_is_looked_at(shard: Path) -> None:
    teacher = CountingTeacher()
    with Shard(shard) as pairs:
        rows = list(taught(pairs, lessons(pairs.pair_ids, 1, seed=0), teacher))
    assert teacher.seen == len(rows) >= 3


def test_scores_of_another_judge_are_refused(tmp_path: Path) -> None:
    teacher = CountingTeacher()
    row = score_row("p0", Score(10, 10, 10, "."), teacher) | {"judge": "student"}
    write_rows(tmp_path / "scores.parquet", [row], SCORES_SCHEMA)
    with pytest.raises(UserError, match="scores of the judge 'student', not of the teacher"):
        known_scores(tmp_path / "scores.parquet", teacher)
