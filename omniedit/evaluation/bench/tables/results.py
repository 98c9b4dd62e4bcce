"""Results of a bench that all of its tables share: rows of scores by judge, editors with their labels, ratings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from omniedit.evaluation.agreement.ratings import Rating
from omniedit.evaluation.bench.edit_records import EditRecord
from omniedit.evaluation.bench.scores import SCORED
from omniedit.evaluation.bench.statistics import cluster_mean
from omniedit.evaluation.table3 import Interval

ScoreRow = Mapping[str, Any]


@dataclass(frozen=True)
class EditorResult:
    """Results of an editor.

    Args:
        label, section: name and heading in tables.
        is_baseline: whether it is only a reference point, such as no edit, and is neither ranked nor a best baseline.
        sizes: its native size, in words.
        records: the last attempt of each item.
        scores: rows of `scores.SCHEMA` by judge.
        metrics: values of metrics by item.
        measured: facts of `metrics.json`: metrics of the whole set, unavailable ones with the reason, weights.
    """

    name: str
    label: str
    section: str
    is_baseline: bool
    sizes: str
    records: Mapping[str, EditRecord]
    scores: Mapping[str, Sequence[ScoreRow]]
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)

    def scored(self, judge: str) -> list[ScoreRow]:
        return [row for row in self.scores.get(judge, ()) if row["status"] == SCORED]

    def count(self, judge: str | None = None) -> Counter[str]:
        """Count the items by status: of their edits, or of a judge's rows."""
        if judge is None:
            return Counter(record.status for record in self.records.values())
        return Counter(row["status"] for row in self.scores.get(judge, ()))


@dataclass(frozen=True)
class BenchResults:
    """Results of all editors on a set.

    Args:
        items: rows that describe the items: item_id, task, image_id, ratio, session, turn.
        editors: in the order of tables.
        ratings: people's ratings, by editor; empty if there are none.
        seed: seed of the bootstrap.
    """

    bench: str
    version: str
    items: Sequence[ScoreRow]
    editors: Sequence[EditorResult]
    ratings: Mapping[str, Sequence[Rating]] = field(default_factory=dict)
    seed: int = 0

    @property
    def judges(self) -> list[str]:
        return list(dict.fromkeys(judge for editor in self.editors for judge in editor.scores))

    @cached_property
    def clusters(self) -> dict[str, str]:
        """Cluster of each item: its session, or its image."""
        return {row["item_id"]: row["session"] or row["image_id"] for row in self.items}

    def groups(self, key: str) -> list[str]:
        """Return the distinct values of a column of the items, in the set's order."""
        return list(dict.fromkeys(row[key] for row in self.items))

    def mean(self, rows: Sequence[ScoreRow], score: str) -> Interval | None:
        """Return the mean of a score over rows, with its interval over images; None if there are no rows."""
        if not rows:
            return None
        values, names = [row[score] for row in rows], [self.clusters[row["item_id"]] for row in rows]
        return cluster_mean(values, names, self.seed)
