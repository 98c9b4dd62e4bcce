"""Protocol of a benchmark: the inputs of its judge, the scores of an item, and the aggregation of its table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omniedit.evaluation.bench.item import BenchItem, ImageFile
from omniedit.imaging.images import Image, decode_image
from omniedit.scoring.examples import Example

ItemRow = Mapping[str, Any]
"""Scores of one edit by their names, with the columns of its item (`to_columns`).

The scores are the rubric's own, each in its own scale (`RubricScores.scores`); SC, PQ and O from 0 to 10 as `sc_score`,
`pq_score` and `o_score`; and metrics by their names. A missing score is absent or None, never a number."""


def to_columns(item: BenchItem) -> dict[str, Any]:
    """Return the columns of an item in a `ItemRow`: its id, task, session and turn, and its extra columns."""
    return {**item.extra, "item_id": item.item_id, "task": item.task, "session": item.session, "turn": item.turn}


@dataclass(frozen=True)
class JudgeInputs:
    """Inputs of a judge for an item, besides the edited image.

    Args:
        images: by the rubric's names; the edited image is `edited`.
        words: texts by the rubric's names.
        task: the rubric's task.
    """

    images: Mapping[str, ImageFile]
    words: Mapping[str, str]
    task: str = ""


def show_edit(item: BenchItem) -> JudgeInputs:
    """Return the inputs of most rubrics: the source and the instruction."""
    return JudgeInputs({"source": item.source}, {"instruction": item.instruction}, item.task)


@dataclass(frozen=True)
class GroupRow:
    """Row of a benchmark's table.

    Args:
        name: group of items; means over several groups or over all items begin with 'mean'.
        values: means by column, over the items that have the score; a column without scores is absent.
        items: number of items in the group.
        missing: ids of the items that lack the score of at least one column.
        official: means by column as the benchmark's own script computes them, where they differ from `values`.
    """

    name: str
    values: Mapping[str, float]
    items: int
    missing: tuple[str, ...] = ()
    official: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """Protocol of a benchmark.

    Args:
        judge: judge of the published figures.
        columns: columns of the table, in order.
        show: returns the images and texts of an item that a judge sees.
        combine: returns the columns of one edit from its row; a column whose scores are missing is absent.
        aggregate: returns the table from the rows of all edits.
        missing: sentence about how the benchmark's own script treats an edit without a score.
        scale: range of the columns.
        rubric: shipped rubric that asks for the same scores; None if there is none.
        prompts: key of `omniedit.scoring.prompts.reader.READERS`, for official texts in a user's checkout; None if
            `rubric` has them or no judge is needed.
        metrics: names of the metrics that the columns need.
        keeps_size: whether the judge sees the edit at its own size; if False, the edit is first resized to the source's
            size.
    """

    judge: str
    columns: tuple[str, ...]
    show: Callable[[BenchItem], JudgeInputs]
    combine: Callable[[ItemRow], Mapping[str, float]]
    aggregate: Callable[[Sequence[ItemRow]], list[GroupRow]]
    missing: str
    scale: str
    rubric: str | None = None
    prompts: str | None = None
    metrics: tuple[str, ...] = ()
    keeps_size: bool = False

    def to_example(self, item: BenchItem, edited: Image) -> Example:
        """Return the images and texts of an edit that a judge sees.

        Raises:
            UserError: an image of the item cannot be read.
        """
        inputs = self.show(item)
        images = {name: decode_image(read(), f"{item.item_id}: {name}") for name, read in inputs.images.items()}
        return Example(images | {"edited": edited}, inputs.words, inputs.task)
