"""Recorded replies of a vision-language model, in place of the model: JSON lines with source_id, task and reply."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from omniedit.errors import UserError
from omniedit.instructions.edit_proposals.table import (
    CLASSES,
    ProposalRow,
    json_object,
    proposal_in,
    rejection_row,
    usable,
)
from omniedit.plain_text import split_lines
from omniedit.tasks import Task


def check_reply(source_id: str, task: Task, reply: str) -> ProposalRow:
    """Return the row for a model's reply: JSON, alone or within other text."""
    try:
        return usable(source_id, task, proposal_in(task, json_object(reply)))
    except ValueError as error:
        return rejection_row(source_id, task, "recorded reply", str(error))


def read_recorded_replies(path: str | Path) -> list[tuple[str, Task, str]]:
    """Return (source id, task, reply) of each line of a file of recorded replies, which are JSON objects.

    Raises:
        UserError: the file is missing, or a line is not such an object.
    """
    replies = []
    try:
        lines = split_lines(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else f"not UTF-8: {error}; save it as UTF-8"
        raise UserError(f"{path}: recorded replies cannot be read ({problem})") from None
    for number, line in enumerate(lines if any(lines) else [], 1):
        try:
            row = json.loads(line)
            task = next(task for task in CLASSES if task == row["task"])
            replies.append((str(row["source_id"]), task, str(row["reply"])))
        except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
            keys = "source_id, task (one with a learned specialist) and reply"
            raise UserError(f"{path}: line {number} is not a JSON object with {keys}") from None
    return replies


def match_replies(source_ids: Sequence[str], replies: Iterable[tuple[str, Task, str]]) -> list[ProposalRow]:
    """Return rows for the photos of one shard, given the replies for all photos."""
    ids = set(source_ids)
    return [check_reply(*reply) for reply in replies if reply[0] in ids]
