"""Proposals of a vision-language model for photos, one per row: checked, or rejected with a reason.

The file `proposals/{shard}.parquet` is stored next to the shard of photos. `proposal` is JSON of the class below that
serves the row's task; it is null in rows of `rejected_row`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from omniedit.errors import UserError
from omniedit.plain_text import clean_line
from omniedit.storage.parquet import read_rows, write_rows
from omniedit.tasks import Task
from omniedit.vlm.thinking import Unclear, find_answers

QUOTED = 80
"""Maximum number of characters quoted from a reply."""


def _has_words(text: str) -> str:
    if text and not any(character.isalnum() for character in text):
        raise ValueError(f"{quote(text)} has no letter or digit")
    return text


def quote(value: Any) -> str:
    """Quote any part of a reply in a reason: cut, on one line and in ASCII, whatever the model wrote."""
    text = str(value)
    return ascii(text if len(text) <= QUOTED else f"{text[:QUOTED]}...")


def _clean(value: Any) -> Any:
    """Return a text on one line; an unpaired surrogate is left for pydantic to reject."""
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        return value
    return clean_line(value) or value


Phrase = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_has_words), BeforeValidator(_clean)]
"""Phrase for something in a photo, without an article: 'red car on the left'."""
PhraseOrNothing = Annotated[str, Field(max_length=200), AfterValidator(_has_words), BeforeValidator(_clean)]
PromptText = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_has_words), BeforeValidator(_clean)]
"""Description of an image for a text-to-image model."""


class Proposal(BaseModel):
    """Edit of one photo.

    Args:
        instructions: paraphrases of the instruction, at least one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    instructions: list[Phrase] = Field(min_length=1)

    @property
    def truth(self) -> dict[str, Any]:
        """Return all fields of the edit but its instructions."""
        return self.model_dump(exclude={"instructions"})


class RemovalProposal(Proposal):
    """Removal of an object.

    Args:
        every: whether to remove all objects that match the phrase, or only the one meant by it.
        background: what is visible once the object is gone.
    """

    object: Phrase
    every: bool = False
    background: PromptText


class AdditionProposal(RemovalProposal):
    """Addition of an object of the photo to the photo without it.

    Args:
        place: where the object goes, in words; '' if not given.
    """

    place: PhraseOrNothing = ""


class SwapProposal(Proposal):
    object: Phrase
    new_object: PromptText


class PromptedProposal(Proposal):
    """Edit of an image that a text-to-image model generates.

    Args:
        source_prompt, target_prompt: descriptions of the image before and after the edit; few words differ.
    """

    source_prompt: PromptText
    target_prompt: PromptText

    @model_validator(mode="after")
    def _prompts_differ(self) -> "PromptedProposal":
        if self.source_prompt.split() == self.target_prompt.split():
            raise ValueError("source_prompt and target_prompt are the same")
        return self


class AttributeProposal(PromptedProposal):
    """Change of an object's attribute.

    Args:
        object: phrase that finds the object in the image of `source_prompt`.
        value: value of the attribute after the edit.
        emphasis: factor on the attention to the value's words.
    """

    object: Phrase
    attribute: Phrase
    value: Phrase
    emphasis: float = Field(1.0, gt=0, le=10)


class BackgroundProposal(Proposal):
    """Swap of the background.

    Args:
        object: object that stays.
        background: what is visible behind the object after the edit.
    """

    object: Phrase
    every: bool = False
    background: PromptText


class EnvironmentProposal(PromptedProposal):
    """Change of the environment.

    Args:
        object: foreground object that stays unchanged; '' if nothing does.
    """

    environment: Phrase
    object: PhraseOrNothing = ""


class StyleProposal(Proposal):
    style: Phrase


CLASSES: dict[Task, type[Proposal]] = {
    Task.OBJECT_SWAP: SwapProposal,
    Task.OBJECT_REMOVAL: RemovalProposal,
    Task.OBJECT_ADDITION: AdditionProposal,
    Task.ATTRIBUTE_MODIFICATION: AttributeProposal,
    Task.BACKGROUND_SWAP: BackgroundProposal,
    Task.ENVIRONMENT_CHANGE: EnvironmentProposal,
    Task.STYLE_TRANSFER: StyleProposal,
}

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
replied, and `prompt_hash` the digest of its prompts. `named_by` says of each instruction that names its object by what
it is or does who found so, the table of knowledge or a model; it is null if all name their object outright."""

ProposalRow = dict[str, Any]
"""Row of `SCHEMA`; missing columns are null."""


def usable(source_id: str, task: Task, proposal: Proposal, **more: Any) -> ProposalRow:
    return {"source_id": source_id, "task": task, "proposal": proposal.model_dump_json(), "refused": None, **more}


def rejected_row(source_id: str, task: Task | None, stage: str, reason: str) -> ProposalRow:
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
    keys = map(str, problem["loc"])  # the model may have made up a key
    place = [key if re.fullmatch(r"\w{1,40}", key, re.ASCII) else quote(key) for key in keys]
    return ": ".join([*place, problem["msg"].removeprefix("Value error, ")])


def json_object(reply: str) -> dict[str, Any]:
    """Return the JSON object of a reply, after thinking, in code fences or within prose.

    Raises:
        ValueError: the reply holds no JSON object.
    """
    try:
        answer = find_answers(reply)[-1]
    except Unclear as problem:
        raise ValueError(f"no JSON object: {problem}") from None
    first, last = answer.find("{"), answer.rfind("}")
    try:
        return dict(json.loads(answer[first : last + 1]) if first >= 0 else json.loads(answer))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"no JSON object: {' '.join(str(error).split())[:100]}") from None


def write_proposals(path: str | Path, rows: Iterable[ProposalRow]) -> None:
    write_rows(path, rows, SCHEMA)


def read_proposals(path: str | Path, task: Task) -> dict[str, list[Proposal]]:
    """Return a task's usable proposals by source id, in the file's order.

    Raises:
        Damaged: the file is incomplete.
        UserError: the file is missing or from another release.
    """
    found: dict[str, list[Proposal]] = {}
    for row in read_rows(path, ("source_id", "task", "proposal")):
        if row["task"] == task and row["proposal"] is not None:
            try:
                proposal = CLASSES[task].model_validate_json(row["proposal"])
            except ValidationError:
                problem = f"the proposal for {row['source_id']} was written by another release; delete the file"
                raise UserError(f"{path}: {problem}") from None
            found.setdefault(row["source_id"], []).append(proposal)
    return found


def proposers(path: str | Path, task: Task) -> dict[str, str]:
    """Return the models that proposed a task's edits as `proposer`, and the digests of their prompts as `prompt_hash`;
    neither for recorded replies.

    Raises:
        Damaged: the file is incomplete.
        UserError: the file is missing or from another release.
    """
    columns = {"proposer": "model", "prompt_hash": "prompt_hash"}
    rows = [row for row in read_rows(path, ("task", "proposal", *columns.values())) if row["task"] == task]
    found = {name: sorted({row[key] for row in rows if row["proposal"] and row[key]}) for name, key in columns.items()}
    return {name: ", ".join(values) for name, values in found.items() if values}
