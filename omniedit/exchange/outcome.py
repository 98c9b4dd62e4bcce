"""Outcome of an import: counts of pairs and of reasons."""

import re
from collections import Counter
from dataclasses import dataclass, field

from omniedit.pairs import Rejection


@dataclass
class ImportOutcome:
    """Result of an import: number of pairs by task, of rejections by reason, and a first example of each reason."""

    tasks: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Rejection] = field(default_factory=dict)

    def add(self, other: "ImportOutcome") -> None:
        self.tasks += other.tasks
        self.reasons += other.reasons
        self.examples = {**other.examples, **self.examples}

    def reject(self, rejection: Rejection) -> None:
        kind = _VALUES.sub("...", rejection.reason)
        self.reasons[kind] += 1
        self.examples.setdefault(kind, rejection)

    def describe(self) -> list[str]:
        """Return lines with the counts, for a person."""
        tasks = ", ".join(f"{count} {task}" for task, count in sorted(self.tasks.items()))
        lines = [f"{self.tasks.total()} pairs" + (f": {tasks}" if tasks else "")]
        lines += [f"{self.reasons.total()} rejected"] if self.reasons else []
        for reason, count in self.reasons.most_common(20):
            example = self.examples[reason]
            lines.append(f"  {count} x {example.reason} (first: {example.source_id})")
        return lines


_VALUES = re.compile(r"'[^']*'|\d+")
"""Parts of a reason that differ between rows: quoted values and numbers."""
