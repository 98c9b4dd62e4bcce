"""Data card of an export: README.md with counts, licences, judges, scores, and the metadata that Hugging Face
`datasets` reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import yaml

from omniedit import __version__
from omniedit.exchange.candidates import PairSelection
from omniedit.exchange.fields import OutColumn
from omniedit.exchange.out_values import IMAGE_TYPE, arrow_type, dtype_name
from omniedit.exchange.survey import PROPERTIES, Survey, describe_counts
from omniedit.plain_text import markdown_cell, markdown_table

_MAX_ROWS = 60
_NAMES = ("Task", "Ratio", "Licence", "Judge", "Data set or specialist", "Models")
_HEADINGS = dict(zip(PROPERTIES, _NAMES, strict=True))
_REASONS = {"kept": "accepted by the run, but not by these options"}
_KINDS = {
    "accepted": "accepted pairs",
    "rejected": "rejected pairs",
    "preference": "preference pairs: two edits of a source for one instruction",
}


@dataclass(frozen=True)
class Configuration:
    """Part of an export that `datasets.load_dataset` reads at once.

    Args:
        data_files: pattern of its files.
        columns: columns, with the types that `datasets` reads.
        size: size of its files in bytes.
    """

    data_files: str
    columns: Sequence[OutColumn]
    rows: int
    size: int

    def describe(self) -> dict[str, Any]:
        """Return the columns and counts as the YAML of `dataset_info`."""
        features = [describe(column.name, arrow_type(column)) for column in self.columns]
        return {"features": features, "splits": [{"name": "train", "num_bytes": self.size, "num_examples": self.rows}]}


@dataclass(frozen=True)
class Card:
    """Facts of a data card.

    Args:
        name: title.
        written: number of rows. For preference pairs, it differs from the number of pairs.
        configurations: by name; empty if `datasets` finds the files itself.
    """

    name: str
    format: str
    survey: Survey
    selection: PairSelection
    written: int
    configurations: Mapping[str, Configuration]

    def render(self) -> str:
        """Return the text of the card."""
        counts = [_table((_HEADINGS[name], "Pairs"), describe_counts(self.survey.counts[name])) for name in PROPERTIES]
        parts = [self._metadata(), f"# {markdown_cell(self.name)}", self._about(), *counts]
        return "\n\n".join([*parts, *self._scores(), *self._rejected()]) + "\n"

    def _metadata(self) -> str:
        about: dict[str, Any] = {"pretty_name": self.name}
        about |= {"task_categories": ["image-to-image"], "tags": ["image-editing"]}
        if self.configurations:
            infos = [{"config_name": name, **each.describe()} for name, each in self.configurations.items()]
            about["dataset_info"] = infos if len(infos) > 1 else self.configurations["default"].describe()
            about["configs"] = [
                {"config_name": name, "data_files": [{"split": "train", "path": each.data_files}]}
                for name, each in self.configurations.items()
            ]
        return f"---\n{yaml.safe_dump(about, sort_keys=False, allow_unicode=True)}---"

    def _about(self) -> str:
        lines = [
            f"{self.written} {_KINDS[self.selection.kind]}, written by OmniEdit {__version__} as `{self.format}`.",
            "A pair has a source image, an instruction and an edited image.",
            f"Chosen: {self._describe_choice()}.",
        ]
        if self.selection.kind != "preference" and (left_out := self.survey.left_out()):
            lines.append(f"Not in this format: {', '.join(left_out)}.")
        if self.configurations:
            lines.append("Read it with `datasets.load_dataset(FOLDER)`.")
        if len(self.configurations) > 1:
            counts = ", ".join(f"`{name}` {each.rows}" for name, each in self.configurations.items())
            lines.append(
                "Pairs with other files are in configurations of their own, because `datasets` expects the same files "
                f'in each pair: `load_dataset(FOLDER, "train-2")`. Pairs: {counts}.'
            )
        return "\n".join(lines)

    def _describe_choice(self) -> str:
        selection = self.selection
        limits = [
            f"tasks {', '.join(selection.tasks)}" if selection.tasks else "",
            f"O of at least {selection.min_score:g}" if selection.min_score is not None else "",
            f"the {selection.top:g} % of each task with the highest O" if selection.top is not None else "",
            f"licences {', '.join(selection.licences)}" if selection.licences else "",
            f"ratios {', '.join(selection.ratios)}" if selection.ratios else "",
            f"judge {selection.judge}" if selection.judge else "",
        ]
        return markdown_cell("; ".join(filter(None, limits)) or "all pairs that the run accepted")

    def _scores(self) -> list[str]:
        """Return a histogram of O."""
        if not self.survey.scores:
            return []
        rows = [(f"{low} to {low + 1}", self.survey.scores[low]) for low in range(10) if self.survey.scores[low]]
        return [_table(("O", "Pairs"), rows)]

    def _rejected(self) -> list[str]:
        if not self.survey.rejected:
            return []
        counts = {_REASONS.get(reason, reason): count for reason, count in self.survey.rejected.items()}
        table = _table(("Reason", "Pairs"), describe_counts(counts))
        return ["## Rejected\n\nPairs of the same tasks, licences, ratios and judge that were not accepted.", table]


def _table(head: tuple[str, str], rows: Sequence[tuple[str, int]]) -> str:
    lines = [(markdown_cell(name), str(count)) for name, count in rows[:_MAX_ROWS]]
    if others := rows[_MAX_ROWS:]:
        lines.append((f"{len(others)} others", str(sum(count for _, count in others))))
    return "\n".join(markdown_table(head, lines))


def describe(name: str, kind: pa.DataType) -> dict[str, Any]:
    """Return a column as the YAML of `dataset_info` describes it."""
    if kind == IMAGE_TYPE:
        return {"name": name, "dtype": "image"}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = describe("item", kind.value_type)
        return {"name": name, "list": inner.get("dtype") or inner.get("struct") or {"list": inner["list"]}}
    if pa.types.is_struct(kind):
        return {"name": name, "struct": [describe(each.name, each.type) for each in kind]}
    return {"name": name, "dtype": dtype_name(kind)}
