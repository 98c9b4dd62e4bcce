"""Development split of OmniEdit-Filtered-1.2M (TIGER-Lab): 700 pairs that its training split does not have.

The authors publish no benchmark, so others compare editors on this split. Parquet files `dev-*` with the 13 columns of
the data set; `edited_img` is the specialist's edit, and the first of `edited_prompt_list` the instruction.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniedit.aspect import closest_ratio
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import Protocol
from omniedit.evaluation.bench.sets import omniedit
from omniedit.evaluation.bench.sets.image_tables import find_cell, get_image, read_tables
from omniedit.evaluation.bench.sets.rows import make_id, make_set, read_text
from omniedit.exchange.cells import BadRow
from omniedit.exchange.task_names import to_task


def read(path: Path, _: str) -> BenchSet:
    """Read the files of the split.

    Raises:
        UserError: no such files at the path.
    """
    return make_set("omniedit-dev", read_tables(path, "dev-"), _to_item, path)


def _to_item(row: Mapping[str, Any]) -> BenchItem:
    task = to_task(read_text(row, "task"), "omniedit")
    texts = row.get("edited_prompt_list")
    if not isinstance(texts, list) or not texts:
        raise BadRow("edited_prompt_list has no instruction")
    return BenchItem(
        item_id=make_id(task, read_text(row, "omni_edit_id")),
        task=str(task),
        instruction=read_text({"edited_prompt_list": texts[0]}, "edited_prompt_list"),
        source=get_image(row, "src_img"),
        target=find_cell(row, "edited_img"),
        extra=_find_ratio(row),
    )


def _find_ratio(row: Mapping[str, Any]) -> dict[str, str]:
    width, height = row.get("width"), row.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return {"ratio": closest_ratio(width, height)}
    return {}


def get_protocol(part: str) -> Protocol:
    return omniedit.get_protocol(part)
