"""Read the replies of a vision-language model: return the usable parts, and the flaws of the rest, for the retry
prompt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from omniedit.instructions.edit_proposals.classes import PHRASINGS, Phrase, quote
from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject, meaning_error
from omniedit.instructions.edit_proposals.plausibility import implausible_reason
from omniedit.instructions.edit_proposals.prompt_builder import MAX_OBJECTS, DraftEdit, EditOptions
from omniedit.instructions.edit_proposals.table import first_problem, json_object, proposal_in
from omniedit.instructions.stemming import content, head, stems, strip_article
from omniedit.tasks import Task

Part = TypeVar("Part")
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True)
class ReplyIssue:
    """Reason why part of a reply is unusable, with the task of that part, if any."""

    reason: str
    task: Task | None = None

    def __str__(self) -> str:
        return f"{self.task}: {self.reason}" if self.task else self.reason


@dataclass(frozen=True)
class ParsedReply(Generic[Part]):
    """Usable parts of a reply and the flaws of the rest.

    Args:
        parts: usable parts.
        model: version of the model that replied.
    """

    parts: tuple[Part, ...] = ()
    flaws: tuple[ReplyIssue, ...] = ()
    model: str = ""


@dataclass(frozen=True)
class Paraphrase:
    """Paraphrase of an edit's instruction.

    Args:
        edit: index of the edit in the prompt.
        doubt: reason why a model must decide to which object it refers; '' if it clearly names its object.
        named_by: the model's answer, for the record.
    """

    edit: int
    phrasing: str
    text: str
    doubt: str = ""
    named_by: str = ""


class _ListedObject(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Phrase
    expression: Phrase


def reject_unusable(read: Callable[Arguments, ParsedReply[Part]]) -> Callable[Arguments, ParsedReply[Part]]:
    """Turn a reader's ValueError, which makes a whole reply unusable, into a flaw of the reply."""

    @wraps(read)
    def read_or_reject(*args: Arguments.args, **named: Arguments.kwargs) -> ParsedReply[Part]:
        try:
            return read(*args, **named)
        except ValueError as error:
            reason = first_problem(error) if isinstance(error, ValidationError) else str(error)
            return ParsedReply(flaws=(ReplyIssue(reason),))

    return read_or_reject


@reject_unusable
def read_objects(reply: str) -> ParsedReply[PhotoObject]:
    """Return the objects of a photo, each distinguished from others of its kind."""
    listed = list_under(json_object(reply), "objects")
    objects, flaws = _each(_to_object, listed[:MAX_OBJECTS])
    distinct, ambiguous = _each(partial(_disambiguate, objects), objects)
    return ParsedReply(tuple(distinct), tuple(map(ReplyIssue, flaws + ambiguous)))


def read_edits(
    reply: str, objects: Sequence[PhotoObject], offers: EditOptions, tasks: Sequence[Task], per_task: int
) -> ParsedReply[DraftEdit]:
    """Return the edits that suit a photo, at most `per_task` of each task."""
    parts: list[DraftEdit] = []
    flaws: list[ReplyIssue] = []
    for task in tasks:
        try:
            proposed = list_under(json_object(reply), task)
            edits, reasons = _each(partial(_edit, task, objects, offers), proposed[:per_task])
        except ValueError as error:
            edits, reasons = [], [str(error)]
        parts += edits
        flaws += [ReplyIssue(reason, task) for reason in reasons]
    return ParsedReply(tuple(parts), tuple(flaws))


def read_paraphrases(reply: str, edits: Sequence[DraftEdit], may_doubt: bool = False) -> ParsedReply[Paraphrase]:
    """Return paraphrases that mean the same as the edits' plain instructions.

    Args:
        may_doubt: whether to return paraphrases whose only fault is that they do not name their object, marked with a
            doubt, so that a model can decide which object they refer to.
    """
    try:
        answer = json_object(reply)
    except ValueError as error:
        return ParsedReply(flaws=tuple(ReplyIssue(str(error), edit.task) for edit in edits))
    parts: list[Paraphrase] = []
    flaws: list[ReplyIssue] = []
    for index, edit in enumerate(edits):
        texts = answer.get(str(index + 1))
        known = {_to_plain_text(edit.proposal.instructions[0])}
        for phrasing in PHRASINGS[1:]:
            try:
                instruction, doubt = _instruction(edit, texts, phrasing, known, may_doubt)
            except ValueError as error:
                flaws.append(ReplyIssue(f"{phrasing} paraphrase: {error}", edit.task))
                continue
            known.add(_to_plain_text(instruction))
            parts.append(Paraphrase(index, phrasing, instruction, doubt))
    return ParsedReply(tuple(parts), tuple(flaws))


def _each(make: Callable[[Any], Part], items: Sequence[Any]) -> tuple[list[Part], list[str]]:
    """Return the results of `make` for the items, and the reasons where it raises ValueError."""
    parts: list[Part] = []
    reasons: list[str] = []
    for item in items:
        try:
            parts.append(make(item))
        except ValueError as error:
            reasons.append(str(error))
    return parts, reasons


def list_under(answer: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list under a key.

    Raises:
        ValueError: the key is missing or holds no list.
    """
    entries = answer.get(key)
    if not isinstance(entries, list):
        raise ValueError(f'no list under "{key}"')
    return entries


def _to_object(answer: Any) -> PhotoObject:
    try:
        listed = _ListedObject.model_validate(answer)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    name, expression = strip_article(listed.name).lower(), strip_article(listed.expression)
    if head(name) not in stems(expression):
        raise ValueError(f"expression '{expression}' does not contain its name '{name}'")
    return PhotoObject(name, expression)


def _disambiguate(objects: Sequence[PhotoObject], obj: PhotoObject) -> PhotoObject:
    """Return the object with the names of the other objects, and with the stems that distinguish it from others of its
    kind.
    """
    names = tuple(other.name for other in objects if other is not obj)
    others = [other for other in objects if other is not obj and head(other.name) == head(obj.name)]
    other_words = {stem for other in others for stem in content(other.expression)}
    own = tuple(stem for stem in content(obj.expression) if stem not in other_words)
    if others and not own:
        raise ValueError(f"expression '{obj.expression}' does not distinguish it from the others of its kind")
    return replace(obj, distinctive=own if others else obj.distinctive, others=names)


def _edit(task: Task, objects: Sequence[PhotoObject], offers: EditOptions, answer: Any) -> DraftEdit:
    if not isinstance(answer, dict) or "instruction" not in answer:
        raise ValueError("not a JSON object with an instruction")
    fields = {name: value for name, value in answer.items() if name != "instruction"}
    obj = _match_object(fields.get("object"), objects)
    if obj:
        fields["object"] = obj.expression
    if anchor := _match_object(fields.get("anchor"), objects):
        fields["anchor"] = anchor.expression
    proposal = proposal_in(task, fields | {"instructions": [answer["instruction"]]})
    reason = implausible_reason(proposal, obj, offers) or meaning_error(answer["instruction"], task, proposal, obj)
    if reason:
        raise ValueError(reason)
    return DraftEdit(task, proposal, obj)


def _match_object(phrase: Any, objects: Sequence[PhotoObject]) -> PhotoObject | None:
    """Return the object whose expression or name equals a phrase; None for an empty phrase."""
    if not phrase:
        return None
    phrase_lower = strip_article(str(phrase)).lower()
    matches = [obj for obj in objects if phrase_lower in (obj.expression.lower(), obj.name)]
    if len(matches) != 1:
        raise ValueError(f"object {quote(phrase)} is not one of the listed expressions")
    return matches[0]


def _instruction(
    edit: DraftEdit, answer: Any, phrasing: str, known: set[str], may_doubt: bool = False
) -> tuple[str, str]:
    """Return the paraphrase of one kind in a reply, and the doubt whether it names its object; '' if there is no doubt.

    Args:
        known: instructions of the edit so far, as stems.

    Raises:
        ValueError: the paraphrase is missing, a repetition, or does not ask for the edit.
    """
    instruction = answer.get(phrasing) if isinstance(answer, dict) else None
    try:
        instruction = TypeAdapter(Phrase).validate_python(instruction, strict=True)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    if _to_plain_text(instruction) in known:
        raise ValueError("it repeats another instruction for this edit")
    reason = meaning_error(instruction, edit.task, edit.proposal, edit.thing)
    if reason and may_doubt and not meaning_error(instruction, edit.task, edit.proposal, edit.thing, is_named=True):
        return instruction, reason
    if reason:
        raise ValueError(reason)
    return instruction, ""


@reject_unusable
def read_meanings(reply: str, count: int) -> ParsedReply[str]:
    """Return the object that each of `count` sentences refers to, in order, or 'none'."""
    answer = json_object(reply)
    meanings = [answer.get(str(number)) for number in range(1, count + 1)]
    if missing := [str(number) for number, name in enumerate(meanings, 1) if not isinstance(name, str)]:
        raise ValueError(f"no text under {', '.join(missing)}")
    return ParsedReply(tuple(str(name) for name in meanings))


def _to_plain_text(instruction: str) -> str:
    return " ".join(stems(instruction))
