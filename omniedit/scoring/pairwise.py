"""Comparison of two edits of one source by a vision-language model, which sees them in both orders."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from omniedit.imaging.images import Image, resize_to_fit
from omniedit.scoring.outcomes import find_refusal
from omniedit.scoring.reply_parser import Unscorable, parse_reasoning
from omniedit.scoring.winner_parser import Winner, parse_winner
from omniedit.vlm.client import ChatModel, MissingReply
from omniedit.vlm.messages import LENGTH, Prompt, PromptImage, Reply
from omniedit.vlm.thinking import has_thinking

_OTHER = {Winner.A: Winner.B, Winner.B: Winner.A}
_BLANK = np.zeros((1, 1, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class PairwiseItem:
    """Source, instruction, and the edits `a` and `b` of two editors.

    Args:
        texts: text that each editor wrote with its image; '' without a text.
    """

    source: Image
    instruction: str
    a: Image
    b: Image
    texts: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class PairwiseAnswer:
    """Answer about two edits that were shown in one order.

    Args:
        winner: the better edit, independent of the order of the images.
        is_swapped: whether `b` was shown first, as A.
        version: version of the model that answered.
    """

    winner: Winner
    is_swapped: bool
    reasoning: str = ""
    version: str = ""

    @property
    def prefers_first(self) -> bool | None:
        """True if the edit that was shown first wins; None without a winner."""
        return None if self.winner not in _OTHER else (self.winner == Winner.B) == self.is_swapped


@dataclass(frozen=True)
class Outcome:
    """Winner of two edits, and the answers that decide it."""

    winner: Winner
    answers: tuple[PairwiseAnswer, ...]


class PairwiseJudge:
    """Judge of two edits.

    Args:
        model: an endpoint's client, or a local model.
        max_side: images are scaled down until their longer side has at most this many pixels; None for no limit.
        both_orders: show two edits in both orders; otherwise only in one order, which a digest of the pixels decides.
    """

    def __init__(self, model: ChatModel, max_side: int | None, both_orders: bool = True) -> None:
        self.model, self.max_side, self.both_orders = model, max_side, both_orders

    def compare(self, items: Sequence[PairwiseItem]) -> list[Outcome | Unscorable]:
        """Return one outcome per item, in order; `Unscorable` if an answer cannot be read.

        Raises:
            UserError: the endpoint does not answer, or the budget is spent.
        """
        orders = ((False, True) if self.both_orders else (draw_order(item),) for item in items)
        showings = [(item, is_swapped) for item, each in zip(items, orders, strict=True) for is_swapped in each]
        replies = self.model.ask([build_prompt(item, swapped, self.max_side) for item, swapped in showings])
        answers = iter([read_answer(reply, swapped) for reply, (_, swapped) in zip(replies, showings, strict=True)])
        return [decide([next(answers) for _ in range(self.requests_per_item)]) for _ in items]

    @property
    def requests_per_item(self) -> int:
        """Number of requests per item."""
        return 2 if self.both_orders else 1


def decide(answers: Sequence[PairwiseAnswer | Unscorable]) -> Outcome | Unscorable:
    """Return the winner on which all answers agree, or else a tie."""
    read = []
    for answer in answers:
        if isinstance(answer, Unscorable):
            return answer
        read.append(answer)
    winners = {answer.winner for answer in read}
    return Outcome(winners.pop() if len(winners) == 1 else Winner.TIE, tuple(read))


def draw_order(item: PairwiseItem) -> bool:
    """Return whether `b` is shown first, by a digest of both edits, so that each run shows the same order."""
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in (item.a, item.b)]
    is_odd = hashlib.sha256("".join(sorted(digests)).encode()).digest()[0] % 2 == 1
    return is_odd == (digests[0] <= digests[1])


def build_prompt(item: PairwiseItem, is_swapped: bool, max_side: int | None) -> Prompt:
    """Build the prompt that shows two edits in one order: the fixed text, the source, the edits as A and B, and the
    instruction.

    Args:
        is_swapped: show `b` as A.
    """
    edits, texts = (item.a, item.b), item.texts
    if is_swapped:
        edits, texts = edits[::-1], texts[::-1]
    parts: list[str | PromptImage] = [rubric_text()]
    for name, image in zip(("source", "edit A", "edit B"), (item.source, *edits), strict=True):
        parts += [f"{name}:", PromptImage(image if max_side is None else resize_to_fit(image, max_side))]
    parts.append(f"instruction: {item.instruction}")
    if any(texts):
        parts += [f"text of editor {name}: {text}" for name, text in zip("AB", texts, strict=True)]
    return Prompt(tuple(parts))


def blank_prompt(instruction: str, texts: tuple[str, str] = ("", "")) -> Prompt:
    """Build a prompt with images of one pixel, for estimates, which do not depend on pixels."""
    return build_prompt(PairwiseItem(_BLANK, instruction, _BLANK, _BLANK, texts), False, 1)


def read_answer(reply: Reply | MissingReply, is_swapped: bool) -> PairwiseAnswer | Unscorable:
    """Return the answer in a model's reply, with A and B mapped back to the edits, or the reason for a rejection."""
    if isinstance(reply, MissingReply):
        return Unscorable(reply.reason)
    if reply.missing:
        return Unscorable(reply.missing)
    winner = parse_winner(reply.text)
    if isinstance(winner, Unscorable) and (refusal := find_refusal(reply.text)):
        return Unscorable(refusal)
    is_cut_off = reply.finish_reason == LENGTH
    if isinstance(winner, Unscorable):
        return Unscorable(f"{winner.reason}; the reply was cut off at the token limit") if is_cut_off else winner
    if is_cut_off and has_thinking(reply.text):
        return Unscorable("the reply was cut off after a thinking tag, so its winner may be a quotation")
    actual = _OTHER.get(winner, winner) if is_swapped else winner
    return PairwiseAnswer(actual, is_swapped, parse_reasoning(reply.text), reply.model)


@cache
def rubric_text() -> str:
    return (resources.files("omniedit.scoring") / "rubrics/pairwise.txt").read_text(encoding="utf-8")


def rubric_digest() -> str:
    """Return 16 hex digits of the SHA-256 of the rubric's text, stored with every comparison."""
    return hashlib.sha256(rubric_text().encode()).hexdigest()[:16]
