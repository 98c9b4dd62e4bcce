"""AnyEdit-Test (DCDmllm/AnyEdit, weichow23/AnySD, Yu et al. 2024): 25 types of edits, about 50 each.

Each folder of a type has an `edit_result.json`, a list of rows: `edit` (the instruction), `image_file`, `edited_file`,
and in some types `visual_input`, `input` and `output` (captions). Paths are relative to the folder of the types or to
one above it. Outputs are `{type}/{name of image_file}`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, Protocol
from omniedit.evaluation.bench.sets.averages import average_groups, average_rows, group_rows
from omniedit.evaluation.bench.sets.metrics_only import combine_metrics, measure_only
from omniedit.evaluation.bench.sets.rows import find_first_image, find_text, list_entries, make_id, make_set, read_text
from omniedit.pairs import Captions
from omniedit.sources.listing import find_files

GROUPS = {
    "local": (
        *("replace", "add", "remove", "color_alter", "appearance_alter", "material_change", "action_change"),
        *("counting", "textual_change"),
    ),
    "global": ("tone_transfer", "background_change", "style_change"),
    "camera": ("movement", "outpaint", "resize", "rotation_change"),
    "implicit": ("relation", "implicit_change"),
    "visual": (
        *("visual_material_transfer", "visual_reference", "visual_bbox", "visual_depth", "visual_scribble"),
        *("visual_segment", "visual_sketch"),
    ),
}
"""Types of each group, in the order of the benchmark's script."""
METRICS = ("clip_i", "clip_t", "dino", "l1")
"""Metrics of the benchmark's script: CLIPim, CLIPout, DINO and L1, each compared with the right result."""
VISUAL = "visual"


def read(path: Path, _: str) -> BenchSet:
    """Read the items of all types.

    Raises:
        UserError: the folder has no edit_result.json.
    """
    files = find_files(path, "edit_result.json") if path.is_dir() else [path]
    if not files:
        raise UserError(f"{path}: no folder of a type has an edit_result.json; give the folder of AnyEdit-Test")
    return make_set("anyedit", _list_rows(files, path), _to_item, path)


def _list_rows(files: Sequence[Path], path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in files:
        roots = tuple(dict.fromkeys((path, file.parent, *file.parents[1:3])))
        for place, _, row in list_entries(file):
            yield f"{file.parent.name}/{place}", {**row, "type": file.parent.name, "roots": roots}


def _to_item(row: Mapping[str, Any]) -> BenchItem:
    image = read_text(row, "image_file")
    visual = find_text(row, "visual_input")
    return BenchItem(
        item_id=make_id(row["type"], Path(image).stem),
        task=row["type"],
        instruction=read_text(row, "edit", "edit_instruction"),
        source=find_first_image(row["roots"], image),
        target=find_first_image(row["roots"], row.get("edited_file")),
        references=((VISUAL, find_first_image(row["roots"], visual)),) if visual else (),
        captions=Captions(find_text(row, "input"), find_text(row, "output")),
    )


def get_protocol(_: str) -> Protocol:
    return measure_only(
        METRICS,
        aggregate,
        "Its script leaves out outputs that are entirely black, and stops at a missing output. Types without captions "
        "have"
        " no clip_t.",
    )


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the means of each type, as anybench_gen_eval.py prints them, and the mean over the types of each group."""
    order = [name for members in GROUPS.values() for name in members]
    groups = group_rows(rows, "task", order)
    table = average_groups(groups, partial(combine_metrics, METRICS), METRICS)
    parts = {name: [row for row in table if row.name in members] for name, members in GROUPS.items()}
    return [*table, *(average_rows(f"mean of {name}", part, METRICS) for name, part in parts.items() if part)]
