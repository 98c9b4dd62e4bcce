"""Tests of files of JSON lines."""

from pathlib import Path

from omniedit.storage.json_lines import append_json, read_json_lines


def test_appended_lines_read_back_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "folder/lines.jsonl"
    for values in ({"a": 1}, {"b": "x\ny\u2028"}):
        append_json(file, values)
    assert read_json_lines(file) == [{"a": 1}, {"b": "x\ny\u2028"}]
    assert read_json_lines(tmp_path / "none.jsonl") == []


def test_an_unfinished_line_does_not_affect_the_others(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b'{"a": 1}\n{"b": ')
    append_json(file, {"c": 3})
    assert read_json_lines(file) == [{"a": 1}, {"c": 3}]


def test_lines_without_an_object_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b'[1]\n\xff\xfe\n{"a": 1}\n' + b"[" * 100_000 + b"\n3\n")
    assert read_json_lines(file) == [{"a": 1}]
