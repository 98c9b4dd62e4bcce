"""Tests of I2EBench: reader, rubric, and the published table from the published scores of single edits.

`i2e_hive_original.json` has HIVE's recorded scores and answers (cocoshe/I2EBench, Apache-2.0, EditEval_ori/*/hive.json)
in order, by dimension.
"""

import json
from pathlib import Path

import pytest

from helpers.bench_files import write_image, write_json
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets import i2e
from omniedit.evaluation.bench.sets.published import load_published
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.scoring.rubric_registry import load_rubric

RECORDED = json.loads((Path(__file__).parent / "i2e_hive_original.json").read_text())


def test_recorded_scores_of_hive_reproduce_its_published_table(tmp_path: Path) -> None:
    for dimension, values in RECORDED.items():
        answers = [
            {"final_judgement": v, "gt": "x"} if isinstance(v, str) else {"evaluation": {"S": v}} for v in values
        ]
        write_json(tmp_path / f"EditEval_ori/{dimension}/hive.json", dict(enumerate(answers)))
    rows = BENCHMARKS["i2e-original"].read_recorded(tmp_path / "EditEval_ori/hive")
    table = i2e.aggregate(rows)
    published = next(each for each in load_published("i2e-original") if each.editor == "HIVE")
    assert {(row.name, "score"): round(row.values["score"], 4) for row in table} == pytest.approx(
        published.values, abs=1e-9
    )
    assert sum(row.items for row in table) == len(rows) == 2235


def test_a_model_without_scores_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no DIMENSION/m.json"):
        BENCHMARKS["i2e-original"].read_recorded(tmp_path / "m")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "EditData"
    common = {"image": "0001.png", "ori_exp": "Remove the blur.", "div_exp": "Clear it up.", "type": "Global"}
    for name, more in {
        "Deblurring": {},
        "RegionAccuracy": {"mask": "0001.png"},
        "StyleAlteration": {"style": "an oil painting"},
        "Counting": {"Evaluation": "How many cats?", "Answer": "One"},
    }.items():
        for kind in ("input", "gt", "mask"):
            write_image(root / name / kind / "0001.png")
        write_json(root / f"{name}/{name}.json", {"1": {**common, **more}, "2": {**common, **more, "image": "2.png"}})
    return tmp_path


def test_items_have_the_inputs_of_their_dimension(folder: Path) -> None:
    bench = BENCHMARKS["i2e-diverse"].read(folder)
    items = {item.task: item for item in bench.items}
    assert {item.instruction for item in bench.items} == {"Clear it up."}
    assert items["Deblurring"].target and not items["Counting"].target
    assert items["RegionAccuracy"].mask and not items["Deblurring"].mask
    assert items["StyleAlteration"].captions.edited == "an oil painting"
    assert items["Counting"].item_id == "Counting/0001"
    assert len(bench.rejected) == 4
    assert {item.instruction for item in BENCHMARKS["i2e-original"].read(folder).items} == {"Remove the blur."}


def test_rubric_uses_only_inputs_that_the_protocol_shows(folder: Path) -> None:
    protocol = BENCHMARKS["i2e-original"].protocol
    rubric = load_rubric(protocol.rubric or "")
    item = next(item for item in BENCHMARKS["i2e-original"].read(folder).items if item.task == "Counting")
    assert set(rubric.words) <= set(protocol.show(item).words) and rubric.images == ("edited",)
    assert rubric.scores == (i2e.SCORES["Counting"],)


def test_clip_scores_are_reported_as_the_logits_of_the_benchmark() -> None:
    assert i2e.combine({"task": "StyleAlteration", "clip_t": 0.25}) == {"score": 25}
    assert i2e.combine({"task": "Counting", "ssim": 1}) == {}
