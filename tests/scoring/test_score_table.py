"""Scores of pairs and their file: O of any rule, and files of earlier releases that lack the later columns."""

from pathlib import Path

import pyarrow as pa
import pytest

from omniedit.scoring import Score, Unscorable
from omniedit.scoring.score_table import COLUMNS, LATER_COLUMNS, SCORES_SCHEMA, score_row
from omniedit.storage.parquet import read_rows, write_rows


class Judge:
    name, version, prompt_hash, batch_size = "api", "", "0123", 1

    def judge(self, pairs: object) -> list[Score | Unscorable]:
        raise AssertionError("only its name and digest are read")


def test_o_is_the_geometric_mean_unless_the_rubric_has_another_rule() -> None:
    score = Score(9, 4, 9)
    assert score.o_score == 6
    assert score.replace_overall(6, "").overall is None, "the same O needs no column of its own"
    other = score.replace_overall(7.5, '{"scores": {}}')
    assert (other.o_score, other.sc_score) == (7.5, 4)
    row = score_row("p", other, Judge())
    assert (row["o_score"], row["details"], row["o_spread"]) == (7.5, '{"scores": {}}', None)
    assert score_row("p", score, Judge())["details"] is None


def test_a_file_of_an_earlier_release_is_read_without_the_later_columns(tmp_path: Path) -> None:
    old = pa.schema([field for field in SCORES_SCHEMA if field.name not in LATER_COLUMNS])
    row = {name: score_row("p", Score(8, 9, 7), Judge())[name] for name in old.names}
    write_rows(tmp_path / "old.parquet", [row], old)
    (read,) = read_rows(tmp_path / "old.parquet", COLUMNS)
    assert (read["sc_score_1"], read["o_score"], read["prompt_hash"]) == (8, pytest.approx(56**0.5), "0123")
    assert set(COLUMNS) | set(LATER_COLUMNS) == set(SCORES_SCHEMA.names)
