"""Reason-Edit (TencentARC/SmartEdit, Huang et al. 2024): 219 edits that need understanding or reasoning, six scenes.

Each folder of a scene has `*.png`, `*_mask.jpg` and a text file. Sorted, the first image, the first mask and the first
line of the text belong together; a line is `instruction CLIP: foreground`. The benchmark resizes all images to 256 x
256 and compares the background outside the mask, and the foreground with its text.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, Protocol
from omniedit.evaluation.bench.sets.averages import average, average_groups, group_rows
from omniedit.evaluation.bench.sets.metrics_only import combine_metrics, measure_only
from omniedit.evaluation.bench.sets.rows import find_image, make_id, make_set, read_text
from omniedit.exchange.cells import BadRow
from omniedit.plain_text import split_lines
from omniedit.sources.listing import find_files

SCENES = {
    "1-Left-Right": "Left_Right_text.txt",
    "2-Relative-Size": "Size_text.txt",
    "3-Mirror": "Mirror_text.txt",
    "4-Color": "Color_text.txt",
    "5-Multiple-Objects": "MultipleObjects_text.txt",
    "6-Reasoning": "Reason_test.txt",
}
"""Text file of each scene."""
REASONING, UNDERSTANDING = "6-Reasoning", "mean of understanding"
METRICS = ("background_psnr", "background_ssim", "background_lpips", "foreground_clip")
FOREGROUND_MARK = "CLIP: "


def read(path: Path, _: str) -> BenchSet:
    """Read the items of all scenes.

    Raises:
        UserError: the folder has no scene, or a scene has no text.
    """
    folders = {file.parent.name: file.parent for file in find_files(path) if file.parent.name in SCENES}
    if not folders:
        raise UserError(f"{path}: has no folder of a scene, such as 1-Left-Right; give the folder of Reason-Edit")
    rows = (row for scene in SCENES if scene in folders for row in _list_rows(folders[scene]))
    return make_set("reason-edit", rows, _to_item, path)


def _list_rows(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    images, masks = ([file.name for file in find_files(folder, pattern)] for pattern in ("*.png", "*_mask.jpg"))
    lines = _read_lines(folder / SCENES[folder.name])
    for number, image in enumerate(images):
        row = {"image": image, "mask": _get(masks, number), "line": _get(lines, number), "folder": folder}
        yield f"{folder.name}/{image}", row


def _read_lines(file: Path) -> list[str]:
    try:
        return split_lines(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}; give the downloaded folder") from None
    except UnicodeDecodeError:
        raise UserError(f"{file}: not a text in UTF-8; download it again") from None


def _get(values: Sequence[str], number: int) -> str | None:
    return values[number] if number < len(values) else None


def _to_item(row: Mapping[str, Any]) -> BenchItem:
    folder: Path = row["folder"]
    instruction, mark, foreground = read_text(row, "line").partition(FOREGROUND_MARK)
    if not mark or not instruction.strip() or not foreground.strip():
        raise BadRow(f"the line {instruction[:60]!a} is not 'instruction {FOREGROUND_MARK}foreground'")
    return BenchItem(
        item_id=make_id(folder.name, Path(row["image"]).stem),
        task=folder.name,
        instruction=instruction.strip(),
        source=find_image(folder, row["image"]),
        mask=find_image(folder, row["mask"]),
        extra={"foreground": foreground.strip()},
    )


def get_protocol(_: str) -> Protocol:
    return measure_only(METRICS, aggregate, "Its script matches outputs by their order, and stops at a missing output.")


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the means of each scene, and those over the items of the five scenes of understanding.

    The paper's table has these means, and those of the scene of reasoning.
    """
    combine = partial(combine_metrics, METRICS)
    scenes = average_groups(group_rows(rows, "task", tuple(SCENES)), combine, METRICS)
    understanding = [row for row in rows if row["task"] != REASONING]
    return [*scenes, average(UNDERSTANDING, understanding, combine, METRICS)] if understanding else scenes
