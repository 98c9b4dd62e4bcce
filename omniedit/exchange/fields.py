"""Pairs as rows of a data set: the value of each column of a layout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from omniedit.exchange.candidates import CandidateRow
from omniedit.exchange.layout import FALLBACK, IMAGES, Column, Layout
from omniedit.exchange.task_names import to_name
from omniedit.imaging.images import decode_image, decode_mask, encode_cutout
from omniedit.pairs import EncodedPair
from omniedit.pairs.provenance import IMPORTED
from omniedit.sources.photo_index import make_source_id

OWN_SCORES = ("sc_score_1", "sc_score_2", "pq_score", "o_score")
REASONING = ("sc_reasoning", "reasoning")
"""Columns that take the judge's rationale."""
_JSON_FIELDS = ("scores", "references", "provenance")
_NUMBERS = {"turn": "int64", "width": "int64", "height": "int64"}


@dataclass(frozen=True)
class ImageCell:
    """Image of a row, with the name that the data set gave its file."""

    content: bytes
    path: str | None = None


@dataclass(frozen=True)
class OutRow:
    """Row to write. `key` names its files; `values` are by column: images are `ImageCell`, or lists of them."""

    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class OutColumn:
    """Column to write.

    Args:
        type: as in a layout, never ''.
        arrow: type of an extra column of a data set, which the layout does not list.
    """

    name: str
    type: str
    field: str = ""
    arrow: pa.DataType | None = None

    @property
    def is_nested(self) -> bool:
        """Whether an extra column holds lists or mappings."""
        return self.arrow is not None and pa.types.is_nested(self.arrow)


def column_type(column: Column) -> str:
    """Return the type of a column: the layout's, else that of its field."""
    if column.type:
        return column.type
    if column.field in IMAGES:
        return "image"
    if column.field in _JSON_FIELDS:
        return "json"
    return "list" if column.field == "paraphrases" else _NUMBERS.get(column.field, "string")


def is_from(provenance: Mapping[str, Any], layout: Layout) -> bool:
    """Return whether a pair was imported with this layout, so that the data set's own id and task name are known."""
    return imported(provenance).get("dataset") == layout.name


def imported(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the facts that an import records; {} for a pair that was not imported."""
    return provenance.get(IMPORTED) or {}


def allows_extra_columns(layout: Layout) -> bool:
    """Return whether a format takes the extra columns of pairs from other data sets."""
    return any(column.field == "provenance" for column in layout.columns.values())


def extra_columns(provenance: Mapping[str, Any], layout: Layout) -> Mapping[str, Any]:
    """Return the values of a pair's extra columns that exports in a layout have."""
    if not (is_from(provenance, layout) or allows_extra_columns(layout)):
        return {}
    return {
        name: value for name, value in imported(provenance).get("columns", {}).items() if name not in layout.columns
    }


@dataclass
class RowMaker:
    """Maker of rows in a layout. `count` numbers the rows, for ids that are numbers."""

    layout: Layout
    count: int = 0
    _keys: set[str] = field(default_factory=set)

    def make(self, candidate: CandidateRow, pair: EncodedPair, extra: Mapping[str, Any]) -> OutRow:
        """Return the row of a pair. `extra` are values of columns that the layout does not have."""
        row = _Fields(self.layout, candidate, pair, self.count)
        self.count += 1
        values = {name: row.value(name, column) for name, column in self.layout.columns.items()}
        key = make_source_id(pair.pair_id, str(row.id() if is_from(pair.provenance, self.layout) else pair.pair_id))
        if key in self._keys:
            key = make_source_id(pair.pair_id, pair.pair_id, self._keys)
        self._keys.add(key)
        return OutRow(key, {**values, **extra})


@dataclass
class _Fields:
    """Values of a pair's fields in the form of a layout."""

    layout: Layout
    candidate: CandidateRow
    pair: EncodedPair
    number: int

    def value(self, name: str, column: Column) -> Any:
        kind = column_type(column)
        if column.field == "source" and kind == "list":
            inputs = [reference.image for reference in self.pair.references if reference.role == "input"]
            return [self._image("source"), *map(ImageCell, inputs)]
        if column.field in ("source", "edited", "mask"):
            cell = self._image(column.field) if self._is_first(name, column.field) else None
            return cell if kind != "list" else [cell]
        if column.field in _READERS:
            return _READERS[column.field](self, name, column)
        about = self.pair.provenance.get(column.field)
        return None if column.field == "licence" and about == self.layout.licence else about

    def _image(self, name: str) -> ImageCell | None:
        content = getattr(self.pair, name)
        if content and name == "mask" and self.layout.has_cutouts:
            content = encode_cutout(decode_image(self.pair.source), decode_mask(content))
        return content and ImageCell(content, self._file(name))

    def _file(self, name: str) -> str | None:
        """Return the name of an image's file in the data set that the pair is from."""
        return self._own.get("files", {}).get(name)

    @property
    def _own(self) -> Mapping[str, Any]:
        """Facts that an import with this layout recorded; {} for any other pair."""
        return imported(self.pair.provenance) if is_from(self.pair.provenance, self.layout) else {}

    def _is_first(self, name: str, field: str) -> bool:
        return name == next(self.layout.find(field))[0]

    def id(self, name: str = "", column: Column | None = None) -> Any:
        own = self._own.get("id")
        if column is not None and column_type(column).startswith("int"):
            return int(own) if own and own.lstrip("-").isdecimal() else self.number
        return own or (None if column is not None and column.optional and self._own else self.pair.pair_id)

    def task(self, name: str, column: Column) -> str | None:
        if not self._is_first(name, "task"):
            return None
        own = self._own.get("task")
        is_default = self._own and own is None
        return own or (None if is_default else to_name(self.pair.task, self.layout.task_names))

    def instruction(self, name: str, column: Column) -> Any:
        texts = list(self.pair.instructions)
        if column_type(column) == "list":
            return texts
        if column.name == FALLBACK:
            return None
        index = [each for each, _ in self.layout.find("instruction")].index(name)
        return texts[index] if index < len(texts) else None

    def paraphrases(self, name: str, column: Column) -> Any:
        texts = list(self.pair.instructions[len(list(self.layout.find("instruction"))) :])
        return texts if column_type(column) == "list" else next(iter(texts), None)

    def session(self, name: str, column: Column) -> str | None:
        return self._own.get("session") or self.pair.session or (None if column.optional else self.pair.pair_id)

    def turn(self, name: str, column: Column) -> int | None:
        first = self.layout.first_turn
        return (None if column.optional else first) if self.pair.turn is None else self.pair.turn - 1 + first

    def score(self, name: str, column: Column) -> Any:
        """Return the run's own score of this name, or else the imported score."""
        key = column.name or name
        if self.candidate.scores and key in (*OWN_SCORES, *REASONING, "pq_reasoning"):
            return self.candidate.scores.get("reasoning" if key in REASONING else key)
        return self.pair.imported_scores.get(key)

    def scores(self, name: str, column: Column) -> dict[str, Any] | None:
        own = {key: value for key, value in self.candidate.scores.items() if key != "pair_id" and value is not None}
        return {**self.pair.imported_scores, **own} or None

    def reference(self, name: str, column: Column) -> Any:
        """Return the reference of the column's role; without a role, the reference at the column's position among such
        columns.
        """
        columns = list(self.layout.find("reference"))
        named = {each.name for _, each in columns if each.name}
        numbered = list(enumerate(self.pair.references, 1))
        if column.name:
            matches = [each for each in numbered if each[1].role == column.name]
        else:
            others = [each for each in numbered if each[1].role not in named and each[1].role != "input"]
            index = [each for each, about in columns if not about.name].index(name)
            matches = others[index : index + 1]
        return ImageCell(matches[0][1].image, self._file(f"reference {matches[0][0]}")) if matches else None

    def references(self, name: str, column: Column) -> list[dict[str, Any]] | None:
        listed = []
        for reference in self.pair.references:
            caption = {} if reference.caption is None else {"caption": reference.caption}
            listed.append({"role": reference.role, "image": ImageCell(reference.image), **caption})
        return listed or None

    def provenance(self, name: str, column: Column) -> dict[str, Any]:
        return {key: value for key, value in self.pair.provenance.items() if key != IMPORTED}


_READERS: dict[str, Callable[[_Fields, str, Column], Any]] = {
    "id": _Fields.id,
    "task": _Fields.task,
    "instruction": _Fields.instruction,
    "paraphrases": _Fields.paraphrases,
    "source_caption": lambda row, *_: row.pair.captions.source,
    "edited_caption": lambda row, *_: row.pair.captions.edited,
    "session": _Fields.session,
    "turn": _Fields.turn,
    "width": lambda row, *_: row.candidate.shard.size(row.candidate.row)[0],
    "height": lambda row, *_: row.candidate.shard.size(row.candidate.row)[1],
    "score": _Fields.score,
    "scores": _Fields.scores,
    "reference": _Fields.reference,
    "references": _Fields.references,
    "provenance": _Fields.provenance,
}
"""Fields that are neither images of a pair nor keys of its provenance."""
