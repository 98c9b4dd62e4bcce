"""Teacher: judges a pair as it is only if the run has not scored it before."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from omniedit.config.schema import DEFECTS_VERSION
from omniedit.errors import UserError
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.score_table import SCORES_SCHEMA, score_row
from omniedit.scoring.student.defects import DEFECTS, NO_DEFECT
from omniedit.scoring.student.examples import choose_rows
from omniedit.scoring.student.teacher import TEACHER_SCHEMA, lessons, read_known_scores, summary, teach_shard
from omniedit.scoring.verdict import Score
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task

OF_OLD_FILES = ("pair_id", "defect", "sc_score_1", "sc_score_2", "pq_score", "o_score", "reasoning", "judge")


class CountingTeacher:
    """Judge that gives every image the same score and counts the images."""

    name, version, batch_size, prompt_hash = "counting", "", 1, "hash"

    def __init__(self) -> None:
        self.seen = 0

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        self.seen += len(pairs)
        return [Score(8.0, 9.0, 7.0, "So it is.", "v1")] * len(pairs)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (3, 2, 64, 64, 3), np.uint8)
    facts = {"truth": {"style": "etching"}}
    pairs = [
        EditPair(f"p{row}", Task.STYLE_TRANSFER, ("Etch it.",), source, edited, None, {"source_id": "sea", **facts})
        for row, (source, edited) in enumerate(images)
    ]
    path = tmp_path / "00000.h5"
    write_shard(path, Task.STYLE_TRANSFER, "embedded", 0, pairs)
    return path


def test_known_scores_are_reused_and_defects_are_scored(shard: Path, tmp_path: Path) -> None:
    teacher = CountingTeacher()
    scores = [
        score_row("p0", Score(10, 10, 9.5, "Known."), teacher),
        score_row("p1", Unscorable("no reply"), teacher),
    ]
    write_rows(tmp_path / "scores.parquet", scores, SCORES_SCHEMA)
    with Shard(shard) as pairs:
        drawn = lessons(pairs.pair_ids, 1, seed=0)
        rows = list(teach_shard(pairs, drawn, teacher, read_known_scores(tmp_path / "scores.parquet", teacher)))
    as_they_are = {row["pair_id"]: row for row in rows if row["defect"] == NO_DEFECT}
    assert {pair: row["reasoning"] for pair, row in as_they_are.items()} == {
        "p0": "Known.",
        "p1": "no reply",
        "p2": "So it is.",
    }
    assert teacher.seen == len(rows) - 2
    assert all((row["judge"], row["prompt_hash"]) == ("counting", "hash") for row in rows)
    assert as_they_are["p2"]["judge_version"] == "v1" and as_they_are["p2"]["status"] == "scored"
    assert as_they_are["p1"]["status"] == "unscorable" and as_they_are["p1"].get("o_score") is None
    assert f"{len(rows) - 1} lessons" in summary(rows, len(drawn))
    assert "1 unscorable (most often: no reply)" in summary(rows, len(drawn))


def test_unscorable_lessons_are_excluded_and_old_files_are_read(tmp_path: Path) -> None:
    teacher = CountingTeacher()
    verdicts = {"p0": Score(8, 9, 7), "p1": Unscorable("no reply"), "p2": Score(1, 2, 3)}
    rows = [score_row(pair, verdict, teacher) | {"defect": ""} for pair, verdict in verdicts.items()]
    old = pa.schema([TEACHER_SCHEMA.field(name) for name in OF_OLD_FILES])
    write_rows(tmp_path / "new.parquet", rows, TEACHER_SCHEMA)
    write_rows(tmp_path / "old.parquet", [row for row in rows if row["status"] == "scored"], old)
    for name in ("new", "old"):
        ((_, _, read),) = choose_rows([Path("candidates.h5")], [tmp_path / f"{name}.parquet"], 2)
        assert [row["pair_id"] for row in read] == ["p0", "p2"]


def test_a_larger_sample_of_lessons_contains_the_smaller_one() -> None:
    ids = [f"p{number}" for number in range(40)]
    every, some, more = (lessons(ids, 2, 0, most) for most in (None, 10, 11))
    assert len(every) == 120 and len(some) == 30 and set(some) < set(more) < set(every)
    assert some == [lesson for lesson in every if lesson in some]
    assert {row for row, _ in some} != set(range(10))
    assert lessons(ids, 2, 0, 100) == every


def test_defects_of_a_pair_do_not_depend_on_its_shard() -> None:
    ids = [f"p{number}" for number in range(40)]
    alone = [defect for _, defect in lessons(ids[7:8], 2, seed=0)]
    assert alone == [defect for row, defect in lessons(ids, 2, seed=0) if row == 7]
    assert len({defect for _, defect in lessons(ids, 2, seed=0)}) == 1 + len(DEFECTS)


def test_lessons_of_another_defects_version_are_rejected(tmp_path: Path) -> None:
    for version in (None, DEFECTS_VERSION - 1, DEFECTS_VERSION):
        row = score_row("p0", Score(1, 2, 3), CountingTeacher()) | {"defect": "blur", "defects_version": version}
        write_rows(tmp_path / "teacher.parquet", [row], TEACHER_SCHEMA)
        if version == DEFECTS_VERSION:
            assert len(list(choose_rows([Path("c.h5")], [tmp_path / "teacher.parquet"], 2))) == 1
        else:
            with pytest.raises(UserError, match=r"teacher\.parquet: its defects are from another version"):
                list(choose_rows([Path("c.h5")], [tmp_path / "teacher.parquet"], 2))


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_lessons_are_scored_in_batches_and_keep_their_order(shard: Path, batch_size: int) -> None:
    teacher = CountingTeacher()
    teacher.batch_size = batch_size
    known = {"p1": score_row("p1", Score(1, 1, 1, "Known."), teacher)}
    with Shard(shard) as pairs:
        drawn = lessons(pairs.pair_ids, 3, seed=0)
        rows = list(teach_shard(pairs, drawn, teacher, known))
    order = [(pairs.pair_ids[row], defect) for row, defect in drawn]
    made = [(row["pair_id"], row["defect"]) for row in rows]
    assert made == [lesson for lesson in order if lesson in made] and len(made) == len(set(made)) > 6
    assert [row["pair_id"] for row in rows if row["reasoning"] == "Known."] == ["p1"]


def test_scores_without_a_judge_version_are_read(tmp_path: Path) -> None:
    teacher, old = CountingTeacher(), SCORES_SCHEMA.remove(SCORES_SCHEMA.get_field_index("judge_version"))
    row = score_row("p0", Score(10, 10, 9.5, "Known."), teacher)
    write_rows(tmp_path / "scores.parquet", [row], old)
    assert read_known_scores(tmp_path / "scores.parquet", teacher)["p0"]["pq_score"] == 9.5


def test_without_known_scores_all_lessons_are_scored(shard: Path) -> None:
    teacher = CountingTeacher()
    with Shard(shard) as pairs:
        rows = list(teach_shard(pairs, lessons(pairs.pair_ids, 1, seed=0), teacher))
    assert teacher.seen == len(rows) >= 3


def test_scores_of_another_judge_are_rejected(tmp_path: Path) -> None:
    teacher = CountingTeacher()
    row = score_row("p0", Score(10, 10, 10, "."), teacher) | {"judge": "student"}
    write_rows(tmp_path / "scores.parquet", [row], SCORES_SCHEMA)
    with pytest.raises(UserError, match="scores of the judge 'student', not of the teacher"):
        read_known_scores(tmp_path / "scores.parquet", teacher)
