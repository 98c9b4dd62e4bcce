"""What a vision-language model replied: what of it can be used, and what is wrong with the rest, in the words in which
the model is told when it is asked again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from omniedit.instructions.facets import PHRASINGS
from omniedit.instructions.meaning import Thing, meaning_error
from omniedit.instructions.proposals import Phrase, first_problem, json_object, proposal_in, quote
from omniedit.instructions.questions import MAX_THINGS, DraftEdit, Offers
from omniedit.instructions.sense import senseless
from omniedit.instructions.words import bare, content, head, stems
from omniedit.tasks import Task

Part = TypeVar("Part")


@dataclass(frozen=True)
class ReplyIssue:
    """Why something in a reply cannot be used, and for which task it was meant, where it was for one."""

    reason: str
    task: Task | None = None

    def __str__(self) -> str:
        return f"{self.task}: {self.reason}" if self.task else self.reason


@dataclass(frozen=True)
class ParsedReply(Generic[Part]):
    """
    Args:
        parts: what can be used.
        model: the version that replied.
    """

    parts: tuple[Part, ...] = ()
    flaws: tuple[ReplyIssue, ...] = ()
    model: str = ""


@dataclass(frozen=True)
class Wording:
    """One more way to say an edit's instruction.

    Args:
        edit: its place among those that were asked about.
    """

    edit: int
    phrasing: str
    text: str


class _Listed(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Phrase
    expression: Phrase


def read_objects(reply: str) -> ParsedReply[Thing]:
    """The things of a photo, each told from the others of its kind."""
    try:
        listed = _list_in(json_object(reply), "objects")
    except ValueError as error:
        return ParsedReply(flaws=(ReplyIssue(str(error)),))
    things, flaws = _each(_thing, listed[:MAX_THINGS])
    told, alike = _each(partial(_disambiguate, things), things)
    return ParsedReply(tuple(told), tuple(map(ReplyIssue, flaws + alike)))


def read_edits(
    reply: str, things: Sequence[Thing], offers: Offers, tasks: Sequence[Task], per_task: int
) -> ParsedReply[DraftEdit]:
    """The edits that suit a photo, at most `per_task` of each task."""
    parts: list[DraftEdit] = []
    flaws: list[ReplyIssue] = []
    for task in tasks:
        try:
            proposed = _list_in(json_object(reply), task)
            edits, reasons = _each(partial(_edit, task, things, offers), proposed[:per_task])
        except ValueError as error:
            edits, reasons = [], [str(error)]
        parts += edits
        flaws += [ReplyIssue(reason, task) for reason in reasons]
    return ParsedReply(tuple(parts), tuple(flaws))


def read_wordings(reply: str, edits: Sequence[DraftEdit]) -> ParsedReply[Wording]:
    """Rewritings that mean what the edits' plain instructions mean."""
    try:
        told = json_object(reply)
    except ValueError as error:
        return ParsedReply(flaws=tuple(ReplyIssue(str(error), edit.task) for edit in edits))
    parts: list[Wording] = []
    flaws: list[ReplyIssue] = []
    for place, edit in enumerate(edits):
        of_edit = told.get(str(place + 1))
        said = {_plainly(edit.proposal.instructions[0])}
        for phrasing in PHRASINGS[1:]:
            try:
                wording = _wording(edit, of_edit, phrasing, said)
            except ValueError as error:
                flaws.append(ReplyIssue(f"{phrasing} wording: {error}", edit.task))
                continue
            said.add(_plainly(wording))
            parts.append(Wording(place, phrasing, wording))
    return ParsedReply(tuple(parts), tuple(flaws))


def _each(make: Callable[[Any], Part], items: Sequence[Any]) -> tuple[list[Part], list[str]]:
    """What can be made of the items, and why of the others nothing can."""
    made: list[Part] = []
    reasons: list[str] = []
    for item in items:
        try:
            made.append(make(item))
        except ValueError as error:
            reasons.append(str(error))
    return made, reasons


def _list_in(told: Mapping[str, Any], key: str) -> list[Any]:
    """
    Raises:
        ValueError: there is none under this key.
    """
    found = told.get(key)
    if not isinstance(found, list):
        raise ValueError(f'no list under "{key}"')
    return found


def _thing(told: Any) -> Thing:
    try:
        listed = _Listed.model_validate(told)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    name, expression = bare(listed.name).lower(), bare(listed.expression)
    if head(name) not in stems(expression):
        raise ValueError(f"expression '{expression}' does not hold its name '{name}'")
    return Thing(name, expression)


def _disambiguate(things: Sequence[Thing], thing: Thing) -> Thing:
    """With the words that no other one of its kind has; none are needed where it is the only one."""
    others = [other for other in things if other is not thing and head(other.name) == head(thing.name)]
    theirs = {stem for other in others for stem in content(other.expression)}
    own = tuple(stem for stem in content(thing.expression) if stem not in theirs)
    if others and not own:
        raise ValueError(f"expression '{thing.expression}' does not tell it from the others of its kind")
    return replace(thing, telling=own) if others else thing


def _edit(task: Task, things: Sequence[Thing], offers: Offers, told: Any) -> DraftEdit:
    if not isinstance(told, dict) or "instruction" not in told:
        raise ValueError("no JSON object with an instruction")
    fields = {name: value for name, value in told.items() if name != "instruction"}
    thing = _match_thing(fields.get("object"), things)
    if thing:
        fields["object"] = thing.expression
    proposal = proposal_in(task, fields | {"instructions": [told["instruction"]]})
    reason = senseless(proposal, thing, offers) or meaning_error(told["instruction"], task, proposal, thing)
    if reason:
        raise ValueError(reason)
    return DraftEdit(task, proposal, thing)


def _match_thing(phrase: Any, things: Sequence[Thing]) -> Thing | None:
    """The thing that a phrase is the expression of; None of no phrase."""
    if not phrase:
        return None
    wanted = bare(str(phrase)).lower()
    found = [thing for thing in things if wanted in (thing.expression.lower(), thing.name)]
    if len(found) != 1:
        raise ValueError(f"object {quote(phrase)} is none of the expressions listed")
    return found[0]


def _wording(edit: DraftEdit, told: Any, phrasing: str, said: set[str]) -> str:
    """
    Args:
        said: the edit's wordings so far.
    """
    wording = told.get(phrasing) if isinstance(told, dict) else None
    try:
        wording = TypeAdapter(Phrase).validate_python(wording, strict=True)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    if _plainly(wording) in said:
        raise ValueError("it is said in these words already")
    if reason := meaning_error(wording, edit.task, edit.proposal, edit.thing):
        raise ValueError(reason)
    return wording


def _plainly(wording: str) -> str:
    return " ".join(stems(wording))
