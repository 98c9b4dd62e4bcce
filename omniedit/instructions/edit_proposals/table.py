"""Proposals of a vision-language model for photos, one per row: checked, or rejected with a reason.

The file `proposals/{shard}.parquet` is stored next to the shard of photos. `proposal` is JSON of the class that serves
the row's task (`CLASSES`); it is null in rows of `rejection_row`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from omniedit.errors import UserError, one_line
from omniedit.instructions.edit_proposals.anyedit_classes import TYPE_CLASSES
from omniedit.instructions.edit_proposals.classes import (
    AdditionProposal,
    AttributeProposal,
    BackgroundProposal,
    EnvironmentProposal,
    Proposal,
    RemovalProposal,
    StyleProposal,
    SwapProposal,
    quote,
)
from omniedit.storage.parquet import read_rows, write_rows
from omniedit.tasks import Task
from omniedit.vlm.thinking import UnclearReply, find_answers

CLASSES: dict[Task, type[Proposal]] = {
    Task.OBJECT_SWAP: SwapProposal,
    Task.OBJECT_REMOVAL: RemovalProposal,
    Task.OBJECT_ADDITION: AdditionProposal,
    Task.ATTRIBUTE_MODIFICATION: AttributeProposal,
    Task.BACKGROUND_SWAP: BackgroundProposal,
    Task.ENVIRONMENT_CHANGE: EnvironmentProposal,
    Task.STYLE_TRANSFER: StyleProposal,
    **TYPE_CLASSES,
}
"""Class of the proposals of each task that has a learned specialist."""

SCHEMA = pa.schema(
    [
        ("source_id", pa.string()),
        ("task", pa.string()),
        ("proposal", pa.string()),
        ("refused", pa.string()),
        ("stage", pa.string()),
        ("name", pa.string()),
        ("phrasings", pa.list_(pa.string())),
        ("model", pa.string()),
        ("prompt_hash", pa.string()),
        ("named_by", pa.list_(pa.string())),
    ]
)
"""Schema of a proposals file. `stage` is the stage in which a proposal was rejected. In recorded replies the remaining
columns are null: `name` is the object's kind, `phrasings` the kinds of the instructions, `model` the model that
replied, and `prompt_hash` the digest of its prompts. For each instruction that names its object indirectly, by its
nature or action, `named_by` says whether the table of knowledge or a model confirmed it; it is null if there is no such
instruction."""

ProposalRow = dict[str, Any]
"""Row of `SCHEMA`; missing columns are null."""


def usable(source_id: str, task: Task, proposal: Proposal, **more: Any) -> ProposalRow:
    return {"source_id": source_id, "task": task, "proposal": proposal.model_dump_json(), "refused": None, **more}


def rejection_row(source_id: str, task: Task | None, stage: str, reason: str) -> ProposalRow:
    return {"source_id": source_id, "task": task, "proposal": None, "stage": stage, "refused": reason}


def proposal_in(task: Task, answer: Mapping[str, Any]) -> Proposal:
    """Validate the JSON object of a reply as a proposal for a task.

    Raises:
        ValueError: the object does not fit the task; the message is one line.
    """
    try:
        return CLASSES[task].model_validate_json(json.dumps(answer))
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None


def first_problem(error: ValidationError) -> str:
    """Describe the first error in a reply: its key and its message."""
    problem = error.errors(include_url=False)[0]
    keys = map(str, problem["loc"])  # the model may have invented the key
    place = [key if re.fullmatch(r"\w{1,40}", key, re.ASCII) else quote(key) for key in keys]
    return ": ".join([*place, problem["msg"].removeprefix("Value error, ")])


def json_object(reply: str) -> dict[str, Any]:
    """Return the JSON object of a reply, after thinking, in code fences or within prose.

    Raises:
        ValueError: the reply holds no JSON object.
    """
    try:
        answer = find_answers(reply)[-1]
    except UnclearReply as problem:
        raise ValueError(f"no JSON object: {problem}") from None
    first, last = answer.find("{"), answer.rfind("}")
    try:
        return dict(json.loads(answer[first : last + 1]) if first >= 0 else json.loads(answer))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"no JSON object: {one_line(error, 100)}") from None


def write_proposals(path: str | Path, rows: Iterable[ProposalRow]) -> None:
    write_rows(path, rows, SCHEMA)


def read_proposals(path: str | Path, task: Task) -> dict[str, list[Proposal]]:
    """Return a task's usable proposals by source id, in the file's order.

    Raises:
        DamagedFile: the file is incomplete.
        UserError: the file is missing or from another release.
    """
    proposals: dict[str, list[Proposal]] = {}
    for row in read_rows(path, ("source_id", "task", "proposal")):
        if row["task"] == task and row["proposal"] is not None:
            try:
                proposal = CLASSES[task].model_validate_json(row["proposal"])
            except ValidationError:
                problem = f"the proposal for {row['source_id']} was written by another release; delete the file"
                raise UserError(f"{path}: {problem}") from None
            proposals.setdefault(row["source_id"], []).append(proposal)
    return proposals


def proposers(path: str | Path, task: Task) -> dict[str, str]:
    """Return the models that proposed a task's edits as `proposer`, and the digests of their prompts as `prompt_hash`;
    neither for recorded replies.

    Raises:
        DamagedFile: the file is incomplete.
        UserError: the file is missing or from another release.
    """
    columns = {"proposer": "model", "prompt_hash": "prompt_hash"}
    rows = [row for row in read_rows(path, ("task", "proposal", *columns.values())) if row["task"] == task]
    names = {name: sorted({row[key] for row in rows if row["proposal"] and row[key]}) for name, key in columns.items()}
    return {name: ", ".join(values) for name, values in names.items() if values}
