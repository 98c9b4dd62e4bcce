"""Survey of the pairs that an export takes: counts for the data card, and the columns to write."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from omniedit.exchange.candidates import CandidateRow, short_reason
from omniedit.exchange.fields import OutColumn, column_type, extra_columns
from omniedit.exchange.layout import Column, Layout

REJECTED_BECAUSE = "rejection_reason"
"""Extra column of exports of rejected pairs."""
ALWAYS_PRESENT = ("id", "task", "source", "edited", "instruction", "width", "height", "provenance")
"""Fields that every pair has."""
OPTIONAL_FIELDS = {
    "masks": {"mask"},
    "paraphrases": {"paraphrases"},
    "captions of the source": {"source_caption"},
    "captions of the edited image": {"edited_caption"},
    "sessions": {"session"},
    "turns": {"turn"},
    "reference images": {"reference", "references"},
}
"""Fields that some pairs have and some formats lack, with their names in the data card."""
PROPERTIES = ("task", "ratio", "licence", "judge", "origin", "made_by")
"""Properties of candidates that are counted."""
_JSON_TEXT = pa.large_string()
"""Type of an extra column whose values are of several types; they are written as JSON."""


@dataclass
class Survey:
    """Counts of the chosen pairs.

    Args:
        columns: arrow type by extra column.
        present: fields that have a value in at least one pair.
        fractional: scores that are fractional, or beyond 64 bits, in at least one pair.
        textual: scores that are texts in at least one pair.
        rejected: number of rejected pairs by reason.
    """

    layout: Layout
    pairs: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in PROPERTIES})
    scores: Counter[int] = field(default_factory=Counter)
    columns: dict[str, pa.DataType] = field(default_factory=dict)
    present: set[str] = field(default_factory=lambda: {*ALWAYS_PRESENT})
    fractional: set[str] = field(default_factory=set)
    textual: set[str] = field(default_factory=set)
    rejected: Counter[str] = field(default_factory=Counter)

    def add(self, candidate: CandidateRow) -> None:
        """Count a chosen pair, and update the columns to write."""
        self.pairs += 1
        self.present |= find_fields(candidate)
        for name, counter in self.counts.items():
            counter[str(getattr(candidate, name)) or "none"] += 1
        if candidate.o_score is not None:
            self.scores[min(9, int(candidate.o_score))] += 1
        for name, value in extra_columns(candidate.provenance, self.layout).items():
            self.columns[name] = unify(self.columns.get(name), value)
        for name, score in {**candidate.shard.imported_scores(candidate.row), **candidate.scores}.items():
            if isinstance(score, str):
                self.textual.add(name)
            elif score is not None and not (score == int(score) and -(2**63) <= score < 2**63):
                self.fractional.add(name)

    def reject(self, candidate: CandidateRow) -> None:
        self.rejected[short_reason(candidate.reason or "not chosen")] += 1

    def left_out(self) -> list[str]:
        """Return the names of the fields that some pairs have and for which the format has no column."""
        written = {column.field for column in self.layout.columns.values()}
        return [name for name, fields in OPTIONAL_FIELDS.items() if fields & self.present and not fields & written]

    def out_columns(self, has_reason: bool) -> list[OutColumn]:
        """Return the columns to write: those of the layout, then the extra ones."""
        written = {name: each for name, each in self.layout.columns.items() if self._is_written(name, each)}
        known = [OutColumn(name, self._type(name), column.field) for name, column in written.items()]
        extra = [OutColumn(name, "extra", arrow=type) for name, type in self.columns.items()]
        return known + extra + ([OutColumn(REJECTED_BECAUSE, "string")] if has_reason else [])

    def _type(self, name: str) -> str:
        """Return a column's type; a column of whole scores becomes fractional or textual if a pair needs it."""
        column = self.layout.columns[name]
        kind = column_type(column) if column.field != "score" else column.type or "int64"
        key = column.name or name
        if column.field == "score" and key in self.textual:
            return "string"
        return "float64" if column.field == "score" and kind == "int64" and key in self.fractional else kind

    def _is_written(self, name: str, column: Column) -> bool:
        """Return whether a column is written; an optional column only if at least one pair has a value for it."""
        is_second = column.field in ("source", "edited", "mask") and name != next(self.layout.find(column.field))[0]
        return not column.optional or (column.field in self.present and not is_second)


def find_fields(candidate: CandidateRow) -> set[str]:
    """Return the fields that a candidate has besides those of every pair."""
    shard, row = candidate.shard, candidate.row
    captions, roles = shard.captions(row), shard.reference_roles(row)
    values = {
        "mask": shard.encoded("mask", row),
        "paraphrases": len(shard.instructions(row)) > 1,
        "source_caption": captions.source,
        "edited_caption": captions.edited,
        "session": shard.session(row),
        "turn": shard.turn(row),
        "reference": roles,
        "references": roles,
        "score": shard.imported_scores(row) or candidate.scores,
        "scores": shard.imported_scores(row) or candidate.scores,
        **{name: candidate.provenance.get(name) for name in ("licence", "author", "origin")},
    }
    return {name for name, value in values.items() if value}


def survey(chosen: Iterator[tuple[CandidateRow, bool]], layout: Layout, takes_rejected: bool) -> Survey:
    """Read the chosen pairs once, without their images."""
    result = Survey(layout)
    for candidate, is_accepted in chosen:
        if not is_accepted:
            result.reject(candidate)
        if is_accepted != takes_rejected:
            result.add(candidate)
    return result


def unify(known: pa.DataType | None, value: Any) -> pa.DataType:
    """Return the type of a column after adding this value.

    Values of several types, mappings without keys and integers beyond 64 bits are written as JSON.
    """
    if known == _JSON_TEXT:
        return known
    try:
        schemas = [pa.schema([("x", pa.array([value]).type)])]  # pa.infer_type accepts integers beyond 64 bits
        schemas += [pa.schema([("x", known)])] if known is not None else []
        kind = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowException, OverflowError):
        return _JSON_TEXT
    return _JSON_TEXT if _has_empty_struct(kind) else kind


def _has_empty_struct(kind: pa.DataType) -> bool:
    """Return whether a type holds mappings without keys, which Parquet cannot store."""
    inner = [kind.field(number).type for number in range(kind.num_fields)]
    return (pa.types.is_struct(kind) and not inner) or any(map(_has_empty_struct, inner))


def is_json_text(kind: pa.DataType | None) -> bool:
    """Return whether an extra column holds JSON as text."""
    return kind == _JSON_TEXT


def describe_counts(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return names with their counts, the most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
