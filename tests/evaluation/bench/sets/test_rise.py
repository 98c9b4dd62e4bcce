"""Tests of RISEBench: reader, tasks of the rubric, and the table of gpt_eval.py with its treatment of empty cells."""

from pathlib import Path
from typing import Any

import pytest

from helpers.bench_files import write_image, write_json
from omniedit.evaluation.bench.sets import rise
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.scoring.prompts.rise import CONSISTENCY_FREE, TASKS

ROW = {"instruction": "Draw it a year later.", "image": "a.png", "reference": "A rotten banana."}
ROWS = [
    {**ROW, "index": "t1", "category": "temporal_reasoning", "subtask": "Life Progression", "reasoning_img": None},
    {**ROW, "index": "c1", "category": "causal_reasoning", "reasoning_img": "yes", "consistency_free": 1},
    {**ROW, "index": "s1", "category": "spatial_reasoning", "reference_img": "b.png"},
    {**ROW, "index": "s2", "category": "spatial_reasoning"},
    {**ROW, "index": "l1", "category": "logical_reasoning", "reference_txt": "2", "reference_img": "b.png"},
    {**ROW, "index": "l2", "category": "logical_reasoning", "reference_img": "b.png"},
    {**ROW, "index": "l3", "category": "logical_reasoning", "reference_img": "b.png", "reasoning_wo_ins": 1},
    {**ROW, "index": "x", "category": "logical_reasoning", "image": "absent.png"},
]


def test_judge_sees_the_same_inputs_as_in_the_official_script(tmp_path: Path) -> None:
    write_image(tmp_path / "data/a.png")
    write_image(tmp_path / "data/b.png", 1)
    write_json(tmp_path / "datav2_total_w_subtask.json", ROWS)
    bench = BENCHMARKS["rise"].read(tmp_path)
    shown = {item.item_id.split("/")[1]: BENCHMARKS["rise"].protocol.show(item) for item in bench.items}
    assert {name: each.task for name, each in shown.items()} == {
        "t1": "temporal_reasoning",
        "c1": "causal_reasoning:input:free",
        "s1": "spatial_reasoning:image",
        "s2": "spatial_reasoning",
        "l1": "logical_reasoning",
        "l2": "logical_reasoning:image",
        "l3": "logical_reasoning:image_alone",
    }
    assert {each.task.removesuffix(CONSISTENCY_FREE) for each in shown.values()} <= set(TASKS)
    assert shown["l1"].words["reference"] == "2" and "ground_truth" in shown["l2"].images
    assert "ground_truth" not in shown["l1"].images
    assert list(bench.rejected) == ["datav2_total_w_subtask.json: 7"]
    assert bench.items[0].item_id == "temporal_reasoning/t1"


def make_row(name: str, category: str, *scores: float | None, free: bool = False, subtask: str = "") -> dict[str, Any]:
    names = ("instruction_reasoning", "appearance_consistency", "visual_plausibility")
    return {
        "item_id": name,
        "task": category,
        "consistency_free": free,
        "subtask": subtask,
        **dict(zip(names, scores, strict=False)),
    }


def test_an_edit_is_solved_if_all_its_scores_are_maximal() -> None:
    assert rise.combine(make_row("a", "causal_reasoning", 5, 5, 5))["accuracy"] == 100
    assert rise.combine(make_row("a", "causal_reasoning", 5, 4, 5)) == {
        **{"accuracy": 0, "score": pytest.approx(92.5), "reasoning": 100, "consistency": 75, "plausibility": 100}
    }
    assert rise.combine(make_row("a", "causal_reasoning", 5, None, 5, free=True))["accuracy"] == 100
    assert rise.combine(make_row("a", "causal_reasoning", 5, None, 5)) == {}
    assert rise.combine(make_row("a", "logical_reasoning", 1, 1)) == {
        "accuracy": 100,
        "score": 100,
        "reasoning": 100,
        "consistency": 100,
    }


def test_without_reasoning_the_score_is_halved_but_not_below_one() -> None:
    assert rise.combine(make_row("a", "spatial_reasoning", 1, 5, 5))["score"] == pytest.approx(25 * (3 / 2 - 1))
    assert rise.combine(make_row("a", "spatial_reasoning", 1, 1, 1))["score"] == 0
    assert rise.combine(make_row("a", "logical_reasoning", 0, 1))["score"] == pytest.approx(25 * (2.2 / 2 - 1))


def test_a_failed_reply_counts_as_not_solved_in_the_official_accuracy_only() -> None:
    rows = [make_row("a", "causal_reasoning", 5, 5, 5), make_row("b", "causal_reasoning", None, 5, 5)]
    table = {row.name: row for row in rise.aggregate(rows)}
    assert table["Causal"].values["accuracy"] == 100 and table["Causal"].missing == ("b",)
    assert table["Causal"].official == {"accuracy": 50}


def test_an_edit_without_instruction_changes_the_official_weights_of_all() -> None:
    plain = make_row("a", "causal_reasoning", 3, 5, 3)
    alone = rise.aggregate([plain])[0]
    assert alone.values["score"] == pytest.approx(65) and not alone.official
    free = make_row("b", "temporal_reasoning", 3, None, 3, free=True)
    table = {row.name: row for row in rise.aggregate([plain, free])}
    assert table["Causal"].values["score"] == pytest.approx(65)
    assert table["Causal"].official == {"score": pytest.approx(50)}
    assert not table["Temporal"].official and not table["Temporal"].missing


def test_categories_come_before_all_edits_and_subtasks() -> None:
    rows = [
        make_row("a", "logical_reasoning", 1, 1, subtask="Puzzle Solving"),
        make_row("b", "temporal_reasoning", 5, 5, 5),
    ]
    assert [row.name for row in rise.aggregate(rows)] == ["Temporal", "Logical", "mean of items", "Puzzle Solving"]
