"""What a vision-language model proposes for photos, a row a proposal: checked, and refused with its reason.

The file `proposals/{shard}.parquet` stands beside the shard of photos. `proposal` is JSON, of the class below that
serves the row's task; it is null where `refused` says why.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omniedit.errors import UserError
from omniedit.tables import read_rows, write_rows
from omniedit.tasks import Task

Phrase = Annotated[str, Field(min_length=1, max_length=200)]
"""Words that mean something in a photo, without an article: 'red car on the left'."""
Prompt = Annotated[str, Field(min_length=1, max_length=400)]
"""What a picture shows, for a text-to-image model."""


class Proposal(BaseModel):
    """An edit of one photo.

    Args:
        instructions: wordings of the instruction, at least one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    instructions: list[Phrase] = Field(min_length=1)

    @property
    def truth(self) -> dict[str, Any]:
        """What the edit must reach: all but how it is said."""
        return self.model_dump(exclude={"instructions"})


class RemovalProposal(Proposal):
    """
    Args:
        every: whether all that fit the phrase go, else the one that it means.
        background: what is seen once the object is gone.
    """

    object: Phrase
    every: bool = False
    background: Prompt


class AdditionProposal(RemovalProposal):
    """An object of the photo, to be added to the photo without it."""


class SwapProposal(Proposal):
    object: Phrase
    new_object: Prompt


class PromptedProposal(Proposal):
    """An edit of a picture that is generated from words.

    Args:
        source_prompt, target_prompt: of the picture before and after; few words differ.
    """

    source_prompt: Prompt
    target_prompt: Prompt

    @model_validator(mode="after")
    def _prompts_differ(self) -> "PromptedProposal":
        if self.source_prompt.split() == self.target_prompt.split():
            raise ValueError("source_prompt and target_prompt are the same")
        return self


class AttributeProposal(PromptedProposal):
    """
    Args:
        object: as it is found in the picture that the source's prompt gives.
        value: of the attribute in the end.
        emphasis: by which attention to the value's words is multiplied.
    """

    object: Phrase
    attribute: Phrase
    value: Phrase
    emphasis: float = Field(1.0, gt=0, le=10)


class BackgroundProposal(Proposal):
    """
    Args:
        object: what stays.
        background: what is seen behind it in the end.
    """

    object: Phrase
    every: bool = False
    background: Prompt


class EnvironmentProposal(PromptedProposal):
    """
    Args:
        object: what stays as it is in front, '' where nothing does.
    """

    environment: Phrase
    object: str = ""


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
    [("source_id", pa.string()), ("task", pa.string()), ("proposal", pa.string()), ("refused", pa.string())]
)


def checked(source_id: str, task: Task, reply: str) -> dict[str, str | None]:
    """A row of the file from what a model replied: JSON, alone or in a block fenced by three backticks."""
    row: dict[str, str | None] = {"source_id": source_id, "task": task, "proposal": None, "refused": None}
    try:
        row["proposal"] = CLASSES[task].model_validate_json(_unfenced(reply)).model_dump_json()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        row["refused"] = ": ".join([*map(str, problem["loc"]), problem["msg"]])
    return row


def write_proposals(path: str | Path, rows: Iterable[Mapping[str, str | None]]) -> None:
    write_rows(path, rows, SCHEMA)


def read_proposals(path: str | Path, task: Task) -> dict[str, list[Proposal]]:
    """A task's usable proposals of each photo, in the file's order, by source id.

    Raises:
        Damaged: the file is not whole.
        UserError: it is missing, or of another release.
    """
    found: dict[str, list[Proposal]] = {}
    for row in read_rows(path, SCHEMA.names):
        if row["task"] == task and row["proposal"] is not None:
            try:
                proposal = CLASSES[task].model_validate_json(row["proposal"])
            except ValidationError:
                raise UserError(f"{path}: a proposal for {row['source_id']} is of another release; delete it") from None
            found.setdefault(row["source_id"], []).append(proposal)
    return found


def recorded_replies(path: str | Path) -> list[tuple[str, Task, str]]:
    """(source id, task, reply) of each line of a file in which a model's replies were recorded as JSON objects.

    Raises:
        UserError: it is missing, or a line is none of these.
    """
    replies = []
    try:
        lines = Path(path).read_text().splitlines()
    except OSError as error:
        raise UserError(f"{path}: recorded replies cannot be read ({error.strerror})") from None
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            replies.append((str(row["source_id"]), Task(row["task"]), str(row["reply"])))
        except (ValueError, KeyError, TypeError):
            keys = "source_id, task (one of the seven) and reply"
            raise UserError(f"{path}: line {number} is no JSON object with {keys}") from None
    return replies


def proposals_of(source_ids: Sequence[str], replies: Iterable[tuple[str, Task, str]]) -> list[dict[str, str | None]]:
    """Rows for the photos of one shard, from replies for those of any."""
    wanted = set(source_ids)
    return [checked(*reply) for reply in replies if reply[0] in wanted]


def _unfenced(reply: str) -> str:
    inner = reply.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    return inner.strip()
