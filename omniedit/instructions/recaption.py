"""New instructions for good edits that do not follow their own: a vision-language model describes the change."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from omniedit.config.schema import ProposalsConfig
from omniedit.imaging.images import resize_to_fit
from omniedit.instructions.edit_proposals.classes import Phrase, quote
from omniedit.instructions.edit_proposals.paraphrase_check import operation_error
from omniedit.instructions.edit_proposals.prompt_builder import text
from omniedit.instructions.edit_proposals.replies import ParsedReply, ReplyIssue, reject_unusable
from omniedit.instructions.edit_proposals.reply_retries import ModelQuestion, ask
from omniedit.instructions.edit_proposals.table import json_object
from omniedit.instructions.stemming import stems
from omniedit.pairs import EditPair, Rejection
from omniedit.tasks import OMNIEDIT_TASKS, Task
from omniedit.vlm import ChatModel, Prompt, PromptImage

RECAPTIONED = "recaptioned"
"""Key of the provenance, value of `derived.how`, and name of the group of such pairs in a run."""
MAX_SUCCESS = 5.0
"""Maximum success score (SC 1) of a pair that needs another instruction."""
MIN_QUALITY = 7.0
"""Minimum restraint score (SC 2) and quality score (PQ) of a pair that gets another instruction."""
_MAX_TOKENS = 400
_MAX_WORDINGS = 3
NOTHING_CHANGED = "the model sees no change between source and edited image"


@dataclass(frozen=True)
class DescribedChange:
    """Description of a change that an edit made: its task, and instructions that ask for it; no instructions if
    nothing changed.
    """

    task: Task
    instructions: tuple[str, ...] = ()


class _ChangeReply(BaseModel):
    model_config = ConfigDict(strict=True)

    changed: bool
    task: str = ""
    instruction: Phrase | None = None
    wordings: list[Phrase] = Field(default_factory=list)


def needs_recaption(scores: Mapping[str, Any]) -> bool:
    """Return whether, by a row of `SCORES_SCHEMA`, an edit is good but does not follow its instruction."""
    names = ("sc_score_1", "sc_score_2", "pq_score")
    success, restraint, quality = (scores[name] for name in names)
    if success is None or restraint is None or quality is None:
        return False
    return success <= MAX_SUCCESS and min(restraint, quality) >= MIN_QUALITY


class Recaptioner:
    """Writer of instructions that describe the actual change of an edit."""

    def __init__(self, model: ChatModel, config: ProposalsConfig) -> None:
        self.model, self.config = model, config

    def rewrite(self, pairs: Sequence[EditPair]) -> list[EditPair | Rejection]:
        """Return for each pair, in order, the pair with its new instruction, or the reason for a rejection."""
        replies = ask(self.model, [self._question(pair) for pair in pairs], self.config.tries)
        return [_apply(pair, reply) for pair, reply in zip(pairs, replies, strict=True)]

    def _question(self, pair: EditPair) -> ModelQuestion[DescribedChange]:
        tasks = possible_tasks(pair)
        source, edited = (
            PromptImage(resize_to_fit(image, self.config.max_side)) for image in (pair.source, pair.edited)
        )
        read = partial(read_change, earlier=pair.instruction, tasks=tasks)
        return ModelQuestion(recaption_prompt(source, edited, pair.instruction, tasks), read)


def possible_tasks(pair: EditPair) -> tuple[Task, ...]:
    """Return the tasks that a pair's change may belong to: local ones if a mask confines it, and the pair's own."""
    tasks = [task for task in OMNIEDIT_TASKS if pair.mask is None or task.is_local]
    return tuple(dict.fromkeys([*tasks, pair.task]))


def recaption_prompt(source: PromptImage, edited: PromptImage, earlier: str, tasks: Sequence[Task]) -> Prompt:
    """Build the prompt for the instruction of a change; `read_change` reads the reply."""
    facts = f"earlier instruction: {earlier}\nkinds of edit: {'; '.join(tasks)}"
    return Prompt((text("recaption"), source, edited, facts), _MAX_TOKENS)


@reject_unusable
def read_change(reply: str, earlier: str, tasks: Sequence[Task]) -> ParsedReply[DescribedChange]:
    """Return the change that a reply describes, or the flaws of the reply.

    Args:
        earlier: instruction that must not be repeated.
        tasks: tasks to choose from.
    """
    answer = _ChangeReply.model_validate(json_object(reply))
    if not answer.changed:
        return ParsedReply((DescribedChange(tasks[-1]),))
    if answer.task not in tasks:
        raise ValueError(f"task {quote(answer.task)} is not one of the kinds of edit")
    return _read_instructions(answer, Task(answer.task), earlier)


def prompt_digest() -> str:
    """Return 16 hex digits of the SHA-256 of the prompt texts."""
    return hashlib.sha256((text("recaption") + text("again")).encode()).hexdigest()[:16]


def _read_instructions(answer: _ChangeReply, task: Task, earlier: str) -> ParsedReply[DescribedChange]:
    """Return the change with the instruction and its usable paraphrases; unusable ones are left out.

    Raises:
        ValueError: there is no instruction, or it repeats the earlier one.
    """
    if answer.instruction is None:
        raise ValueError("no instruction")
    if stems(answer.instruction) == stems(earlier):
        raise ValueError("the instruction repeats the earlier one")
    if reason := operation_error(answer.instruction, task):
        return ParsedReply(flaws=(ReplyIssue(f"instruction: {reason}", task),))
    distinct = {tuple(stems(answer.instruction)): answer.instruction}
    for wording in answer.wordings[:_MAX_WORDINGS]:
        if operation_error(wording, task) is None and stems(wording) != stems(earlier):
            distinct.setdefault(tuple(stems(wording)), wording)
    return ParsedReply((DescribedChange(task, tuple(distinct.values())),))


def _apply(pair: EditPair, reply: ParsedReply[DescribedChange]) -> EditPair | Rejection:
    if not reply.parts:
        reasons = "; ".join(map(str, reply.flaws))
        return Rejection(pair.pair_id, f"no usable instruction: {reasons}")
    change = reply.parts[0]
    if not change.instructions:
        return Rejection(pair.pair_id, NOTHING_CHANGED)
    known = {name: value for name, value in pair.provenance.items() if name not in ("truth", "known_truth")}
    return replace(
        pair,
        pair_id=f"{pair.pair_id}-{RECAPTIONED}",
        task=change.task,
        instructions=change.instructions,
        provenance=known
        | {
            "derived": {"from": pair.pair_id, "how": RECAPTIONED},
            RECAPTIONED: {"from": pair.instruction, "by": reply.model, "prompt_hash": prompt_digest()},
        },
        session=None,
        turn=None,
        imported_scores={},
    )
