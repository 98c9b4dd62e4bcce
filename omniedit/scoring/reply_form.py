"""Scales of scores, and the form of the reply in which a question asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Scale of a score.

    Args:
        low, high: smallest and largest score, both allowed.
        values: the only scores that are allowed, in ascending order; empty for all numbers between `low` and `high`.
    """

    low: float = 0
    high: float = 10
    values: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Scale in words, as messages name it."""
        if self.values:
            return f"one of {', '.join(f'{value:g}' for value in self.values)}"
        return f"{self.low:g} to {self.high:g}"

    def allows(self, score: float) -> bool:
        return score in self.values if self.values else self.low <= score <= self.high

    def normalise(self, score: float) -> float:
        """Map a score to [0, 10], linearly from `low` to `high`."""
        if (self.low, self.high) == (0, 10):
            return score
        return 10 * (score - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class ReplyForm:
    """Form of a reply with K scores.

    Args:
        scales: the scale of each score.
        keys: name of each score in the reply, if each has its own field or line; else empty.
        field: name of the field or line that lists all scores.
        lines: whether the scores may be in lines such as `Prompt Compliance: 4` instead of JSON.
        reasoning: name of the field or line with the rationale.
        texts: names of further fields with texts.
    """

    scales: tuple[Scale, ...]
    keys: tuple[str, ...] = ()
    field: str = "score"
    lines: bool = False
    reasoning: str = "reasoning"
    texts: tuple[str, ...] = ()

    @property
    def num_scores(self) -> int:
        return len(self.scales)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names in lower case of the field that lists all scores: its own name and the usual variant."""
        return ("score", "scores") if self.field == "score" else (self.field.lower(),)

    @property
    def score_keys(self) -> tuple[str, ...]:
        """Names of the scores in lower case."""
        return tuple(key.lower() for key in self.keys)

    @property
    def placeholders(self) -> frozenset[str]:
        """Words in lower case that stand for scores in the requested format, and that a reply may repeat."""
        numbered = (f"{word}{number}" for word in ("score", "score_") for number in range(1, self.num_scores + 1))
        return frozenset(("...", "\u2026", "x", "int", "float", "number", "score", *numbered, *self.score_keys))


def plain_form(num_scores: int) -> ReplyForm:
    """Return the form `{"score": [...], "reasoning": "..."}` with scores from 0 to 10."""
    return ReplyForm((Scale(),) * num_scores)


def to_scale(bounds: Sequence[float] | None, values: Sequence[float] | None) -> Scale:
    """Return the scale between two bounds, or of a few values.

    Raises:
        ValueError: both or neither are given, or they are not in ascending order.
    """
    if (bounds is None) == (values is None):
        raise ValueError("give either range, such as [1, 5], or values, such as [0, 0.5, 1]")
    numbers = tuple(values if values is not None else bounds or ())
    if len(numbers) < 2 or list(numbers) != sorted(set(numbers)):
        raise ValueError(f"{list(numbers)} is not a scale; give at least two numbers in ascending order")
    if values is None and len(numbers) != 2:
        raise ValueError(f"{list(numbers)} is not a range; give the lowest and the highest score, such as [1, 5]")
    return Scale(numbers[0], numbers[-1], numbers if values is not None else ())
