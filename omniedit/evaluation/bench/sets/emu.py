"""EMU-Edit test (facebook/emu_edit_test_set, Sheynin et al. 2023): 3,589 edits of MagicBrush's images, seven tasks.

Parquet rows: `image`, `instruction`, `task`, `split`, `idx`, `input_caption`, `output_caption`. Items have no target;
`emu_edit_test_set_generations` adds `edited_image`, EMU Edit's own output, and exchanges the names of the two splits.
Some captions are wrong: source and target have the same one. Outputs are `{idx}.png`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, Protocol
from omniedit.evaluation.bench.sets.averages import MEAN_OF_ITEMS, average, average_groups, group_rows
from omniedit.evaluation.bench.sets.image_tables import get_image, read_tables
from omniedit.evaluation.bench.sets.metrics_only import combine_metrics, measure_only
from omniedit.evaluation.bench.sets.rows import find_text, make_id, make_set, read_text
from omniedit.exchange.cells import BadRow
from omniedit.pairs import Captions

METRICS = ("clip_dir", "clip_im", "clip_out", "l1_source", "dino_source")
"""Metrics of the paper, which compares with the source image."""
TWO_CAPTIONS = "mean of items with two captions"


def read(path: Path, part: str) -> BenchSet:
    """Read the files of a split, `test` or `validation`, by their names.

    Raises:
        UserError: the path has no table.
    """
    return make_set(f"emu-{part}", read_tables(path, f"{part}-"), _to_item, path)


def _to_item(row: Mapping[str, Any]) -> BenchItem:
    number = row.get("idx")
    if not isinstance(number, int):
        raise BadRow(f"idx is {number!a}, not a number")
    before, after = find_text(row, "input_caption"), find_text(row, "output_caption")
    return BenchItem(
        item_id=make_id(number),
        task=read_text(row, "task"),
        instruction=read_text(row, "instruction"),
        source=get_image(row, "image"),
        captions=Captions(before, after),
        extra={"split": find_text(row, "split") or "", "equal_captions": before == after},
    )


def get_protocol(_: str) -> Protocol:
    return measure_only(
        METRICS, aggregate, "The benchmark has no script; AnySD's leaves out outputs that are entirely black."
    )


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the means over all items, over the items with two different captions, and over each task."""
    combine = partial(combine_metrics, METRICS)
    distinct = [row for row in rows if not row.get("equal_captions")]
    tasks = average_groups(group_rows(rows, "task"), combine, METRICS)
    return [average(MEAN_OF_ITEMS, rows, combine, METRICS), average(TWO_CAPTIONS, distinct, combine, METRICS), *tasks]
