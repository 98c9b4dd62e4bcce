"""Tests of thresholds over the rated pairs of a run: joined by task, from all shards, and errors of one line."""

from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.evaluation.agreement.run_ratings import measure_run
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import write_rows


@pytest.fixture
def scores(tmp_path: Path) -> list[Path]:
    """Write two shards of a task and one of another, which has a pair of the same name."""
    files = []
    for task, shard, pairs in (("swap", 0, {"p": 9.5, "q": 4.0}), ("swap", 1, {"r": 7.0}), ("style", 0, {"p": 1.0})):
        path = tmp_path / f"scores/{task}/{shard:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = ("sc_score_1", "sc_score_2", "pq_score", "o_score")
        rows = [{"pair_id": pair, "status": "scored", **dict.fromkeys(names, o)} for pair, o in pairs.items()]
        write_rows(path, [*rows, {"pair_id": "lost", "status": "unscorable"}], SCORES_SCHEMA)
        files.append(path)
    return files


def write(folder: Path, *rows: str, head: str = "pair_id,task,rater,sc,pq") -> Path:
    (folder / "ratings.csv").write_text("\n".join([head, *rows]) + "\n")
    return folder / "ratings.csv"


def test_rated_pairs_of_all_shards_and_tasks_are_counted(tmp_path: Path, scores: list[Path]) -> None:
    ratings = write(
        tmp_path, "p,swap,ann,1,1", "p,swap,bob,1,0.5", "r,swap,ann,0,0", "p,style,ann,1,1", "lost,swap,ann,1,1"
    )
    rows = {(row.task, row.threshold): row for row in measure_run(scores, ratings).thresholds}
    assert [(rows["all", t].kept, rows["all", t].kept_good) for t in (1, 7, 9)] == [(3, 2), (2, 1), (1, 1)]
    assert (rows["swap", 9].images, rows["style", 9].kept) == (2, 0)


def test_tasks_may_be_omitted_if_pair_ids_are_unique(tmp_path: Path, scores: list[Path]) -> None:
    ratings = write(tmp_path, "q,ann,1,1", "r,ann,0,0", head="pair_id,rater,sc,pq")
    assert [
        (row.kept, row.kept_good) for row in measure_run(scores, ratings).thresholds if row.threshold in (4, 5)
    ] == [
        (2, 1),
        (1, 0),
    ]
    with pytest.raises(UserError, match="has several tasks of the pair 'p'"):
        measure_run(scores, write(tmp_path, "p,ann,1,1", head="pair_id,rater,sc,pq"))


def test_the_judge_is_correlated_with_people(tmp_path: Path, scores: list[Path]) -> None:
    lines = ["p,swap,ann,1,1", "q,swap,ann,0,0.5", "r,swap,ann,0.5,0.5"]
    swap, mean = measure_run(scores, write(tmp_path, *lines)).agreement
    assert (swap.task, swap.images, mean.task) == ("swap", 3, "mean")
    assert swap.judge["sc"] == pytest.approx(1, abs=1e-3) and swap.people["sc"] is None


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("p,swap,ann,8,9", r"ratings\.csv: has ratings above 1; divide sc and pq"),
        ("p,swap,ann,5,0", r"ratings\.csv: has ratings above 1; divide sc and pq"),
        ("z,swap,ann,1,1", r"ratings\.csv: rates no scored pair of the run"),
        ("p,swap,ann,x,1", r"ratings\.csv: row 1: column sc: 'x' must be a number"),
    ],
)
def test_unusable_ratings_raise_a_one_line_error(tmp_path: Path, scores: list[Path], row: str, error: str) -> None:
    with pytest.raises(UserError, match=error):
        measure_run(scores, write(tmp_path, row))
