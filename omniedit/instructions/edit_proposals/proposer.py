"""Propose edits with a vision-language model: list each photo's objects, choose edits, and paraphrase them."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from omniedit.config.schema import ProposalsConfig
from omniedit.imaging.images import resize_to_fit
from omniedit.instructions.edit_proposals.classes import PHRASINGS, SwapProposal
from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject
from omniedit.instructions.edit_proposals.prompt_builder import (
    MAX_OBJECTS,
    DraftEdit,
    edits_prompt,
    meaning_prompt,
    objects_prompt,
    offers_for,
    paraphrase_prompt,
)
from omniedit.instructions.edit_proposals.replies import (
    Paraphrase,
    ParsedReply,
    Part,
    ReplyIssue,
    read_edits,
    read_meanings,
    read_objects,
    read_paraphrases,
)
from omniedit.instructions.edit_proposals.reply_retries import ModelQuestion, ask
from omniedit.instructions.edit_proposals.table import CLASSES, ProposalRow, rejection_row
from omniedit.instructions.stemming import strip_article
from omniedit.sources.photo import Photo
from omniedit.tasks import Task
from omniedit.vlm import ChatModel, Prompt, PromptImage

WITHOUT_OBJECTS = tuple(
    task
    for task, kind in CLASSES.items()
    if "object" not in kind.model_fields or not kind.model_fields["object"].is_required()
)
"""Tasks that also suit photos without distinct objects."""
TASKS_PER_PROMPT = 8
"""Maximum number of tasks in a prompt for edits; a run with more tasks sends several such prompts per photo."""


@dataclass(frozen=True)
class ProposalDraft:
    """Usable proposal with all paraphrases of its instruction.

    Args:
        instructions: instruction of each kind of paraphrase; always includes the plain one.
        model: version of the model that proposed the edit.
        named_by: by kind of paraphrase, the model's answer about the object to which it refers, if the model was asked.
    """

    source_id: str
    edit: DraftEdit
    instructions: Mapping[str, str]
    model: str
    named_by: Mapping[str, str] = field(default_factory=dict)


class Proposer:
    """Proposer of edits. It sends three prompts per photo: two with the image and one with text only. For more than
    `TASKS_PER_PROMPT` tasks, it sends several prompts of the second kind.

    Args:
        tasks: tasks to propose edits for.
    """

    def __init__(self, model: ChatModel, config: ProposalsConfig, tasks: Sequence[Task]) -> None:
        self.model, self.config, self.tasks = model, config, tuple(tasks)

    def propose(self, photos: Sequence[Photo]) -> list[tuple[list[ProposalDraft], list[ProposalRow]]]:
        """Return for each photo, in order, the usable drafts and the rows of rejected proposals."""
        images = [PromptImage(resize_to_fit(photo.image, self.config.max_side)) for photo in photos]
        listed = self._ask([ModelQuestion(objects_prompt(image), read_objects) for image in images])
        replies = [
            self._ask([self._edits(*each, tasks) for each in zip(photos, images, listed, strict=True)])
            for tasks in self._task_groups()
        ]
        proposed = [_join_replies(photo_replies) for photo_replies in zip(*replies, strict=True)]
        paraphrased = self._ask([self._instructions(each) for each in proposed])
        paraphrased = self._settle_doubts(proposed, paraphrased)
        return [
            (_drafts(photo.source_id, edits, instructions), _flaws(photo.source_id, objects, edits, instructions))
            for photo, objects, edits, instructions in zip(photos, listed, proposed, paraphrased, strict=True)
        ]

    def has_enough_drafts(self, drafts: Sequence[ProposalDraft], quotas: Mapping[Task, int]) -> bool:
        """Return whether each task has as many drafts as can be used, plus spare ones for later rejections."""
        counts = Counter(draft.edit.task for draft in drafts)
        return all(counts[task] >= self.config.spare * quotas[task] for task in self.tasks)

    def prompts_per_photo(self) -> list[Prompt]:
        """Return the prompts of a typical photo, with a blank image, to estimate the cost."""
        blank, obj = (
            PromptImage(np.zeros((1, 1, 3), np.uint8)),
            PhotoObject("coffee cup", "white coffee cup on the left"),
        )
        usual = SwapProposal(instructions=["Replace the cup with a glass."], object="cup", new_object="a glass of tea")
        edits = [DraftEdit(Task.OBJECT_SWAP, usual, obj)] * len(self.tasks) * self.config.per_photo
        about = [
            edits_prompt(blank, [obj] * MAX_OBJECTS, offers_for(""), tasks, self.config.per_photo)
            for tasks in self._task_groups()
        ]
        return [objects_prompt(blank), *about, paraphrase_prompt(edits)]

    def _task_groups(self) -> list[tuple[Task, ...]]:
        """Return the tasks of each prompt for edits."""
        return [self.tasks[first : first + TASKS_PER_PROMPT] for first in range(0, len(self.tasks), TASKS_PER_PROMPT)]

    def _ask(self, questions: Sequence[ModelQuestion[Part] | None]) -> list[ParsedReply[Part]]:
        """Return the best reply to each question; an empty reply for a question that is None."""
        replies = iter(ask(self.model, [question for question in questions if question], self.config.tries))
        return [next(replies) if question else ParsedReply() for question in questions]

    def _edits(
        self, photo: Photo, image: PromptImage, listed: ParsedReply[PhotoObject], requested: Sequence[Task]
    ) -> ModelQuestion[DraftEdit] | None:
        objects, offers = listed.parts, offers_for(photo.source_id)
        tasks = [task for task in requested if objects or task in WITHOUT_OBJECTS]
        read = partial(read_edits, objects=objects, offers=offers, tasks=tasks, per_task=self.config.per_photo)
        prompt = edits_prompt(image, objects, offers, tasks, self.config.per_photo)
        return ModelQuestion(prompt, read) if tasks else None

    def _instructions(self, proposed: ParsedReply[DraftEdit]) -> ModelQuestion[Paraphrase] | None:
        read = partial(read_paraphrases, edits=proposed.parts, may_doubt=self.config.ask_what_is_meant)
        return ModelQuestion(paraphrase_prompt(proposed.parts), read) if proposed.parts else None

    def _settle_doubts(
        self, proposed: Sequence[ParsedReply[DraftEdit]], replies: Sequence[ParsedReply[Paraphrase]]
    ) -> list[ParsedReply[Paraphrase]]:
        """Ask to which objects doubtful paraphrases refer. A paraphrase that refers to another object becomes a
        flaw.
        """
        doubtful = [[part for part in parsed.parts if part.doubt] for parsed in replies]
        questions = [
            self._meaning_question(edits, each) if each else None
            for edits, each in zip(proposed, doubtful, strict=True)
        ]
        if not any(questions):
            return list(replies)
        meanings = self._ask(questions)
        return [_apply_meanings(*each) for each in zip(proposed, replies, doubtful, meanings, strict=True)]

    def _meaning_question(self, proposed: ParsedReply[DraftEdit], doubtful: Sequence[Paraphrase]) -> ModelQuestion[str]:
        names = {name for edit in proposed.parts if edit.thing for name in (edit.thing.name, *edit.thing.others)}
        prompt = meaning_prompt([each.text for each in doubtful], sorted(names))
        return ModelQuestion(prompt, partial(read_meanings, count=len(doubtful)))


def _apply_meanings(
    proposed: ParsedReply[DraftEdit],
    reply: ParsedReply[Paraphrase],
    doubtful: Sequence[Paraphrase],
    meanings: ParsedReply[str],
) -> ParsedReply[Paraphrase]:
    """Return the paraphrases of a photo that mean their object according to the model."""
    answers = dict(zip(doubtful, meanings.parts, strict=False))
    parts, flaws = [], list(reply.flaws)
    for paraphrase in reply.parts:
        edit = proposed.parts[paraphrase.edit]
        if not paraphrase.doubt:
            parts.append(paraphrase)
        elif edit.thing and strip_article(answers.get(paraphrase, "")).lower() == edit.thing.name:
            named_by = f"named as the {edit.thing.name} by {meanings.model}"
            parts.append(replace(paraphrase, doubt="", named_by=named_by))
        else:
            flaws.append(ReplyIssue(f"{paraphrase.phrasing} paraphrase: {paraphrase.doubt}", edit.task))
    return replace(reply, parts=tuple(parts), flaws=tuple(flaws))


def shuffle_indices(names: Sequence[str]) -> list[int]:
    """Return the indices of photos in the order of processing, which is shuffled by a hash and therefore the same in
    every run.
    """
    return sorted(range(len(names)), key=lambda index: hashlib.sha256(names[index].encode()).digest())


def _join_replies(replies: Sequence[ParsedReply[DraftEdit]]) -> ParsedReply[DraftEdit]:
    """Return the parts and flaws of several replies about one photo."""
    return ParsedReply(
        tuple(part for reply in replies for part in reply.parts),
        tuple(flaw for reply in replies for flaw in reply.flaws),
        next((reply.model for reply in replies if reply.model), ""),
    )


def _drafts(
    source_id: str, edits: ParsedReply[DraftEdit], instructions: ParsedReply[Paraphrase]
) -> list[ProposalDraft]:
    return [
        ProposalDraft(
            source_id, edit, _phrasings(index, edit, instructions), edits.model, _named_by(index, instructions)
        )
        for index, edit in enumerate(edits.parts)
    ]


def _flaws(
    source_id: str,
    objects: ParsedReply[PhotoObject],
    edits: ParsedReply[DraftEdit],
    instructions: ParsedReply[Paraphrase],
) -> list[ProposalRow]:
    stages: dict[str, ParsedReply[Any]] = {"things": objects, "edits": edits, "wordings": instructions}
    return [
        rejection_row(source_id, flaw.task, stage, flaw.reason)
        for stage, parsed in stages.items()
        for flaw in parsed.flaws
    ]


def _named_by(index: int, instructions: ParsedReply[Paraphrase]) -> dict[str, str]:
    return {part.phrasing: part.named_by for part in instructions.parts if part.edit == index and part.named_by}


def _phrasings(index: int, edit: DraftEdit, instructions: ParsedReply[Paraphrase]) -> dict[str, str]:
    """Return the instructions of one edit of a photo, by kind, in the order of `PHRASINGS`."""
    texts = {instruction.phrasing: instruction.text for instruction in instructions.parts if instruction.edit == index}
    texts["plain"] = edit.proposal.instructions[0]
    return {phrasing: texts[phrasing] for phrasing in PHRASINGS if phrasing in texts}
