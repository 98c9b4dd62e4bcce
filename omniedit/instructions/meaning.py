"""Whether a wording still asks for its edit: what is named stays named, and what is done to it stays done.

By words alone, whatever model wrote them. A sentence that says it in words of its own may be refused; one that lost its
object or turned its operation round is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain, pairwise

import yaml

from omniedit.instructions.proposals import (
    AdditionProposal,
    AttributeProposal,
    BackgroundProposal,
    EnvironmentProposal,
    Proposal,
    StyleProposal,
    SwapProposal,
)
from omniedit.instructions.words import content, head, stems
from omniedit.tasks import Task

_SHARED = """drawing painting picture photo photograph image print art style illustration sketch still frame scene
poster card render day hour light weather time sky view"""
_DENYING = "not never without"
Entries = dict[str, frozenset[str]]
"""Phrases with their stems; a sentence that has all of these, in any order, says the phrase."""


@dataclass(frozen=True)
class Thing:
    """An object of a photo.

    Args:
        name: its kind: 'dog'.
        expression: what means it alone: 'smaller dog on the left'.
        telling: stems of which one must stay, where several are of its kind: small, left.
    """

    name: str
    expression: str
    telling: tuple[str, ...] = ()


def changed_meaning(wording: str, task: Task, proposal: Proposal, thing: Thing | None) -> str | None:
    """Why a wording does not ask for the edit, None where it does.

    Args:
        thing: what the proposal's object is; None where it has none.
    """
    said = stems(wording)
    return next(chain(_unnamed(set(said), proposal, thing), _not_done(set(said), _denied(said), task)), None)


def _unnamed(said: set[str], proposal: Proposal, thing: Thing | None) -> Iterator[str]:
    """What must be named in a wording and is not."""
    if thing and _must_name_it(proposal, said):
        if head(thing.name) not in said:
            yield f"it does not name the object '{thing.name}'"
        elif thing.telling and not said.intersection(thing.telling) and not isinstance(proposal, AdditionProposal):
            yield f"it does not tell '{thing.expression}' from the others"
    for what, phrase, named in _described(proposal, said):
        if not named:
            yield f"it does not name the {what} '{phrase}'"


def _must_name_it(proposal: Proposal, said: set[str]) -> bool:
    """A new background may be asked for without a word of what stays; a new environment is the whole picture's."""
    if isinstance(proposal, BackgroundProposal):
        return said.isdisjoint(("background", "behind"))
    return not isinstance(proposal, EnvironmentProposal)


def _described(proposal: Proposal, said: set[str]) -> Iterator[tuple[str, str, bool]]:
    """What an edit ends with: what it is, in the proposal's words, and whether it is named."""
    match proposal:
        case SwapProposal(new_object=phrase):
            yield "new object", phrase, head(phrase) in said
        case AdditionProposal(place=phrase):
            yield "place", phrase, said.issuperset(content(phrase)[-1:])
        case AttributeProposal(value=phrase):
            yield "value", phrase, said.issuperset(content(phrase))
        case BackgroundProposal(background=phrase):
            yield "background", phrase, mentioned(phrase, said)
        case EnvironmentProposal(environment=phrase):
            yield "environment", phrase, mentioned(phrase, said)
        case StyleProposal(style=phrase):
            yield "style", phrase, mentioned(phrase, said)


def mentioned(phrase: str, said: set[str]) -> bool:
    """Whether what a phrase describes is named among stems: by its noun, or by half of its words.

    Words that many descriptions share, as 'drawing' or 'light', name nothing.
    """
    own = set(content(phrase)).difference(stems(_SHARED)) or set(content(phrase))
    return head(phrase) in own & said or 2 * len(own & said) >= len(own)


def _not_done(said: set[str], denied: set[str], task: Task) -> Iterator[str]:
    """An operation that is missing, another one, or a denied one."""
    says, never = operations()[task]
    if says and not any(map(said.issuperset, says.values())):
        yield f"it does not ask for {_called(task)}"
    for entry, needed in never.items():
        if said.issuperset(needed):
            yield f"it asks for something else than {_called(task)} ('{entry}')"
    if any(needed <= denied for needed in says.values()):
        yield f"it asks not to do {_called(task)}"


def _denied(said: Sequence[str]) -> set[str]:
    """Stems right after a word that denies them: 'do not remove'."""
    denying = stems(_DENYING)
    return {after for before, after in pairwise(said) if before in denying}


def _called(task: Task) -> str:
    return task.value.replace("_", " ")


@cache
def operations() -> dict[Task, tuple[Entries, Entries]]:
    """Of each task, what its wordings must say one of, and what they may not say."""
    told = yaml.safe_load((resources.files("omniedit.instructions") / "operations.yaml").read_text(encoding="utf-8"))
    return {Task(task): (_entries(lists["says"]), _entries(lists["never"])) for task, lists in told.items()}


def _entries(told: Sequence[str]) -> Entries:
    return {entry: frozenset(stems(entry)) for entry in told}
