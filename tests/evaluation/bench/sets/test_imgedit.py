"""Tests of ImgEdit-Bench: the three parts, replies of its scripts, rounding, and the papers' overall score."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.bench_files import write_image, write_json
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets import imgedit
from omniedit.evaluation.bench.sets.published import load_published
from omniedit.evaluation.bench.sets.registry import BENCHMARKS

BASIC = {
    "1082": {"id": "animal/1.jpg", "prompt": "Change the tortoise's shell.", "edit_type": "adjust"},
    "673": {"id": "style/2.jpg", "prompt": "Make it a woodblock print.", "edit_type": "style"},
    "9": {"id": "../2.jpg", "prompt": "Leave the folder.", "edit_type": "style"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_image(tmp_path / "singleturn/animal/1.jpg")
    write_image(tmp_path / "singleturn/style/2.jpg", 1)
    write_image(tmp_path / "hard/3.jpg", 2)
    write_image(tmp_path / "multiturn/version_backtrace/4.jpg", 3)
    write_image(tmp_path / "multiturn/content_memory/4.jpg", 4)
    write_json(tmp_path / "singleturn/singleturn.json", BASIC)
    write_json(tmp_path / "UGE/UGE_edit.json", {"1": {"id": "3.jpg", "prompt": "Remove the chair."}})
    turns = {"id": "4.jpg", "turn1": "Add a cup.", "turn2": "Make it green.", "turn3": "Undo."}
    lines = [json.dumps(each) for each in (turns, {"id": "5.jpg", "turn1": "Add a cup.", "turn2": "Undo."})]
    (tmp_path / "multiturn/version_backtrace/annotation.json").write_text("\n".join(lines))
    write_json(tmp_path / "multiturn/content_memory/annotation.json", [{"id": "4.jpg", "turn1": "Add.", "turn3": "x"}])
    (tmp_path / "multiturn/content_memory/._annotation.json").write_bytes(b"\0\5\x16\7")  # by an archive of macOS
    return tmp_path


def test_basic_part_is_read(folder: Path) -> None:
    bench = BENCHMARKS["imgedit"].read(folder)
    assert [(item.item_id, item.task) for item in bench.items] == [("1082", "adjust"), ("673", "style")]
    assert "leaves the table's folder" in bench.rejected["singleturn.json: 9"]


def test_understanding_part_is_read(folder: Path) -> None:
    (item,) = BENCHMARKS["imgedit-uge"].read(folder).items
    assert (item.item_id, item.task, item.instruction) == ("1", "uge", "Remove the chair.")


def test_turns_are_chained_in_sessions(folder: Path) -> None:
    bench = BENCHMARKS["imgedit-multiturn"].read(folder)
    assert bench.chained
    assert [(item.item_id, item.session, item.turn) for item in bench.items] == [
        ("content_memory/4/1", "content_memory/4", 1),
        *((f"version_backtrace/4/{turn}", "version_backtrace/4", turn) for turn in (1, 2, 3)),
    ]
    assert bench.items[2].instruction == "Make it green." and bench.items[1].source() != bench.items[0].source()
    assert list(bench.rejected) == [f"version_backtrace/annotation.json: 1 turn {turn}" for turn in (1, 2)]


def test_a_folder_without_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no basic_edit.json or singleturn.json"):
        BENCHMARKS["imgedit"].read(tmp_path)


def test_recorded_replies_are_read_and_rounded_as_the_scripts_do(folder: Path) -> None:
    replies = {
        "1082": "Brief reasoning: none.\nPrompt Compliance: 1\nVisual Seamlessness: 4\nPhysical & Detail Fidelity: 5",
        "673": "Brief reasoning: fine: yes\nStyle Fidelity: 4\nContent Preservation: 5/5",
        "5": "Prompt Compliance: 5",
    }
    result = write_json(folder / "result.json", replies)
    rows = BENCHMARKS["imgedit"].read_recorded(result)
    assert rows[0] == {"item_id": "1082", "task": "adjust", "score_1": 1, "score_2": 4, "score_3": 5}
    table = {row.name: row for row in imgedit.aggregate(rows)}
    assert table["adjust"].values["score"] == pytest.approx(10 / 3)
    assert table["adjust"].official == {"score": 3.33}
    assert table["style"].missing == ("673",) and not table["style"].values
    assert table["style"].official == {"score": 4.0}
    assert table["mean of groups"].official["score"] == pytest.approx((3.33 + 4) / 2)


def test_the_scripts_round_each_edit_before_the_mean() -> None:
    scores = [(1, 1, 1), (1, 1, 2), (1, 1, 5)]
    rows = [
        {"item_id": str(number), "task": "add", **dict(zip(imgedit.SCORES, each, strict=True))}
        for number, each in enumerate(scores)
    ]
    (add, *_) = imgedit.aggregate(rows)
    assert add.values["score"] == pytest.approx(14 / 9) and add.official == {"score": 1.55}


OF_ITEMS = {"MagicBrush", "GPT-Image-1 [high]"}
"""Editors whose published overall score is not the mean of their types; it is near the mean over the items."""


def test_published_overall_scores_are_means_of_the_types_except_for_two_editors() -> None:
    differing = set()
    for published in load_published("imgedit"):
        if ("mean of groups", "score") in published.values:
            mean = _average_types(published.values)
            if mean != pytest.approx(published.values["mean of groups", "score"], abs=0.0051):
                differing.add(published.editor)
    assert differing == OF_ITEMS


def _average_types(values: Mapping[tuple[str, str], float]) -> float:
    rows = [
        {"item_id": name, "task": name, **dict.fromkeys(imgedit.SCORES, values[name, "score"])}
        for name in imgedit.TYPES
    ]
    return next(row for row in imgedit.aggregate(rows) if row.name == "mean of groups").values["score"]
