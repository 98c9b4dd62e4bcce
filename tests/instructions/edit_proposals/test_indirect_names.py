"""Tests of instructions that name their object by its nature or action: accepted by the table or a model, on record."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from omniedit.config.schema import ProposalsConfig, QuotasConfig
from omniedit.instructions.edit_proposals.classes import RemovalProposal
from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject, meaning_error
from omniedit.instructions.edit_proposals.prompt_builder import text
from omniedit.instructions.edit_proposals.proposer import Proposer
from omniedit.instructions.edit_proposals.quotas import apply_quotas
from omniedit.instructions.edit_proposals.replies import read_meanings, read_objects
from omniedit.sources.photo import Photo
from omniedit.tasks import Task
from omniedit.vlm import Prompt, Reply

CLOCK = PhotoObject("wall clock", "round wall clock", others=("dog",))
REMOVAL = RemovalProposal(instructions=["Remove the clock."], object="round wall clock", background="a wall")
BY_TABLE = "Please get rid of the object that can tell the time."
BY_MODEL = "I cannot stand the ticking on that wall, make it go away."


def error(instruction: str, thing: PhotoObject = CLOCK, is_named: bool = False) -> str | None:
    return meaning_error(instruction, Task.OBJECT_REMOVAL, REMOVAL, thing, is_named)


def test_instruction_with_a_clue_names_its_object() -> None:
    assert error(BY_TABLE) is None
    assert "according to the table" in (CLOCK.describe_indirect_name(BY_TABLE) or "")
    assert CLOCK.describe_indirect_name("Remove the clock that tells the time.") is None, "it is named outright"


def test_clue_of_another_object_or_of_two_objects_names_none() -> None:
    for thing in (
        PhotoObject("dog", "brown dog"),
        PhotoObject("wall clock", "round wall clock", others=("digital watch",)),
    ):
        assert error(BY_TABLE, thing) == f"it does not name the object '{thing.name}'"
    assert error(BY_MODEL) == "it does not name the object 'wall clock'"
    assert error(BY_MODEL, is_named=True) is None
    assert error("Never get rid of that object, the one that tells the time.") is not None, "the edit is negated"


def test_listed_objects_know_the_others() -> None:
    listed = [{"name": name, "expression": f"brown {name}"} for name in ("dog", "chair", "clock")]
    parts = read_objects(json.dumps({"objects": listed})).parts
    assert [thing.others for thing in parts] == [("chair", "clock"), ("dog", "clock"), ("dog", "chair")]


@pytest.mark.parametrize("reply", ["no", "{}", json.dumps({"1": 3, "2": "dog"})])
def test_reply_without_an_object_for_each_sentence_is_a_flaw(reply: str) -> None:
    parsed = read_meanings(reply, 2)
    assert not parsed.parts and parsed.flaws
    assert read_meanings(json.dumps({"1": "dog", "2": "none"}), 2).parts == ("dog", "none")


class Scripted:
    """Model that replies to each stage with a fixed text."""

    def __init__(self, meant: str) -> None:
        sayings = {"short": "Lose the clock.", "detailed": BY_TABLE, "polite": BY_MODEL, "indirect": BY_MODEL + " Now."}
        edit = {"object": "round wall clock", "background": "a wall", "instruction": "Remove the clock."}
        things = [{"name": "wall clock", "expression": "round wall clock"}, {"name": "dog", "expression": "brown dog"}]
        self.replies = {
            "objects": {"objects": things},
            "edits": {Task.OBJECT_REMOVAL: [edit]},
            "wordings": {"1": sayings},
            "meant": {"1": meant, "2": "dog"},
        }
        self.stages: list[str] = []

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply]:
        replies = []
        for prompt in prompts:
            stage = next(name for name in self.replies if str(prompt.parts[0]).startswith(text(name)[:40]))
            self.stages.append(stage)
            replies.append(Reply(json.dumps(self.replies[stage]), model="m-1"))
        return replies


def propose(model: Scripted, ask: bool) -> tuple[dict[str, str], list[str], list[str | None] | None]:
    config = ProposalsConfig(tries=1, per_photo=1, ask_what_is_meant=ask)
    photo = Photo("p", np.zeros((8, 8, 3), np.uint8), "1x1")
    ((drafts, flaws),) = Proposer(model, config, [Task.OBJECT_REMOVAL]).propose([photo])  # type: ignore[arg-type]
    (draft,) = drafts
    (row,) = apply_quotas(drafts, QuotasConfig(), {Task.OBJECT_REMOVAL: 8})
    assert row["phrasings"] == list(draft.instructions)
    return dict(draft.instructions), [flaw["refused"] for flaw in flaws], row.get("named_by")


def test_without_the_option_only_the_table_accepts_such_a_paraphrase() -> None:
    model = Scripted("wall clock")
    instructions, flaws, named_by = propose(model, ask=False)
    assert set(instructions) == {"plain", "short", "detailed"} and "meant" not in model.stages
    assert len(flaws) == 2 and all("does not name the object" in flaw for flaw in flaws)
    assert named_by is not None and [bool(each) for each in named_by] == [False, False, True]


def test_model_is_asked_which_object_a_paraphrase_means() -> None:
    instructions, flaws, named_by = propose(model := Scripted("wall clock"), ask=True)
    assert set(instructions) == {"plain", "short", "detailed", "polite"} and model.stages.count("meant") == 1
    assert flaws == ["indirect paraphrase: it does not name the object 'wall clock'"]
    assert named_by is not None and named_by[3] == "named as the wall clock by m-1"


def test_paraphrase_that_means_no_object_for_the_model_is_rejected() -> None:
    instructions, flaws, _ = propose(Scripted("none"), ask=True)
    assert "polite" not in instructions and len(flaws) == 2
