"""Proposals for a set of one's own: from templates, from a model behind an endpoint, and their file."""

import json
from pathlib import Path

import cv2
import pytest

from helpers.chain import SAMPLE
from helpers.proposal_replies import answering
from helpers.vlm_server import MODEL, serving
from omniedit.config.schema import EndpointConfig, ProposalsConfig
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.set_proposals import (
    TEMPLATES,
    BenchProposal,
    count_proposals,
    list_photos,
    propose_by_model,
    propose_by_templates,
    read_proposals,
    write_proposals,
)
from omniedit.instructions.edit_proposals.proposer import Proposer
from omniedit.instructions.language_model import open_model
from omniedit.tasks import OMNIEDIT_TASKS, Task

SIDE = 96


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder with two small photos, their objects, and a file that is no image."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, place in (("two_dogs", "two_dogs.png"), ("forest_stream", "more/forest_stream.png")):
        image = cv2.imread(str(SAMPLE / f"{name}.jpg"))
        scale = SIDE / max(image.shape[:2])
        cv2.imwrite(str(folder / place), cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    (folder / "broken.jpg").write_bytes(b"no image")
    about = {"file": "two_dogs.png", "caption": "Two dogs", "objects": [{"name": "upper dog"}, {"name": "lower dog"}]}
    (folder / "list.jsonl").write_text(json.dumps(about) + "\n")
    return folder


def test_templates_name_the_objects_of_the_metadata(photos: Path) -> None:
    made = list(propose_by_templates(photos, ["two_dogs.png"], OMNIEDIT_TASKS, 2, seed=0))
    assert [each.task for each in made] == [task for task in OMNIEDIT_TASKS for _ in range(2)]
    assert {each.proposer for each in made} == {TEMPLATES} and {each.source_caption for each in made} == {"Two dogs"}
    assert all("dog" in each.instruction for each in made if each.task == Task.OBJECT_REMOVAL)
    assert made == list(propose_by_templates(photos, ["two_dogs.png"], OMNIEDIT_TASKS, 2, seed=0))


def test_an_unreadable_photo_is_recorded_and_the_others_are_proposed(photos: Path) -> None:
    made = list(propose_by_templates(photos, ["broken.jpg", "two_dogs.png"], [Task.STYLE_TRANSFER], 1, seed=0))
    assert [(each.photo, bool(each.instruction)) for each in made] == [("broken.jpg", False), ("two_dogs.png", True)]
    assert count_proposals(made)[-1].startswith("cannot be read: broken.jpg: ")


def test_a_model_proposes_edits_and_missing_tasks_have_a_reason(photos: Path, tmp_path: Path) -> None:
    names = list_photos(photos)
    assert names == ["broken.jpg", "more/forest_stream.png", "two_dogs.png"]
    images = {Path(name).stem: cv2.imread(str(photos / name))[..., ::-1].copy() for name in names[1:]}
    with serving(answering(images)) as endpoint:
        api = EndpointConfig(url=endpoint.url, model="judge", key_env=None, cache=str(tmp_path / "cache"), tries=1)
        config = ProposalsConfig(source="api", api=api, per_photo=1)
        with open_model(config) as model:
            made = list(propose_by_model(photos, names, Proposer(model, config, OMNIEDIT_TASKS), 2))
    by_photo = {name: [each for each in made if each.photo == name] for name in names}
    assert by_photo["broken.jpg"][0].reason and {each.task for each in by_photo["two_dogs.png"]} == set(OMNIEDIT_TASKS)
    dogs = {each.task: each for each in by_photo["two_dogs.png"]}
    assert dogs[Task.OBJECT_SWAP].proposer == MODEL and dogs[Task.OBJECT_SWAP].objects == 1
    assert dogs[Task.ATTRIBUTE_MODIFICATION].source_caption and dogs[Task.ATTRIBUTE_MODIFICATION].target_caption
    stream = {each.task: each for each in by_photo["more/forest_stream.png"]}
    assert stream[Task.STYLE_TRANSFER].instruction and stream[Task.OBJECT_SWAP].reason == "the model proposed no edit"


def test_written_proposals_read_back_unchanged(tmp_path: Path) -> None:
    made = [BenchProposal("a.png", "object_swap", "Swap it.", "m", "s", "t", 2), BenchProposal("b.png", "", reason="x")]
    write_proposals(tmp_path / "p.jsonl", made)
    assert read_proposals(tmp_path / "p.jsonl") == made


@pytest.mark.parametrize(
    "line",
    ['{"photo": "a.png", "task": "nice"}', '{"task": "object_swap"}', '{"photo": 1, "task": "object_swap"}', "{}"],
)
def test_a_file_of_another_kind_raises_a_one_line_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "p.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match="line 1: needs photo, task"):
        read_proposals(tmp_path / "p.jsonl")


def test_a_missing_or_empty_file_names_the_command_that_writes_it(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    for name in ("empty.jsonl", "absent.jsonl"):
        with pytest.raises(UserError, match="omniedit bench-set propose"):
            read_proposals(tmp_path / name)
    with pytest.raises(UserError, match="no photo in this folder"):
        list_photos(tmp_path)
