"""Tests of the usable parts of a model's reply, and of the reported flaws of the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject
from omniedit.instructions.edit_proposals.prompt_builder import DraftEdit, EditOptions, offers_for, text
from omniedit.instructions.edit_proposals.replies import ReplyIssue, read_edits, read_objects, read_paraphrases
from omniedit.instructions.edit_proposals.table import rejection_row, write_proposals
from omniedit.instructions.stemming import content, head, stems
from omniedit.tasks import OMNIEDIT_TASKS, Task

CUP, LEFT_CUP = PhotoObject("cup", "white cup"), {"name": "cup", "expression": "cup on the left"}
OFFERS = EditOptions(("colour",), ("thick fog",), ("a pencil sketch",))
PROMPTS = {"source_prompt": "a white cup on a table", "target_prompt": "a blue cup on a table"}
GOOD: dict[Task, dict[str, Any]] = {
    Task.OBJECT_SWAP: {"object": "white cup", "new_object": "a brass bell", "instruction": "Swap the cup for a bell."},
    Task.OBJECT_REMOVAL: {"object": "white cup", "background": "a bare table", "instruction": "Remove the cup."},
    Task.OBJECT_ADDITION: {
        **{"object": "white cup", "place": "on the table", "background": "a bare table"},
        "instruction": "Put a cup on the table.",
    },
    Task.ATTRIBUTE_MODIFICATION: {
        **{"object": "white cup", "attribute": "colour", "value": "blue", **PROMPTS},
        "instruction": "Make the cup blue.",
    },
    Task.BACKGROUND_SWAP: {"object": "white cup", "background": "a beach", "instruction": "Put the cup on a beach."},
    Task.ENVIRONMENT_CHANGE: {
        **{"environment": "thick fog", "object": ""},
        **{"source_prompt": "a table in a garden", "target_prompt": "a table in a garden in thick fog"},
        "instruction": "Cover it in thick fog.",
    },
    Task.STYLE_TRANSFER: {"style": "a pencil sketch", "instruction": "Make it a pencil sketch."},
}


def read_drafts(task: Task, reply: Any) -> tuple[tuple[DraftEdit, ...], tuple[ReplyIssue, ...]]:
    parsed = read_edits(json.dumps({task: reply}), [CUP], OFFERS, [task], 2)
    return parsed.parts, parsed.flaws


@pytest.mark.parametrize("task", OMNIEDIT_TASKS)
def test_valid_edit_of_each_task_is_used(task: Task) -> None:
    ((edit,), flaws) = read_drafts(task, [GOOD[task]])
    assert (
        flaws == ()
        and edit.proposal.truth.items() >= {k: v for k, v in GOOD[task].items() if k != "instruction"}.items()
    )
    assert (edit.thing == CUP) == bool(GOOD[task].get("object"))


@pytest.mark.parametrize(
    ("task", "wrong", "why"),
    [
        (Task.OBJECT_SWAP, {"object": "red bowl"}, "object 'red bowl' is not one of the listed expressions"),
        (Task.OBJECT_SWAP, {"new_object": "a blue cup"}, "new_object 'a blue cup' is of the same kind as the object"),
        (Task.OBJECT_SWAP, {"new_object": ""}, "new_object: String should have at least 1 character"),
        (Task.OBJECT_SWAP, {"instruction": "Remove the bell."}, "it does not name the object 'cup'"),
        (Task.OBJECT_SWAP, {"instruction": None}, "instructions: 0: Input should be a valid string"),
        (Task.OBJECT_SWAP, {"colour": "red"}, "colour: Extra inputs are not permitted"),
        (Task.OBJECT_REMOVAL, {"background": "a table without the cup"}, "without the cup' names the object"),
        (Task.OBJECT_ADDITION, {"background": "two cups"}, "background 'two cups' names the object"),
        (Task.BACKGROUND_SWAP, {"background": "a beach with a cup"}, "names the object"),
        (Task.ATTRIBUTE_MODIFICATION, {"attribute": "mood"}, "'mood' is not one of the attributes to choose from"),
        (Task.ATTRIBUTE_MODIFICATION, {"value": "green"}, "target_prompt does not say 'green'"),
        (
            Task.ATTRIBUTE_MODIFICATION,
            {"source_prompt": "a blue cup on the table"},
            "source_prompt already says 'blue'",
        ),
        (Task.ATTRIBUTE_MODIFICATION, {"source_prompt": "a mug on a table"}, "the prompts do not both name the object"),
        (Task.ATTRIBUTE_MODIFICATION, {"target_prompt": "one blue cup"}, "target_prompt shares too few words"),
        (Task.ENVIRONMENT_CHANGE, {"environment": "night"}, "'night' is not one of the environments to choose from"),
        (Task.STYLE_TRANSFER, {"style": "a mosaic"}, "'a mosaic' is not one of the styles to choose from"),
    ],
)
def test_invalid_edit_is_rejected_and_others_are_kept(task: Task, wrong: dict[str, Any], why: str) -> None:
    edits, (flaw,) = read_drafts(task, [GOOD[task] | wrong, GOOD[task]])
    assert len(edits) == 1 and flaw.task is task and why in flaw.reason


@pytest.mark.parametrize("task", [task for task in OMNIEDIT_TASKS if "object" in GOOD[task]])
@pytest.mark.parametrize("phrase", ["\ud800", "x" * 2_000_000, "a\nb", {"a": ["\ud800"]}])
def test_flaws_of_hostile_replies_are_short_ascii_lines(task: Task, phrase: Any, tmp_path: Path) -> None:
    _, flaws = read_drafts(task, [GOOD[task] | {"object": phrase}, GOOD[task] | {str(phrase): 1}])
    assert len(flaws) == 2
    for flaw in flaws:
        assert flaw.reason.isascii() and "\n" not in flaw.reason and len(flaw.reason) < 200
    write_proposals(tmp_path / "p.parquet", [rejection_row("a", task, "edits", flaw.reason) for flaw in flaws])


@pytest.mark.parametrize("blank", ["  ", "...", "\u2026", "\n"])
def test_field_without_letters_is_rejected(blank: str) -> None:
    for task, good in GOOD.items():
        for key in [key for key, value in good.items() if value and key != "object"]:
            edits, (flaw,) = read_drafts(task, [good | {key: blank}])
            assert edits == () and "has no letter or digit" in flaw.reason
    (flaw,) = read_objects(json.dumps({"objects": [LEFT_CUP | {"name": blank}]})).flaws
    assert "has no letter or digit" in flaw.reason


def test_object_with_a_lone_surrogate_is_a_flaw() -> None:
    for key in LEFT_CUP:
        (flaw,) = read_objects(json.dumps({"objects": [LEFT_CUP | {key: "cup \ud800"}]})).flaws
        assert flaw.reason.isascii()


def test_emphasis_is_accepted_within_bounds() -> None:
    good = GOOD[Task.ATTRIBUTE_MODIFICATION]
    ((edit,), _) = read_drafts(Task.ATTRIBUTE_MODIFICATION, [good | {"emphasis": 2.5}])
    assert edit.proposal.truth["emphasis"] == 2.5 and '"emphasis"' in text(Task.ATTRIBUTE_MODIFICATION)
    _, (flaw,) = read_drafts(Task.ATTRIBUTE_MODIFICATION, [good | {"emphasis": 1000}])
    assert flaw.reason.startswith("emphasis: ")


def test_surplus_edits_are_dropped_and_an_empty_list_is_valid() -> None:
    assert len(read_drafts(Task.OBJECT_REMOVAL, [GOOD[Task.OBJECT_REMOVAL]] * 3)[0]) == 2
    assert read_drafts(Task.OBJECT_REMOVAL, []) == ((), ())


@pytest.mark.parametrize("reply", ["Sorry.", "[]", '{"object_swap": {}}', '{"object_removal": []}', "{"])
def test_reply_without_the_task_is_a_flaw_of_the_task(reply: str) -> None:
    parsed = read_edits(reply, [CUP], OFFERS, [Task.OBJECT_SWAP], 2)
    assert parsed.parts == () and [flaw.task for flaw in parsed.flaws] == [Task.OBJECT_SWAP]


def test_unique_object_may_be_referred_to_by_its_name() -> None:
    ((edit,), _) = read_drafts(Task.OBJECT_REMOVAL, [GOOD[Task.OBJECT_REMOVAL] | {"object": "the Cup"}])
    assert edit.proposal.truth["object"] == "white cup"


def test_similar_objects_are_distinguished_by_their_own_words() -> None:
    listed = [
        LEFT_CUP,
        {"name": "cup", "expression": "The chipped cup beside it."},
        {"name": "lamp", "expression": "lamp"},
    ]
    parsed = read_objects(json.dumps({"objects": listed}))
    assert parsed.flaws == () and [thing.expression for thing in parsed.parts][1:] == ["chipped cup beside it", "lamp"]
    assert [set(thing.distinctive) for thing in parsed.parts] == [{"left"}, set(content("chipped beside")), set()]


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ([LEFT_CUP, LEFT_CUP | {"name": "cup"}], "'cup on the left' does not distinguish it from the others"),
        ([{"name": "cup", "expression": "white thing"}], "expression 'white thing' does not contain its name 'cup'"),
        ([{"name": "cup"}], "expression: Field required"),
        (["cup"], "Input should be a valid dictionary"),
        ("cup", 'no list under "objects"'),
    ],
)
def test_unidentifiable_object_is_rejected(listed: Any, why: str) -> None:
    parsed = read_objects(json.dumps({"objects": listed}))
    assert parsed.parts == () and why in parsed.flaws[0].reason


def test_each_paraphrase_is_checked_separately() -> None:
    edit = read_drafts(Task.OBJECT_REMOVAL, [GOOD[Task.OBJECT_REMOVAL]])[0][0]
    said = {"short": "Cup gone.", "detailed": "Erase it whole.", "polite": "Remove the cup!", "indirect": 7}
    parsed = read_paraphrases(json.dumps({"1": said}), [edit])
    assert [(part.phrasing, part.text) for part in parsed.parts] == [("short", "Cup gone.")]
    assert [flaw.reason for flaw in parsed.flaws] == [
        "detailed paraphrase: it does not name the object 'cup'",
        "polite paraphrase: it repeats another instruction for this edit",
        "indirect paraphrase: Input should be a valid string",
    ]


def test_offers_depend_on_the_photo_and_cover_all_styles() -> None:
    assert offers_for("a") == offers_for("a") != offers_for("b")
    styles = {style for number in range(200) for style in offers_for(str(number)).styles}
    assert len(styles) == 156


@pytest.mark.parametrize(
    ("phrase", "noun"),
    [("a brown dog on the left", "dog"), ("cup of tea", "cup"), ("wooden bench with iron feet", "bench"), ("of", "")],
)
def test_head_of_a_phrase_is_its_noun(phrase: str, noun: str) -> None:
    assert head(phrase) == "".join(stems(noun))


@pytest.mark.parametrize(
    "words",
    [
        "fog foggy",
        "wood wooden",
        "dog dogs dog's",
        "child children",
        "sun sunny",
        "leaf leaves",
        "glass glasses",
        "heavy heavily",
    ],
)
def test_forms_of_a_word_share_a_stem(words: str) -> None:
    assert len(set(stems(words))) == 1
