"""Tests of SuTI's set: prompts in both forms, protocol and metrics, on a tiny made example."""

from pathlib import Path

import numpy as np
import pytest

from helpers.bench_files import write_image, write_json
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.evaluation.bench.sets.suti import METRICS, SCORES
from omniedit.evaluation.metrics.measure import measure, measure_samples, read_sample
from omniedit.evaluation.metrics.metric import Sample
from omniedit.evaluation.metrics.subject import subject_similarity
from omniedit.scoring.rubric_registry import load_rubric

SUTI = BENCHMARKS["suti"]
KNOWN = ("subject_error", "copying")
PROMPTS = [
    {"subject": "dog", "prompt": "a dog in the snow", "skill": "recontextualise", "class": "dog"},
    {"subject": "dog", "prompt": "a dog by Rembrandt", "skill": "stylise"},
    {"subject": "vase", "prompt": "a blue vase", "skill": "melt"},
    {"subject": "cup", "prompt": "a cup"},
]
DREAMBOOTH = """Classes

subject_name,class
dog,dog
vase,vase

Prompts

Object Prompts

prompt_list = [
'a {0} {1} in the jungle'.format(unique_token, class_token),
'a red {0} {1}'.format(unique_token, class_token)
]

Live Subject Prompts

prompt_list = [
'a {0} {1} wearing a red hat'.format(unique_token, class_token)
]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        write_image(tmp_path / f"dog/0{number}.jpg", number)
    write_image(tmp_path / "vase/00.png", 9)
    return tmp_path


def test_a_list_of_prompts_gives_items_with_demonstrations_and_captions(folder: Path) -> None:
    write_json(folder / "prompts.json", PROMPTS)
    bench = SUTI.read(folder)
    first, second = bench.items
    assert (first.item_id, first.task, first.instruction) == ("dog/0", "recontextualise", "a dog in the snow")
    assert [role for role, _ in first.references] == ["subject", "demonstration_2", "demonstration_3"]
    assert first.source() == first.references[0][1]() == (folder / "dog/00.jpg").read_bytes()
    assert first.captions.edited == "a dog in the snow" and first.extra["reference_captions"] == ["a dog"] * 3
    assert second.extra["reference_captions"] == [""] * 3
    assert "the skill 'melt' is not one of stylise" in bench.rejected["prompts.json: 2"]
    assert "the folder 'cup' of the subject has no image" in bench.rejected["prompts.json: 3"]


def test_the_file_of_dreambooth_gives_each_subject_the_prompts_of_its_kind(folder: Path) -> None:
    (folder / "prompts_and_classes.txt").write_text(DREAMBOOTH)
    found = [(item.item_id, item.instruction, item.task) for item in SUTI.read(folder).items]
    assert found == [
        ("dog/00", "a dog wearing a red hat", "accessorise"),
        ("vase/00", "a vase in the jungle", "recontextualise"),
        ("vase/01", "a red vase", "attribute"),
    ]


def test_a_folder_without_prompts_raises_an_error_that_names_the_missing_file(folder: Path) -> None:
    with pytest.raises(UserError, match=r"has neither prompts\.jsonl nor prompts\.json nor prompts_and_classes\.txt"):
        SUTI.read(folder)


def test_overall_is_yes_if_all_answers_are_yes() -> None:
    rows = [
        {"item_id": "a", "task": "stylise", "subject": 1, "text": 1, "photorealism": 1, "dino_subject": 0.5},
        {"item_id": "b", "task": "stylise", "subject": 1, "text": 0, "photorealism": 1},
        {"item_id": "c", "task": "view", "subject": 1, "text": 1},
    ]
    stylise, view, everything = SUTI.protocol.aggregate(rows)
    assert stylise.values == {"subject": 1, "text": 0.5, "photorealism": 1, "overall": 0.5, "dino_subject": 0.5}
    assert view.missing == ("c",) and "overall" not in view.values
    assert everything.name == "mean of items" and everything.missing == ("c",)


def test_the_judge_sees_the_subject_the_edit_and_the_prompt(folder: Path) -> None:
    write_json(folder / "prompts.json", PROMPTS)
    item = SUTI.read(folder).items[0]
    edited = np.zeros((12, 16, 3), np.uint8)
    rubric = load_rubric(SUTI.protocol.rubric or "")
    example = SUTI.protocol.to_example(item, edited)
    assert set(example.images) == set(rubric.images) and set(example.words) == set(rubric.words)
    assert rubric.scores == SCORES and example.words["prompt"] == "a dog in the snow"


def test_copying_and_subject_error_are_metrics_if_the_set_has_targets() -> None:
    source, target, photo = (np.full((4, 6, 3), grey, np.uint8) for grey in (0, 100, 200))
    mask = np.ones((4, 6), bool)
    found = [
        measure_samples([lambda edited=edited: Sample(edited, source, target, mask, subjects=(photo,))], KNOWN).rows[0]
        for edited in (target, photo, source)
    ]
    assert [row["subject_error"] for row in found] == [0, 1, 1]
    assert [row["copying"] for row in found] == [0, 1, pytest.approx(0.2)]


def test_subject_metrics_compare_with_all_photos_and_need_weights(folder: Path) -> None:
    write_json(folder / "prompts.json", PROMPTS)
    bench = SUTI.read(folder)
    sample = read_sample(bench.items[0], bench.items[0].source)
    assert isinstance(sample, Sample) and len(sample.subjects) == 3
    one = Sample(np.zeros((2, 2, 3), np.uint8), subjects=(np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8)))
    equal = subject_similarity([one, one], lambda a, b: [float((x == y).all()) for x, y in zip(a, b, strict=True)])
    assert equal == [0.5, 0.5]
    found = measure(bench.items, {item.item_id: item.source for item in bench.items}, METRICS)
    assert set(found.unavailable) == set(METRICS)
