import json
from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.instructions.edit_proposals.classes import RemovalProposal
from omniedit.instructions.edit_proposals.recorded_replies import check_reply, match_replies, read_recorded_replies
from omniedit.instructions.edit_proposals.table import (
    CLASSES,
    json_object,
    proposal_in,
    proposers,
    read_proposals,
    rejection_row,
    usable,
    write_proposals,
)
from omniedit.tasks import ANYEDIT_TASKS, OMNIEDIT_TASKS, Task

REMOVAL = {"instructions": ["Remove the dog."], "object": "dog", "background": "an empty meadow"}
PROMPTS = {"source_prompt": "a red car", "target_prompt": "a blue car"}
ATTRIBUTE = {"instructions": ["Blue."], "object": "car", "attribute": "colour", "value": "blue", **PROMPTS}


def test_every_task_with_a_learned_specialist_has_a_proposal_class() -> None:
    assert set(CLASSES) == {*OMNIEDIT_TASKS, *ANYEDIT_TASKS}


def test_proposers_are_read_from_usable_proposals(tmp_path: Path) -> None:
    removal, about = RemovalProposal(**REMOVAL), {"model": "vlm-1", "prompt_hash": "abc"}
    rows = [usable(name, Task.OBJECT_REMOVAL, removal, **about) for name in "ab"]
    rows += [usable("a", Task.BACKGROUND_SWAP, removal), rejection_row("a", Task.STYLE_TRANSFER, "edits", "no") | about]
    write_proposals(tmp_path / "p.parquet", rows)
    assert proposers(tmp_path / "p.parquet", Task.OBJECT_REMOVAL) == {"proposer": "vlm-1", "prompt_hash": "abc"}
    for task in (Task.BACKGROUND_SWAP, Task.STYLE_TRANSFER):
        assert proposers(tmp_path / "p.parquet", task) == {}


@pytest.mark.parametrize(
    "frame", ["{}", "```json\n{}\n```", "<think>A {{dog}}?</think> Here it is: {}", "{}\nI hope that this helps."]
)
def test_reply_becomes_a_proposal_with_its_truth(frame: str, tmp_path: Path) -> None:
    reply = frame.format(json.dumps(REMOVAL))
    write_proposals(tmp_path / "p.parquet", [check_reply("a", Task.OBJECT_REMOVAL, reply)])
    found = read_proposals(tmp_path / "p.parquet", Task.OBJECT_REMOVAL)
    assert found == {"a": [RemovalProposal(**REMOVAL)]}
    assert found["a"][0].truth == {"object": "dog", "every": False, "background": "an empty meadow"}
    assert read_proposals(tmp_path / "p.parquet", Task.OBJECT_ADDITION) == {}


@pytest.mark.parametrize(
    ("task", "reply", "words"),
    [
        (Task.OBJECT_REMOVAL, "I cannot help with that.", "no JSON object"),
        (Task.OBJECT_REMOVAL, json.dumps({**REMOVAL, "object": ""}), "object: String should have at least 1"),
        (Task.OBJECT_REMOVAL, json.dumps({**REMOVAL, "colour": "red"}), "colour: Extra inputs"),
        (Task.OBJECT_REMOVAL, json.dumps({**REMOVAL, "instructions": []}), "instructions: List should have at least 1"),
        (Task.STYLE_TRANSFER, json.dumps({"instructions": ["Redraw it."]}), "style: Field required"),
        (Task.ATTRIBUTE_MODIFICATION, json.dumps({**ATTRIBUTE, "target_prompt": "a red car"}), "are the same"),
    ],
)
def test_unusable_reply_is_kept_with_a_reason(task: Task, reply: str, words: str, tmp_path: Path) -> None:
    row = check_reply("a", task, reply)
    assert row["proposal"] is None and words in row["refused"]
    write_proposals(tmp_path / "p.parquet", [row])
    assert read_proposals(tmp_path / "p.parquet", task) == {}


def test_replies_are_matched_to_the_photos_of_a_shard(tmp_path: Path) -> None:
    lines = [{"source_id": name, "task": "object_removal", "reply": json.dumps(REMOVAL)} for name in "abcb"]
    (tmp_path / "replies.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    rows = match_replies(["b", "d"], read_recorded_replies(tmp_path / "replies.jsonl"))
    assert [row["source_id"] for row in rows] == ["b", "b"]


@pytest.mark.parametrize(
    "line", ["words", '{"source_id": "a", "task": "magic", "reply": ""}', '{"source_id": "a"}', "[]"]
)
def test_invalid_line_of_recorded_replies_is_named(line: str, tmp_path: Path) -> None:
    good = json.dumps({"source_id": "a", "task": "object_removal", "reply": "{}"})
    (tmp_path / "replies.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(UserError, match=r"replies.jsonl: line 2 is not a JSON object with source_id, task"):
        read_recorded_replies(tmp_path / "replies.jsonl")


def test_unicode_line_separators_are_kept_and_other_encodings_rejected(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    line = {"source_id": "a", "task": "object_removal", "reply": "one\u2028two\x85three"}
    path.write_text(f"{json.dumps(line, ensure_ascii=False)}\n", encoding="utf-8-sig")
    assert read_recorded_replies(path) == [("a", Task.OBJECT_REMOVAL, "one\u2028two\x85three")]
    path.write_text("")
    assert read_recorded_replies(path) == []
    path.write_text(json.dumps(line), encoding="utf-16")
    with pytest.raises(
        UserError, match=r"replies.jsonl: recorded replies cannot be read \(not UTF-8: .*save it as UTF-8"
    ):
        read_recorded_replies(path)
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match="line 1 is not a JSON object"):
        read_recorded_replies(path)


def test_names_and_instructions_become_printable_single_lines() -> None:
    reply = json.dumps({**REMOVAL, "instructions": ["Remove the\ndog\0cat."], "object": "dog\t\u202ecat"})
    proposal = proposal_in(Task.OBJECT_REMOVAL, json_object(reply))
    assert proposal.instructions == ["Remove the dog cat."] and proposal.truth["object"] == "dog cat"
