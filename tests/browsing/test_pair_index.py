"""Index of a run's pairs: joined from the files of all stages, and complete when some are missing or broken."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.small_run import make_run
from omniedit.browsing.pair_index import INDEX_SCHEMA, find_pair, index_shard, join_tables, stream_index
from omniedit.browsing.run_files import list_shards
from omniedit.errors import UserError


def read(run: Path) -> tuple[dict[str, dict], list[str]]:
    parts = list(stream_index(list_shards(run)))
    index = join_tables([table for table, _ in parts])
    assert index.schema == INDEX_SCHEMA
    return {row["pair_id"]: row for row in index.to_pylist()}, [each for _, problems in parts for each in problems]


def test_the_index_joins_candidates_scores_and_decisions(tmp_path: Path) -> None:
    rows, problems = read(make_run(tmp_path))
    assert problems == [] and list(rows) == [
        *(f"swap-{n}" for n in range(4)),
        *(f"style-{n}" for n in range(2)),
        *(f"import/{n}" for n in range(3)),
    ]
    assert rows["swap-1"] == {
        "pair_id": "swap-1",
        "task": "object_swap",
        "ratio": "3x2",
        "source": "photo1",
        "status": "scored",
        "judge": "reference",
        "score": 4.0,
        "kept": False,
        "reason": "below threshold",
        "shard": 0,
        "row": 1,
    }
    assert (rows["swap-2"]["status"], rows["swap-2"]["score"]) == ("unscorable", None)
    assert rows["swap-3"]["reason"] == "duplicate"
    undecided = {"status": "unscored", "judge": "unscored", "score": None, "kept": None, "reason": "undecided"}
    assert rows["style-1"].items() >= undecided.items()
    assert (rows["import/0"]["task"], rows["import/1"]["task"]) == ("object_swap", "visual_depth")
    assert rows["import/2"]["ratio"] == "unknown" and rows["import/2"]["row"] == 2


def test_a_score_that_is_not_finite_is_none(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    path = run / "scores/object_swap/00000.parquet"
    table = pq.read_table(path)
    scores = pa.array([float("nan"), float("inf"), None, 10.0], table.schema.field("o_score").type)
    pq.write_table(table.set_column(table.schema.get_field_index("o_score"), "o_score", scores), path)
    rows, _ = read(run)
    assert [rows[f"swap-{n}"]["score"] for n in range(4)] == [None, None, None, 10.0]


def test_pairs_of_a_vanished_file_are_listed_from_its_decisions(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run / "candidates/object_swap/00000.h5").unlink()
    rows, problems = read(run)
    assert len(rows) == 9 and rows["swap-0"]["row"] == -1 and rows["swap-0"]["score"] == 9.5
    assert rows["swap-0"]["task"] == "object_swap" and rows["swap-0"]["source"] == "unknown"
    assert len(problems) == 1 and "candidates/object_swap/00000.h5: no such file" in problems[0]


@pytest.mark.parametrize("name", ["candidates/object_swap/00000.h5", "scores/object_swap/00000.parquet"])
def test_a_broken_file_is_named_and_the_others_are_read(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path)
    (run / name).write_bytes((run / name).read_bytes()[:300])
    rows, problems = read(run)
    assert len(rows) == 9 and len(problems) == 1 and name in problems[0] and "damaged" in problems[0]


def test_scores_of_other_pairs_are_named_and_not_listed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    file = run / "scores/object_swap/00000.parquet"
    table = pq.read_table(file)
    ids = pa.array(["swap-0", "swap-1", "swap-2", "stranger"])
    pq.write_table(table.set_column(0, "pair_id", ids), file)
    rows, problems = read(run)
    assert "stranger" not in rows and rows["swap-3"]["status"] == "unscored"
    assert problems == [f"{file}: scores or decisions of 1 pairs that no candidate file has"]


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    file = run / "scores/object_swap/00000.parquet"
    table = pq.read_table(file)
    place = table.column_names.index("o_score")
    pq.write_table(table.set_column(place, "o_score", pa.array(["nine"] * 4)), file)
    table, problems = index_shard(list_shards(run)[0], 0)
    assert len(table) == 0 and "a column has another type" in problems[0]


def test_a_pair_is_found_by_its_id(tmp_path: Path) -> None:
    shards = list_shards(make_run(tmp_path))
    files, row = find_pair(shards, "import/1")
    assert (files.folder, row["row"]) == ("my_set", 1)
    (shards[1].candidates).unlink()
    with pytest.raises(UserError, match="'style-0': no pair of the run has this id; omniedit browse lists all"):
        find_pair([shards[0]], "style-0")
    with pytest.raises(UserError, match=r"'style-0': no pair .*; not read: .*style_transfer/00000.h5: no such file"):
        find_pair(shards, "style-0")
