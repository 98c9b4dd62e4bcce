"""Tests of `omniedit bench-set`."""

import argparse
from pathlib import Path

import pytest

from helpers.bench_files import write_csv, write_image, write_json
from omniedit.cli import bench_set
from omniedit.errors import UserError


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    parser = argparse.ArgumentParser()
    bench_set.add_arguments(parser)
    bench_set.run(parser.parse_args(words))
    return capsys.readouterr().out


def test_list_states_what_to_download(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "list")
    assert "gedit-cn: GEdit-Bench, Chinese, 606 items\n    give the folder of stepfun-ai/GEdit-Bench" in out
    assert "recorded scores: EditEval_ori/MODEL" in out


def test_show_counts_items_and_rejected_rows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg")
    rows = {"1": {"id": "1.jpg", "prompt": "Add a cup.", "edit_type": "add"}, "2": {"id": "2.jpg", "edit_type": "add"}}
    write_json(tmp_path / "basic_edit.json", rows)
    out = run(capsys, "show", "imgedit", str(tmp_path))
    assert "1 items, version " in out and "the whole benchmark has 737 items" in out and "tasks: add 1" in out
    assert "rejected rows: 1\n    basic_edit.json: 2: has no text in prompt" in out
    assert "    FLUX.1 Kontext [dev]: add score 4.12" in out


def test_table_reproduces_published_tables_and_marks_figures_of_official_scripts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_json(tmp_path / "basic_edit.json", {"1": {"edit_type": "add"}})
    result = write_json(tmp_path / "result.json", {"1": "A: 3\nB: 4\nC: 3"})
    out = run(capsys, "table", "imgedit", str(result))
    assert "| add | 3.333 (3.33) | 1 | 0 |" in out and "In brackets: the figure of the benchmark's own script." in out


def test_build_never_overwrites_a_frozen_set(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_image(tmp_path / "photos/1.png")
    table = write_csv(tmp_path / "t.csv", [{"photo": "1.png", "task": "object_swap", "instruction": "Swap it."}])
    words = ("build", str(table), "--photos", str(tmp_path / "photos"), "-o", str(tmp_path / "set"), "--version", "3")
    assert "not searched for training sources\nfrozen: " in run(capsys, *words)
    assert "1 items, version " in run(capsys, "show", "omniedit", str(tmp_path / "set"))
    with pytest.raises(UserError, match="never changed"):
        run(capsys, *words)
