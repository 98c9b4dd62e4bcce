"""Whether a wording still asks for its edit: what is named stays named, and what is done to it stays done.

By words alone, whatever model wrote them. A sentence that says it in words of its own may be refused; one that lost its
object or turned its operation round is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain

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
_DENIED = 4
"""Words after one that denies them, within its clause: 'do not under any circumstances remove'."""
_ENDS_A_CLAUSE = re.compile(r"[.,;:!?]|\b(?:but|and|so|then|just)\b")
_ALL = "all everything anything everyone everybody every each"
_EXCEPTING = "but except excepting besides save apart aside"
_EXCEPTED = 6
"""Words after one that excepts them, within which the thing is what is excepted."""
_POINTING = "the this that my your our"
_REPLACING = re.compile(
    r"\b(?:replac|swap|exchang|switch|trad|chang|turn|transform|convert)\w*\b(.+?)\b(?:with|for|by|into|to)\b(.+)"
)
_SUBSTITUTING = re.compile(r"\bsubstitut\w*\b(.+?)\bfor\b(.+)|\b(.+?)\b(?:instead of|in place of|rather than)\b(.+)")
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


def meaning_error(wording: str, task: Task, proposal: Proposal, thing: Thing | None) -> str | None:
    """Why a wording does not ask for the edit, None where it does.

    Args:
        thing: what the proposal's object is; None where it has none.
    """
    said = stems(wording)
    reasons = chain(
        _missing_names(set(said), proposal, thing),
        _not_done(set(said), _negated_stems(wording), task),
        _wrong_targets(wording, said, proposal, thing),
    )
    return next(reasons, None)


def _missing_names(said: set[str], proposal: Proposal, thing: Thing | None) -> Iterator[str]:
    """What must be named in a wording and is not."""
    if thing and _must_name_it(proposal, said):
        if head(thing.name) not in said:
            yield f"it does not name the object '{thing.name}'"
        elif thing.telling and not said.intersection(thing.telling) and not isinstance(proposal, AdditionProposal):
            yield f"it does not tell '{thing.expression}' from the others"
    for what, phrase, named in _named_results(proposal, said):
        if not named:
            yield f"it does not name the {what} '{phrase}'"


def _must_name_it(proposal: Proposal, said: set[str]) -> bool:
    """A new background may be asked for without a word of what stays; a new environment is the whole picture's."""
    if isinstance(proposal, BackgroundProposal):
        return said.isdisjoint(("background", "behind"))
    return not isinstance(proposal, EnvironmentProposal)


def _named_results(proposal: Proposal, said: set[str]) -> Iterator[tuple[str, str, bool]]:
    """What an edit ends with: what it is, in the proposal's words, and whether it is named."""
    match proposal:
        case SwapProposal(new_object=phrase):
            yield "new object", phrase, head(phrase) in said
        case AdditionProposal(place=phrase):
            yield "place", phrase, said.issuperset(content(phrase)[-1:])
        case AttributeProposal(value=phrase):
            yield "value", phrase, said.issuperset(content(phrase))
        case BackgroundProposal(background=phrase):
            yield "background", phrase, is_mentioned(phrase, said)
        case EnvironmentProposal(environment=phrase):
            yield "environment", phrase, is_mentioned(phrase, said)
        case StyleProposal(style=phrase):
            yield "style", phrase, is_mentioned(phrase, said)


def is_mentioned(phrase: str, said: set[str]) -> bool:
    """Whether what a phrase describes is named among stems: by its noun, or by half of its words.

    Words that many descriptions share, as 'drawing' or 'light', name nothing.
    """
    own = set(content(phrase)).difference(stems(_SHARED)) or set(content(phrase))
    return head(phrase) in own & said or 2 * len(own & said) >= len(own)


def _not_done(said: set[str], denied: set[str], task: Task) -> Iterator[str]:
    """An operation that is missing, another one, or a denied one."""
    says, never = operations()[task]
    if says and not any(map(said.issuperset, says.values())):
        yield f"it does not ask for {_task_phrase(task)}"
    for entry, needed in never.items():
        if said.issuperset(needed):
            yield f"it asks for something else than {_task_phrase(task)} ('{entry}')"
    if any(needed <= denied for needed in says.values()):
        yield f"it asks not to do {_task_phrase(task)}"


def _negated_stems(wording: str) -> set[str]:
    """Stems soon after a word that denies them: 'do not ever remove'."""
    denying = stems(_DENYING)
    clauses = [stems(clause) for clause in _ENDS_A_CLAUSE.split(wording.lower())]
    after = [said[place + 1 :][:_DENIED] for said in clauses for place, stem in enumerate(said) if stem in denying]
    return set(chain.from_iterable(after))


def _wrong_targets(wording: str, said: Sequence[str], proposal: Proposal, thing: Thing | None) -> Iterator[str]:
    """The right words about the wrong thing: all but the one that is meant, the new one as what is there already."""
    if thing is None:
        return
    if not isinstance(proposal, BackgroundProposal | EnvironmentProposal) and _is_exception(said, head(thing.name)):
        yield f"it excepts the object '{thing.name}'"
    if isinstance(proposal, SwapProposal) and _is_reversed(wording, head(thing.name), head(proposal.new_object)):
        yield f"it takes '{proposal.new_object}' for what is there already"
    if isinstance(proposal, AttributeProposal) and _is_so(said, content(proposal.value), head(thing.name)):
        yield f"it takes the object for '{proposal.value}' already"


def _is_exception(said: Sequence[str], thing: str) -> bool:
    """'everything but the cup'; not 'keep everything but remove the cup'."""
    doing = {
        stem for says, _ in operations().values() for needed in says.values() if len(needed) == 1 for stem in needed
    }
    for place, stem in enumerate(said):
        if stem in stems(_EXCEPTING) and not set(said[:place]).isdisjoint(stems(_ALL)):
            after = list(said[place + 1 :][:_EXCEPTED])
            if thing in after and doing.isdisjoint(after[: after.index(thing)]):
                return True
    return False


def _is_reversed(wording: str, thing: str, new: str) -> bool:
    """'replace the new thing with the thing', 'the thing in place of the new one'."""
    plain = wording.lower()
    swaps = [found.groups() for found in [_REPLACING.search(plain)] if found]
    swaps += [(found[2] or found[4], found[1] or found[3]) for found in [_SUBSTITUTING.search(plain)] if found]
    pairs = [(set(stems(old)), set(stems(other))) for old, other in swaps]
    return any(new in old - other and thing in other - old for old, other in pairs)


def _is_so(said: Sequence[str], value: Sequence[str], thing: str) -> bool:
    """'make the blue cup red', of a cup that is to be blue."""
    already = [*value, thing]
    places = range(1, len(said) - len(already) + 1)
    pointed_at = [at for at in places if said[at - 1] in stems(_POINTING)]
    return bool(value) and any(list(said[at:][: len(already)]) == already for at in pointed_at)


def _task_phrase(task: Task) -> str:
    return task.value.replace("_", " ")


@cache
def operations() -> dict[Task, tuple[Entries, Entries]]:
    """Of each task, what its wordings must say one of, and what they may not say."""
    told = yaml.safe_load((resources.files("omniedit.instructions") / "operations.yaml").read_text(encoding="utf-8"))
    return {Task(task): (_entries(lists["says"]), _entries(lists["never"])) for task, lists in told.items()}


def _entries(told: Sequence[str]) -> Entries:
    return {entry: frozenset(stems(entry)) for entry in told}
