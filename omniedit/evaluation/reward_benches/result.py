"""Accuracy of a judge on a reward bench: counts, Wilson's interval, rows that were skipped."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from omniedit.plain_text import markdown_cell, markdown_table

Z = 1.959964
"""Normal quantile of a 95 % interval."""


@dataclass(frozen=True)
class Accuracy:
    """Number of comparisons or groups, and the number that the judge gets right."""

    name: str
    total: int
    correct: int

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.correct, self.total) if self.total else None


@dataclass(frozen=True)
class VoteResult:
    """Result of a bench.

    Args:
        unit: what is counted, `comparisons` or `groups`.
        ties: sentence about the bench's treatment of ties.
        parts: accuracy of parts, such as groups of three or one task.
        figures: further figures that the bench defines, by name.
        wrong: number of rows that count as wrong because they cannot be compared, by reason.
        skipped: number of rows that are left out, by reason.
    """

    unit: str
    ties: str
    overall: Accuracy
    parts: Sequence[Accuracy] = ()
    figures: Mapping[str, float | None] = field(default_factory=dict)
    wrong: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)


def wilson(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    share, spread = correct / total, Z * Z / total
    centre = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def count(name: str, outcomes: Iterable[bool]) -> Accuracy:
    outcomes = list(outcomes)
    return Accuracy(name, len(outcomes), sum(outcomes))


def count_by(named: Iterable[tuple[str, bool]]) -> list[Accuracy]:
    """Return a tally for each name, in the order of first appearance."""
    total: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    for name, outcome in named:
        total[name] += 1
        correct[name] += outcome
    return [Accuracy(name, total[name], correct[name]) for name in total]


def mean_accuracy(parts: Sequence[Accuracy]) -> float | None:
    """Return the mean of the parts' accuracies, each with the same weight."""
    known = [part.accuracy for part in parts if part.accuracy is not None]
    return sum(known) / len(known) if known else None


def to_json(bench: str, result: VoteResult, size: int | None) -> dict[str, Any]:
    """Return the result for `--json`. Accuracies are in percent, as the benches print them.

    Args:
        size: number of comparisons or groups of the whole bench, if known.
    """
    return {
        "bench": bench,
        "unit": result.unit,
        "size": size,
        **_figures(result.overall),
        "ties": result.ties,
        "figures": {name: _percent(value) for name, value in result.figures.items()},
        "parts": [{"name": part.name, **_figures(part)} for part in result.parts],
        "wrong": dict(result.wrong),
        "skipped": dict(result.skipped),
    }


def describe(title: str, result: VoteResult, size: int | None) -> list[str]:
    """Format the result as lines of text with a Markdown table. A note is added if it does not cover the whole
    bench.
    """
    head = (result.unit, "number", "right", "accuracy", "95 % interval")
    table = markdown_table(head, map(_cells, (result.overall, *result.parts)))
    figures = [f"{name}: {'-' if value is None else f'{100 * value:.2f}'}" for name, value in result.figures.items()]
    wrong = [f"{number} {result.unit} count as wrong: {reason}" for reason, number in result.wrong.items()]
    skipped = [f"{number} rows are skipped: {reason}" for reason, number in result.skipped.items()]
    part = size is not None and result.overall.total != size
    notes = (
        [f"The whole bench has {size:,} {result.unit}, so this is not the accuracy on the whole bench."] if part else []
    )
    return [title, "", *table, result.ties, *figures, *wrong, *skipped, *notes]


def _figures(tally: Accuracy) -> dict[str, Any]:
    interval = None if tally.interval is None else [_percent(end) for end in tally.interval]
    return {"total": tally.total, "correct": tally.correct, "accuracy": _percent(tally.accuracy), "interval": interval}


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _cells(tally: Accuracy) -> list[str]:
    spread = "-" if tally.interval is None else " to ".join(f"{100 * end:.2f}" for end in tally.interval)
    accuracy = "-" if tally.accuracy is None else f"{100 * tally.accuracy:.2f}"
    return [markdown_cell(tally.name), f"{tally.total:,}", f"{tally.correct:,}", accuracy, spread]
