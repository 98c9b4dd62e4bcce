"""Composed pairs: several edits of one image in one step, from edits of separate places or from turns of a session."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from omniedit.imaging.images import Image, Mask
from omniedit.instructions.stemming import content, stems
from omniedit.instructions.templates.draw import INSTRUCTIONS
from omniedit.pairs import Captions, EditPair, make_pair_id
from omniedit.storage.seeded_random import make_rng
from omniedit.tasks import Task

COMPOSED = "composed"
"""Task of such pairs, value of `provenance.derived.how`, and name of their group in a run."""
MAX_TURNS = 4
"""Maximum number of edits in one instruction; people ask for more edits in several instructions."""
MAX_DRIFT = 2.0
"""Maximum mean difference, 0-255, between a turn's edited image and the source of the next one. Data sets store both as
JPEG files, which differ a little."""
_TWO_EDITS = ("{first}, and {last}.", "{first}, then {last}.", "{first} and {last}.", "First {start}, then {last}.")
_MORE_EDITS = ("{first}, and {last}.", "{first}, then {last}.", "First {start}, then {last}.")
_IMPERATIVE = re.compile(
    r"(?:add|insert|include|put|place|remove|erase|delete|take|get rid|replace|swap|exchange|change|turn|make|paint"
    r"|recolou?r|colou?r|dye|move|give|cover|let|open|close|remove|draw|show the (?!same scene))\b",
    re.IGNORECASE,
)
"""Beginnings of sentences that can follow 'and' or 'then'."""
_SHARED_WORDS = """add insert include put place remove erase delete take away get rid replace swap exchange change turn
make show paint recolour colour dye photo picture image scene background disappear look like instead out material
surface part left right upper lower middle corner top bottom side"""
"""Words that name no object, which instructions for two edits may share."""
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


def compose_edits(first: EditPair, second: EditPair, seed: int = 0) -> EditPair | None:
    """Return the pair that makes two local edits of one source together, or None if they cannot be combined.

    The masks must not overlap, and each edit must leave the source unchanged outside its mask, so that both results
    can be put together pixel by pixel. Edits that name the same object are not composed: after the first one, the
    other's instruction could refer to another object.

    Args:
        seed: selects the paraphrases, together with the ids of the pairs.
    """
    if first.mask is None or second.mask is None or not _share_source(first, second):
        return None
    if _named_stems(first) & _named_stems(second) or (first.mask & second.mask).any():
        return None
    if not (_stays_in_mask(first) and _stays_in_mask(second)):
        return None
    edited = np.where(second.mask[..., None], second.edited, first.edited)
    return _join([first, second], edited, first.mask | second.mask, seed)


def compose_session(turns: Sequence[EditPair], seed: int = 0) -> EditPair | None:
    """Return the pair from the source of a session's first turn to the edited image of its last, or None.

    None if a turn is missing, its source is not the result of the previous turn, or there are more than `MAX_TURNS`.
    """
    turns = sorted(turns, key=lambda turn: turn.turn or 0)
    if not 2 <= len(turns) <= MAX_TURNS or [turn.turn for turn in turns] != list(range(1, len(turns) + 1)):
        return None
    if any(turn.references for turn in turns) or not all(_follows(*each) for each in pairwise(turns)):
        return None
    masks = [turn.mask for turn in turns if turn.mask is not None]
    mask: Mask | None = np.logical_or.reduce(masks) if len(masks) == len(turns) else None
    return _join(turns, turns[-1].edited, mask, seed)


def join_instructions(paraphrases: Sequence[Sequence[str]], rng: np.random.Generator) -> tuple[str, ...]:
    """Join the instructions of several edits, in order, to one instruction with paraphrases.

    Args:
        paraphrases: paraphrases of each edit's instruction.
    """
    usable = [[text for text in texts if is_imperative(text)] for texts in paraphrases]
    if not all(usable):
        return (" ".join(_end_sentence(texts[0]) for texts in paraphrases),)
    templates = _choose_templates(len(paraphrases), any(" and " in text for texts in usable for text in texts))
    orders = [rng.permutation(len(texts)) for texts in usable]
    joined = []
    for number, index in enumerate(rng.permutation(len(templates))[:INSTRUCTIONS].tolist()):
        chosen = [texts[order[number % len(order)]] for texts, order in zip(usable, orders, strict=True)]
        joined.append(_fill(templates[index], [text.rstrip(" .!") for text in chosen]))
    return tuple(joined)


def _choose_templates(count: int, has_and: bool) -> list[str]:
    """Return the templates for a number of clauses. If a clause contains 'and', they are not joined by another
    'and'.
    """
    return [text for text in (_TWO_EDITS if count == 2 else _MORE_EDITS) if not has_and or " and " not in text]


def is_imperative(instruction: str) -> bool:
    """Return whether an instruction is one sentence that begins with a command."""
    return bool(_IMPERATIVE.match(instruction)) and not _SENTENCE_END.search(instruction.strip().rstrip(".!"))


def _fill(template: str, clauses: Sequence[str]) -> str:
    later = [clause[0].lower() + clause[1:] for clause in clauses]
    return template.format(first=", ".join([clauses[0], *later[1:-1]]), start=", ".join(later[:-1]), last=later[-1])


def _end_sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _share_source(first: EditPair, second: EditPair) -> bool:
    single = all(pair.session is None and not pair.references for pair in (first, second))
    return single and np.array_equal(first.source, second.source)


def _named_stems(pair: EditPair) -> set[str]:
    """Return the stems of the words for the objects of an edit, by its truth or else by its instruction."""
    truth = pair.provenance.get("truth") or {}
    names = [str(truth[name]) for name in ("object", "new_object") if truth.get(name)] or [pair.instruction]
    return set(content(" ".join(names))) - set(stems(_SHARED_WORDS))


def _stays_in_mask(pair: EditPair) -> bool:
    assert pair.mask is not None
    return np.array_equal(pair.source[~pair.mask], pair.edited[~pair.mask])


def _follows(earlier: EditPair, later: EditPair) -> bool:
    """Return whether a turn starts from the result of the previous one."""
    if earlier.session is None or earlier.session != later.session or earlier.edited.shape != later.source.shape:
        return False
    return float(np.abs(earlier.edited.astype(np.int16) - later.source).mean()) <= MAX_DRIFT


def _join(pairs: Sequence[EditPair], edited: Image, mask: Mask | None, seed: int) -> EditPair:
    """Return the pair from the first source to an edited image, with joined instructions and without a truth."""
    ids = [pair.pair_id for pair in pairs]
    first, last = pairs[0], pairs[-1]
    is_session = first.session is not None
    known = {name: value for name, value in first.provenance.items() if name not in ("truth", "known_truth", "attempt")}
    task = Task(COMPOSED)
    return replace(
        first,
        pair_id=make_pair_id(task, "+".join(ids), seed, 0),
        task=task,
        instructions=join_instructions([pair.instructions for pair in pairs], make_rng(seed, COMPOSED, *ids)),
        edited=edited,
        mask=mask,
        captions=Captions(first.captions.source, last.captions.edited if is_session else None),
        provenance=known | {"derived": {"from": ids, "how": COMPOSED}},
        session=None,
        turn=None,
        imported_scores={},
    )
