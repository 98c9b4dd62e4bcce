"""Tests of captions and prompts by a model: only usable parts of a reply are used, and the rest is recorded."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from helpers.small_subjects import subjects
from omniedit.subjects.captions import ModelCaptioner, read_captions
from omniedit.subjects.prompts import fill_templates, imagine, read_prompts
from omniedit.tasks import SUBJECT_TASKS, Task
from omniedit.vlm import Prompt, Reply

VIEW, STYLE = Task("subject_view"), Task("subject_stylise")
GOOD = {"skill": "view", "caption": "A red mug seen from above.", "instruction": "Show the red mug from above."}


class Writer:
    """Model that gives recorded replies, one after another."""

    def __init__(self, *replies: Any) -> None:
        self.replies, self.prompts = list(replies), list[Prompt]()

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply]:
        self.prompts += prompts
        return [Reply(json.dumps(self.replies.pop(0)), "writer") for _ in prompts]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"skill": "fly"}, "skill 'fly' is not one of the requested skills"),
        ({"caption": None}, "a prompt lacks caption or instruction"),
        ({"caption": "A cup from above."}, "the caption does not name the red mug"),
        ({"caption": "Scarred muggers from above."}, "the caption does not name the red mug"),
        ({"instruction": "Show it from above."}, "the instruction does not name the red mug"),
    ],
)
def test_an_unusable_prompt_is_a_flaw_with_its_reason(wrong: dict[str, Any], why: str) -> None:
    parsed = read_prompts(json.dumps({"prompts": [GOOD | wrong, GOOD, GOOD, GOOD | wrong]}), "red mug", [VIEW, STYLE])
    assert [part.task for part in parsed.parts] == [VIEW]
    reasons = [flaw.reason for flaw in parsed.flaws]
    assert reasons == [why, "a caption repeats another one", "no usable prompt of the skill stylise"]


def test_a_model_is_asked_again_for_skills_that_lack_a_prompt() -> None:
    style = {"skill": "stylise", "caption": "A linocut of a red mug.", "instruction": "Make the red mug a linocut."}
    writer = Writer({"prompts": [GOOD]}, {"prompts": [GOOD, style]})
    made, reasons = imagine(writer, subjects()[0], [VIEW, STYLE], 1, tries=2)
    assert [each.task for each in made] == [VIEW, STYLE] and not reasons
    assert "no usable prompt of the skill stylise" in str(writer.prompts[1].parts)
    assert all(each.caption in str(writer.prompts[0].parts[1]) for each in subjects()[0].demonstrations)


def test_templates_give_each_skill_different_prompts_that_name_the_subject() -> None:
    made = fill_templates(subjects()[0], SUBJECT_TASKS, 3, seed=0)
    assert [each.task for each in made] == [task for task in SUBJECT_TASKS for _ in range(3)]
    assert len({each.caption for each in made}) == len(made)
    assert all("red mug" in each.caption and "red mug" in each.instruction for each in made)


def test_a_model_describes_all_images_of_a_cluster_together() -> None:
    images, texts = [np.full((8, 8, 3), number, np.uint8) for number in range(3)], [f"Mug {n}" for n in range(3)]
    writer = Writer({"same_subject": True, "name": "Red Mug", "captions": ["a", "b", "c"]})
    assert ModelCaptioner(writer, 1, 64).describe(images, texts) == ("red mug", ["a", "b", "c"], "")
    assert "1. Mug 0\n2. Mug 1\n3. Mug 2" in str(writer.prompts[0].parts[1])
    assert len([part for part in writer.prompts[0].parts if not isinstance(part, str)]) == 3
    for no in (False, "False", "no"):
        several = ModelCaptioner(Writer({"same_subject": no, "name": "mug", "captions": [*"abc"]}), 1, 64)
        assert several.describe(images, texts) == ("", [], "no captions: the images show several subjects")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"name": "mug", "captions": ["a"]}, 'not 2 texts under "captions"'),
        ({"name": "mug", "captions": ["a", " "]}, "a caption is empty"),
        ({"captions": ["a", "b"]}, 'no text under "name"'),
        ({"name": "?!", "captions": ["a", "b"]}, 'no text under "name"'),
    ],
)
def test_a_reply_without_name_or_captions_is_a_flaw(reply: dict[str, Any], why: str) -> None:
    parsed = read_captions(json.dumps(reply), 2)
    assert not parsed.parts and [flaw.reason for flaw in parsed.flaws] == [why]
