"""Check that a paraphrase still asks for its edit: it names the same objects and requests the same operation.

The check compares only words and uses no model. It rejects a sentence without the object or with the reverse operation,
and may also reject a valid sentence in unusual words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import chain

from omniedit.instructions.clues import name_indirectly
from omniedit.instructions.edit_proposals.anyedit_classes import CountingProposal
from omniedit.instructions.edit_proposals.classes import (
    AdditionProposal,
    AttributeProposal,
    BackgroundProposal,
    EnvironmentProposal,
    Proposal,
    StyleProposal,
    SwapProposal,
    TypeProposal,
)
from omniedit.instructions.stemming import content, head, stems
from omniedit.storage.yaml_tables import parse_yaml
from omniedit.tasks import Task

_SHARED = """drawing painting picture photo photograph image print art style illustration sketch still frame scene
poster card render day hour light weather time sky view"""
_DENYING = "not never without"
_NEGATED_WORDS = 4
"""Number of words after a negation, within its clause, that are negated: 'do not under any circumstances remove'."""
_ENDS_A_CLAUSE = re.compile(r"[.,;:!?]|\b(?:but|and|so|then|just)\b")
_UNIVERSAL_WORDS = "all everything anything everyone everybody every each"
_EXCEPTING = "but except excepting besides save apart aside"
_EXCEPTED_WORDS = 6
"""Number of words after one such as 'except' within which the object counts as the exception."""
_POINTING = "the this that my your our"
_REPLACING = re.compile(
    r"\b(?:replac|swap|exchang|switch|trad|chang|turn|transform|convert)\w*\b(.+?)\b(?:with|for|by|into|to)\b(.+)"
)
_SUBSTITUTING = re.compile(r"\bsubstitut\w*\b(.+?)\bfor\b(.+)|\b(.+?)\b(?:instead of|in place of|rather than)\b(.+)")
ANY_OF_ITS_KIND = (AdditionProposal, CountingProposal)
"""Proposals whose instruction need not distinguish their object from others of its kind."""
Entries = dict[str, frozenset[str]]
"""Phrases with their stems. A sentence says a phrase if it has all of its stems, in any order."""


@dataclass(frozen=True)
class PhotoObject:
    """Object of a photo.

    Args:
        name: its kind, such as 'dog'.
        expression: phrase that refers only to this object, such as 'smaller dog on the left'.
        distinctive: stems such as small and left; a paraphrase must keep one if there are several objects of the kind.
        others: names of the other objects in the photo.
    """

    name: str
    expression: str
    distinctive: tuple[str, ...] = ()
    others: tuple[str, ...] = field(default=(), compare=False)

    def describe_indirect_name(self, instruction: str) -> str | None:
        """Return how an instruction names the object by its nature or action; None if it names it by its noun or not at
        all.
        """
        if head(self.name) in stems(instruction):
            return None
        return name_indirectly(instruction, self.name, self.others)


def meaning_error(
    instruction: str, task: Task, proposal: Proposal, obj: PhotoObject | None, is_named: bool = False
) -> str | None:
    """Return why a paraphrase does not ask for the edit, or None if it does.

    An object counts as named by its noun, or by a clue of the table that refers only to this object.

    Args:
        obj: object of the proposal, if any.
        is_named: whether something else, such as a model, found that the paraphrase names the object.
    """
    words = stems(instruction)
    is_named = is_named or (obj is not None and obj.describe_indirect_name(instruction) is not None)
    reasons = chain(
        _missing_object(set(words), proposal, None if is_named else obj),
        _missing_results(set(words), proposal),
        _operation_faults(set(words), _negated_stems(instruction), task),
        _wrong_targets(instruction, words, proposal, obj),
    )
    return next(reasons, None)


def operation_error(instruction: str, task: Task) -> str | None:
    """Return why an instruction does not ask for a task's operation, or None if it does, or no phrase is known for the
    task.
    """
    if task not in operations():
        return None
    return next(_operation_faults(set(stems(instruction)), _negated_stems(instruction), task), None)


def _missing_object(words: set[str], proposal: Proposal, obj: PhotoObject | None) -> Iterator[str]:
    """Yield the fault of a paraphrase that does not name its object."""
    if obj and _must_name_it(proposal, words):
        if head(obj.name) not in words:
            yield f"it does not name the object '{obj.name}'"
        elif obj.distinctive and not words.intersection(obj.distinctive) and not isinstance(proposal, ANY_OF_ITS_KIND):
            yield f"it does not distinguish '{obj.expression}' from the others"


def _missing_results(words: set[str], proposal: Proposal) -> Iterator[str]:
    """Yield the results that a paraphrase does not name."""
    for kind, phrase, named in _named_results(proposal, words):
        if not named:
            yield f"it does not name the {kind} '{phrase}'"


def _must_name_it(proposal: Proposal, words: set[str]) -> bool:
    """Return whether the object must be named. It need not be named for a new background, or for a new environment,
    which concerns the whole image.
    """
    if isinstance(proposal, BackgroundProposal):
        return words.isdisjoint(("background", "behind"))
    return not isinstance(proposal, EnvironmentProposal)


def _named_results(proposal: Proposal, words: set[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield the results of an edit: the kind, its phrase in the proposal, and whether the paraphrase names it."""
    match proposal:
        case TypeProposal():
            for kind, phrases in proposal.key_phrases().items():
                yield kind, phrases[0], any(is_mentioned(phrase, words) for phrase in phrases)
        case SwapProposal(new_object=phrase):
            yield "new object", phrase, head(phrase) in words
        case AdditionProposal(place=phrase):
            yield "place", phrase, words.issuperset(content(phrase)[-1:])
        case AttributeProposal(value=phrase):
            yield "value", phrase, words.issuperset(content(phrase))
        case BackgroundProposal(background=phrase):
            yield "background", phrase, is_mentioned(phrase, words)
        case EnvironmentProposal(environment=phrase):
            yield "environment", phrase, is_mentioned(phrase, words)
        case StyleProposal(style=phrase):
            yield "style", phrase, is_mentioned(phrase, words)


def is_mentioned(phrase: str, words: set[str]) -> bool:
    """Return whether stems name what a phrase describes: by its noun, or by half of its words.

    Words that many descriptions share, such as 'drawing' or 'light', name nothing.
    """
    own = set(content(phrase)).difference(stems(_SHARED)) or set(content(phrase))
    return head(phrase) in own & words or 2 * len(own & words) >= len(own)


def _operation_faults(words: set[str], denied: set[str], task: Task) -> Iterator[str]:
    """Yield the faults of the operation: missing, another one, or negated."""
    says, never = operations()[task]
    operation = task.replace("_", " ")
    if says and not any(map(words.issuperset, says.values())):
        yield f"it does not ask for {operation}"
    for entry, needed in never.items():
        if words.issuperset(needed):
            yield f"it asks for something other than {operation} ('{entry}')"
    if any(needed <= denied for needed in says.values()):
        yield f"it negates the edit ({operation})"


def _negated_stems(instruction: str) -> set[str]:
    """Return the stems that soon follow a negation: 'do not ever remove'."""
    denying = stems(_DENYING)
    clauses = [stems(clause) for clause in _ENDS_A_CLAUSE.split(instruction.lower())]
    after = [
        words[index + 1 :][:_NEGATED_WORDS] for words in clauses for index, stem in enumerate(words) if stem in denying
    ]
    return set(chain.from_iterable(after))


def _wrong_targets(
    instruction: str, words: Sequence[str], proposal: Proposal, obj: PhotoObject | None
) -> Iterator[str]:
    """Yield the faults of a wrong target: the object is excepted, or the result is taken as given."""
    if obj is None:
        return
    if not isinstance(proposal, BackgroundProposal | EnvironmentProposal) and _is_exception(words, head(obj.name)):
        yield f"it excludes the object '{obj.name}' from the edit"
    if isinstance(proposal, SwapProposal) and _is_reversed(instruction, head(obj.name), head(proposal.new_object)):
        yield f"it treats '{proposal.new_object}' as already present"
    if isinstance(proposal, AttributeProposal) and _is_presupposed(words, content(proposal.value), head(obj.name)):
        yield f"it treats the object as already '{proposal.value}'"


def _is_exception(words: Sequence[str], name: str) -> bool:
    """Return whether the object is an exception: 'everything but the cup', not 'keep everything but remove the cup'."""
    doing = {
        stem for says, _ in operations().values() for needed in says.values() if len(needed) == 1 for stem in needed
    }
    for index, stem in enumerate(words):
        if stem in stems(_EXCEPTING) and not set(words[:index]).isdisjoint(stems(_UNIVERSAL_WORDS)):
            after = list(words[index + 1 :][:_EXCEPTED_WORDS])
            if name in after and doing.isdisjoint(after[: after.index(name)]):
                return True
    return False


def _is_reversed(instruction: str, name: str, new: str) -> bool:
    """Return whether a swap is reversed: 'replace NEW with OLD', 'OLD in place of NEW'."""
    plain = instruction.lower()
    swaps = [match.groups() for match in [_REPLACING.search(plain)] if match]
    swaps += [(match[2] or match[4], match[1] or match[3]) for match in [_SUBSTITUTING.search(plain)] if match]
    pairs = [(set(stems(old)), set(stems(other))) for old, other in swaps]
    return any(new in old - other and name in other - old for old, other in pairs)


def _is_presupposed(words: Sequence[str], value: Sequence[str], name: str) -> bool:
    """Return whether the value is taken as given: 'make the blue cup red', if the cup should become blue."""
    already = [*value, name]
    starts = range(1, len(words) - len(already) + 1)
    pointed_at = [start for start in starts if words[start - 1] in stems(_POINTING)]
    return bool(value) and any(list(words[start:][: len(already)]) == already for start in pointed_at)


@cache
def operations() -> dict[Task, tuple[Entries, Entries]]:
    """Return two sets of phrases for each task: a paraphrase must contain one of the first set, unless that is empty,
    and none of the second.
    """
    file = resources.files("omniedit.instructions.edit_proposals") / "operations.yaml"
    tasks = parse_yaml(file.read_text(encoding="utf-8"))
    return {Task(task): (_entries(lists["says"]), _entries(lists["never"])) for task, lists in tasks.items()}


def _entries(phrases: Sequence[str]) -> Entries:
    return {entry: frozenset(stems(entry)) for entry in phrases}
