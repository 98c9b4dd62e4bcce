"""Tests of KRIS-Bench: one and several source images, tasks of the rubric, and BAGEL's published figures."""

from pathlib import Path

import pytest

from helpers.bench_files import write_image, write_json
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets import kris
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.scoring.prompts.kris import FRAMES, KNOWLEDGE, PLAIN, SOURCES

COUNTS = {"Attribute Perception": 275, "Spatial Perception": 100, "Temporal Prediction": 74, "Social Science": 125}
COUNTS |= {"Natural Science": 393, "Logical Reasoning": 150, "Instruction Decomposition": 150}
"""Items of each dimension in the benchmark's annotations."""
BAGEL = {
    "Attribute Perception": (76.64, 74.45, 41.73),
    "Spatial Perception": (70.25, 80.00, 37.00),
    "Temporal Prediction": (36.49, 61.82, 29.05),
    "Social Science": (76.20, 78.80, 37.00, 29.60),
    "Natural Science": (69.59, 84.03, 40.27, 30.15),
    "Logical Reasoning": (80.17, 85.67, 26.33, 18.00),
    "Instruction Decomposition": (40.17, 69.50, 42.00),
}
"""VC, VQ, IF and KP of BAGEL in its EVAL.md."""
AVERAGES = {"Attribute Perception": 64.27, "Spatial Perception": 62.42, "Temporal Prediction": 42.45}
AVERAGES |= {"Social Science": 55.40, "Natural Science": 56.01, "Logical Reasoning": 52.54}
AVERAGES |= {"Instruction Decomposition": 50.56, "Factual Knowledge": 60.26, "Conceptual Knowledge": 55.86}
AVERAGES |= {"Procedural Knowledge": 51.69, "mean of scores": 56.21}
"""Averages in the same file."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "KRIS_Bench"
    for name in ("1.jpg", "1_gt.jpg", "1-1.jpg", "1-2.jpg", "1-3.jpg", "1-4.jpg"):
        for category in ("physics", "viewpoint_change", kris.MULTI, kris.TEMPORAL):
            write_image(root / category / name, len(name))
    row = {"ins_en": "Let the ice melt.", "explain_en": "Ice melts to water."}
    write_json(root / "physics/annotation.json", {"1": {**row, "ori_img": "1.jpg"}, "2": {**row, "ori_img": "2.jpg"}})
    turned = {"instruction": "Turn the car.", "explain": "", "ori_img": "1.jpg", "gt_img": "1_gt.jpg"}
    write_json(root / "viewpoint_change/annotation.json", {"1": turned})
    multi = {"ins_en": "Put the hat on.", "ori_img": ["1-1.jpg", "1-2.jpg"], "gt_img": "", "explain_en": ""}
    write_json(root / f"{kris.MULTI}/annotation.json", {"1": multi})
    frames = {"ins_en": "Predict frame 2.", "ori_img": ["1-1.jpg", "1-3.jpg", "1-4.jpg"], "gt_img": "1-2.jpg"}
    write_json(root / f"{kris.TEMPORAL}/annotation.json", {"1": frames, "2": {**frames, "ori_img": ["1-1.jpg"] * 3}})
    return tmp_path


def test_judge_sees_the_inputs_that_the_prompts_require(folder: Path) -> None:
    bench = BENCHMARKS["kris"].read(folder)
    shown = {item.item_id: BENCHMARKS["kris"].protocol.show(item) for item in bench.items}
    assert shown["physics/1"].words == {"instruction": "Let the ice melt.", "explanation": "Ice melts to water."}
    assert list(shown["viewpoint_change/1"].images) == ["source", "ground_truth"]
    assert shown[f"{kris.MULTI}/1"].task == f"{kris.MULTI}:2"
    assert list(shown[f"{kris.MULTI}/1"].images) == ["source_1", "source_2"]
    assert shown[f"{kris.TEMPORAL}/1"].task == f"{kris.TEMPORAL}:2"
    assert list(shown[f"{kris.TEMPORAL}/1"].images) == ["source_1", "source_3", "source_4"]
    assert len(bench.rejected) == 2
    assert "frames do not end" in bench.rejected["temporal_prediction/annotation.json: 2"]


def test_every_category_has_questions_in_the_official_prompts() -> None:
    categories = {category for members in kris.DIMENSIONS.values() for category in members}
    expected = {*PLAIN, *KNOWLEDGE, "anomaly_correction", "viewpoint_change", kris.MULTI, kris.TEMPORAL}
    assert categories == expected and len(categories) == 20
    assert set(SOURCES) == {2, 3, 4, 5} and set(FRAMES) == set(kris.FRAMES)


def test_published_means_reproduce_the_published_averages() -> None:
    rows = []
    for name, means in BAGEL.items():
        scores = {score: 1 + mean / 25 for score, mean in zip(kris.SCORES.values(), means, strict=False)}
        task = kris.DIMENSIONS[name][0]
        rows += [{"item_id": f"{task}/{number}", "task": task, **scores} for number in range(COUNTS[name])]
    table = {row.name: row for row in kris.aggregate(rows)}
    assert {name: round(table[name].values["average"], 2) for name in AVERAGES} == pytest.approx(AVERAGES, abs=0.011)
    assert table["Social Science"].values["KP"] == pytest.approx(29.6)
    assert "KP" not in table["Spatial Perception"].values and not table["mean of scores"].missing
    assert table["mean of scores"].items == 1267


def test_a_missing_score_does_not_affect_the_others(tmp_path: Path) -> None:
    row = {"item_id": "physics/1", "task": "physics", "consistency": 5, "quality": 3, "instruction_following": None}
    table = {row.name: row for row in kris.aggregate([row])}
    assert table["Natural Science"].values == {"VC": 100, "VQ": 50, "average": 75}
    assert table["mean of scores"].missing == ("physics/1",)


def test_recorded_scores_are_read(tmp_path: Path) -> None:
    scores = {"consistency_score": 5, "instruction_score": 1, "quality_score": 3, "knowledge_score": None}
    write_json(tmp_path / "physics/metrics.json", {"7": scores})
    (row,) = BENCHMARKS["kris"].read_recorded(tmp_path)
    assert row["item_id"] == "physics/7" and kris.combine(row) == {"VC": 100, "VQ": 50, "IF": 0, "average": 50}
    with pytest.raises(UserError, match=r"has no CATEGORY/metrics.json"):
        BENCHMARKS["kris"].read_recorded(tmp_path / "physics")
