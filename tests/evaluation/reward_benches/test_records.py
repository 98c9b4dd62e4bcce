"""Tests of the files of reward benches: all their containers, and one clear line for those that cannot be read."""

import json
from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.evaluation.reward_benches.records import finite_scores, read_records


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_json_lists_json_lines_and_result_files_are_read(tmp_path: Path) -> None:
    write(tmp_path / "a.json", '[{"x": 1}, null, {"x": 2}]')
    write(tmp_path / "b.jsonl", '{"x": 3}\n\n{"x": 4}\n')
    write(tmp_path / "c/d.json", json.dumps({"data_type": "huggingface_3pair", "results": [{"x": 5}]}))
    write(tmp_path / "README.md", "no rows")
    records = read_records([tmp_path])
    assert [(record.row["x"], record.number) for record in records] == [(1, 1), (2, 3), (3, 1), (4, 3), (5, 1)]
    assert records[-1].data_type == "huggingface_3pair"
    assert read_records([tmp_path / "a.json", tmp_path / "b.jsonl"]) == records[:4]


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("a.json", "[1]", "a.json: row 1: is not a JSON object"),
        ("a.json", "{", "a.json: line 1: not JSON"),
        ("a.json", "[" * 5000, "a.json: line 1: not JSON"),
        ("a.json", '{"rows": []}', "is neither a list of rows nor an object with a list `results`"),
        ("a.json", "[]", "has no row"),
        ("a.jsonl", '{"x": 1}\n{x\n', "a.jsonl: line 2: not JSON"),
        ("a.csv", "x", "a.csv: not a supported file"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, text: str, error: str) -> None:
    with pytest.raises(UserError, match=error):
        read_records([write(tmp_path / name, text)])
    with pytest.raises(UserError, match=r"b\.json: no such file"):
        read_records([tmp_path / "b.json"])


def test_scores_are_two_or_more_finite_numbers() -> None:
    assert finite_scores([1, -2.5]) == [1, -2.5]
    for values in ([1], [1, None], [1, "2"], [1, True], [1, float("nan")], [1, 10**400], None, "12"):
        assert finite_scores(values) is None
