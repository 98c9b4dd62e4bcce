"""Tests of proposals for AnyEdit's types: the example of each prompt passes the checks, and spoilt ones do not."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from omniedit.config.schema import ProposalsConfig
from omniedit.instructions.edit_proposals.classes import facets
from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject, meaning_error
from omniedit.instructions.edit_proposals.prompt_builder import DraftEdit, EditOptions, digest, text
from omniedit.instructions.edit_proposals.proposer import Proposer
from omniedit.instructions.edit_proposals.replies import read_edits
from omniedit.instructions.edit_proposals.table import CLASSES, proposal_in
from omniedit.instructions.stemming import noun
from omniedit.sources.photo import Photo
from omniedit.tasks import ANYEDIT_TASKS, Task
from omniedit.vlm import Prompt, Reply

OFFERS = EditOptions(("colour",), ("a snowy winter day",), ("a woodcut",))


def example(task: str) -> dict[str, Any]:
    """Return the in-context example of a type's prompt."""
    return json.loads(text(task).partition("Example: ")[2])


def things_in(edit: dict[str, Any]) -> list[PhotoObject]:
    """Return the objects that an example refers to."""
    named = {edit.get("object"): edit.get("kind"), edit.get("anchor"): None}
    return [PhotoObject(kind or noun(phrase), phrase) for phrase, kind in named.items() if phrase]


def read(task: str, edit: dict[str, Any], things: list[PhotoObject]) -> tuple[list[DraftEdit], list[str]]:
    parsed = read_edits(json.dumps({task: [edit]}), things, OFFERS, [Task(task)], 1)
    return list(parsed.parts), [flaw.reason for flaw in parsed.flaws]


@pytest.mark.parametrize("task", ANYEDIT_TASKS)
def test_example_in_the_prompt_of_each_type_passes_its_checks(task: Task) -> None:
    edit = example(task)
    (draft,), flaws = read(task, edit, things_in(edit))
    assert flaws == [] and isinstance(draft.proposal, CLASSES[task])
    assert draft.proposal.instructions == [edit["instruction"]]


@pytest.mark.parametrize(
    ("task", "wrong", "why"),
    [
        ("counting", {"instruction": "Reduce the number of camels to three."}, "does not name the number 'two'"),
        ("counting", {"count": 1}, "count: Input should be greater than or equal to 2"),
        ("counting", {"background": "dunes with a camel"}, "names the object"),
        ("color_alter", {"value": "small"}, "already is 'small'"),
        ("color_alter", {"instruction": "Change the airplane to red."}, "does not name the value 'dark green'"),
        ("action_change", {"target_prompt": "a brown dog running on a lawn"}, "target_prompt does not say 'asleep'"),
        ("action_change", {"source_prompt": "a brown dog asleep on the lawn"}, "source_prompt already says 'asleep'"),
        ("textual_change", {"new_text": "open"}, "text and new_text are the same"),
        ("textual_change", {"new_object": "a white sign"}, "new_object does not quote the text 'CLOSED'"),
        ("tone_transfer", {"environment": "night"}, "'night' is not one of the environments to choose from"),
        ("movement", {"direction": "back"}, "direction: Input should be 'left', 'right', 'up' or 'down'"),
        ("movement", {"instruction": "Move the football to the left."}, "does not name the direction 'right'"),
        ("movement", {"every": True}, "every must be false"),
        ("resize", {"instruction": "Make the pumpkin larger."}, "does not name the size"),
        ("resize", {"scale": 1.1}, "the scale 1.1 hardly changes the size"),
        ("relation", {"instruction": "Put the cup to the right of the laptop."}, "does not name the side 'left'"),
        ("relation", {"anchor": "lamp"}, "object 'lamp' is not one of the listed expressions"),
        ("relation", {"anchor": "white cup"}, "anchor and object are the same"),
        ("outpaint", {"instruction": "Extend the photo."}, "does not name the side 'left'"),
        ("rotation_change", {"degrees": 5}, "degrees: Input should be greater than or equal to 15"),
        ("implicit_change", {"cause": "a flood of the river"}, "does not name the cause"),
        ("visual_reference", {"instruction": "Replace the elephant with a car."}, "does not ask for visual reference"),
        ("visual_sketch", {"instruction": "Remove the bananas."}, "does not ask for visual sketch"),
        ("visual_depth", {"background": "an umbrella on sand"}, "names the object"),
        ("visual_depth", {"new_object": "a green umbrella"}, "is of the same kind as the object"),
    ],
)
def test_spoilt_example_is_rejected_with_the_reason(task: str, wrong: dict[str, Any], why: str) -> None:
    edit = example(task)
    drafts, (reason,) = read(task, edit | wrong, things_in(edit))
    assert drafts == [] and why in reason


def test_count_may_be_named_as_a_word_or_a_number_and_any_object_of_the_kind_may_go() -> None:
    edit = example("counting")
    proposal = proposal_in(Task("counting"), {key: edit[key] for key in edit if key != "instruction"} | ONE)
    several = PhotoObject("camel", "camel on the right", ("right",))
    for instruction in ("Leave only 2 camels.", "I would like to see two camels."):
        assert meaning_error(instruction, Task("counting"), proposal, several) is None
    assert "number" in str(meaning_error("Remove a camel.", Task("counting"), proposal, several))


ONE = {"instructions": ["Reduce the number of camels to two."]}


class Recorder:
    """Model that sees a kite and proposes to remove it, whatever else it is asked."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply]:
        self.prompts += prompts
        kite = {"objects": [{"name": "kite", "expression": "red kite"}]}
        by_prompt = {text("objects"): kite, text("wordings"): {}}
        edits = {task: [example("remove")] if task == "remove" else [] for task in ANYEDIT_TASKS}
        return [Reply(json.dumps(by_prompt.get(str(prompt.parts[0]), edits)), "recorder") for prompt in prompts]


def test_many_types_are_asked_for_in_several_prompts_of_a_photo() -> None:
    model = Recorder()
    proposer = Proposer(model, ProposalsConfig(tries=1), ANYEDIT_TASKS)
    ((drafts, _),) = proposer.propose([Photo("a", np.zeros((8, 8, 3), np.uint8), "1x1")])
    assert [draft.edit.task for draft in drafts] == ["remove"] and drafts[0].model == "recorder"
    texts = [str(prompt.parts[0]) for prompt in model.prompts if text("edits") in str(prompt.parts[0])]
    assert len(texts) == 4 and all(sum(text(task) in prompt for prompt in texts) == 1 for task in ANYEDIT_TASKS)
    assert len(proposer.prompts_per_photo()) == 6


def test_proposals_of_types_are_counted_by_their_facets() -> None:
    counted = {
        task: list(facets(read(task, example(task), things_in(example(task)))[0][0].proposal, ""))
        for task in ANYEDIT_TASKS
    }
    assert counted["color_alter"] == [("object", "small airplane"), ("value", "dark green")]
    assert counted["tone_transfer"] == [("environment", "a snowy winter day")]
    assert counted["visual_reference"] == [("object", "elephant"), ("new_object", "car")]
    assert counted["outpaint"] == []


def test_digest_of_prompts_differs_by_family() -> None:
    assert digest() == digest("omniedit") != digest("anyedit")
