"""Builder of frozen sets from photos and a table of people's instructions. Both are checked, and never change
afterwards."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniedit.aspect import RATIOS, closest_ratio
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.frozen_format import (
    CHECKSUMS,
    FORMAT,
    IMAGES,
    ITEMS_FILE,
    SET_JSON,
    write_checksums,
)
from omniedit.evaluation.bench.sets.rows import find_image, find_text, make_id, read_text
from omniedit.evaluation.bench.sets.training_overlap import TrainingSources, find_photo_leaks
from omniedit.exchange.cells import BadRow
from omniedit.exchange.image_files import BadImage, check_path
from omniedit.imaging.images import Image, decode_image
from omniedit.sources.near_duplicates import find_near_duplicate, perceptual_hash
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import unmark_formula
from omniedit.tasks import OMNIEDIT_TASKS, Task

COLUMNS = ("photo", "task", "instruction")
OPTIONAL_COLUMNS = ("source_caption", "target_caption", "objects")
MAX_PROBLEMS = 10
"""Number of problems that a message lists."""


@dataclass(frozen=True)
class DraftSet:
    """Set before it is frozen.

    Args:
        rows: lines of bench.jsonl.
        photos: decoded images by the path in the photos' folder.
    """

    rows: Sequence[Mapping[str, Any]]
    photos: Mapping[str, Image]


def read_draft(table: Path, photos: Path) -> DraftSet:
    """Read a table of instructions, `photo,task,instruction[,source_caption,target_caption,objects]`, and its photos.

    Raises:
        UserError: the table lacks a column, or some rows or photos cannot be used; the message lists the first ones.
    """
    problems: list[str] = []
    rows, counts, places = [], Counter[str](), dict[tuple[str, ...], str]()
    for place, row in _list_rows(table):
        try:
            line = _to_line(row, photos, counts)
            earlier = places.setdefault((line["image"], line["task"], line["instruction"]), place)
            if earlier != place:
                raise BadRow(f"repeats {earlier}; remove one of the two")
            rows.append(line)
        except (BadRow, BadImage, ValueError) as error:
            problems.append(f"{place}: {error}")
    images = {}
    for path in dict.fromkeys(row["image"] for row in rows):
        name = path.removeprefix(f"{IMAGES}/")
        images[name] = decode_image((photos / name).read_bytes(), str(photos / name))
    problems += _find_near_duplicates(images)
    if problems or not rows:
        more = f"; and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
        raise UserError(f"{table}: {'; '.join(problems[:MAX_PROBLEMS]) or 'has no row'}{more}")
    shapes = (images[row["image"].removeprefix(f"{IMAGES}/")].shape for row in rows)
    ratios = [closest_ratio(width, height) for height, width, _ in shapes]
    return DraftSet([{**row, "ratio": ratio} for row, ratio in zip(rows, ratios, strict=True)], images)


def _list_rows(table: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise UserError(f"{table}: has no column {missing[0]}; it needs {', '.join(COLUMNS)}")
            for row in reader:
                yield (
                    f"line {reader.line_num}",
                    {name: unmark_formula(cell) if isinstance(cell, str) else cell for name, cell in row.items()},
                )
    except OSError as error:
        raise UserError(f"{table}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table}: not a CSV file in UTF-8: {str(error)[:100]}") from None


def _to_line(row: Mapping[str, Any], photos: Path, counts: Counter[str]) -> dict[str, Any]:
    """Return a line of bench.jsonl. The id of a second or later instruction for the same photo and task has its
    number.
    """
    photo, task = check_path(read_text(row, "photo")), Task(read_text(row, "task"))
    find_image(photos, photo)
    if task not in OMNIEDIT_TASKS:
        raise BadRow(f"the task {task[:60]!a} is none of {', '.join(OMNIEDIT_TASKS)}")
    name = make_id(task, Path(photo).with_suffix("").as_posix())
    counts[name] += 1
    line = {
        "id": name if counts[name] == 1 else f"{name}-{counts[name]}",
        "image": f"{IMAGES}/{photo}",
        "task": str(task),
        "instruction": read_text(row, "instruction"),
        "source_caption": find_text(row, "source_caption"),
        "target_caption": find_text(row, "target_caption"),
        "objects": _read_count(find_text(row, "objects")),
    }
    return {name: value for name, value in line.items() if value is not None}


def _read_count(text: str | None) -> int | None:
    if text is not None and not (text.isascii() and text.isdecimal() and 1 <= int(text) < 1000):
        raise BadRow(f"objects is {text[:20]!a}; give the number of objects, or leave it empty")
    return None if text is None else int(text)


def _find_near_duplicates(images: Mapping[str, Image]) -> Iterator[str]:
    """Yield a problem for each photo that is a copy of an earlier one."""
    earlier: dict[str, str] = {}
    for name, image in images.items():
        phash = perceptual_hash(image)
        if original := find_near_duplicate(phash, earlier):
            yield f"{name} is a copy of {earlier[original]}"
        earlier.setdefault(phash, name)


def describe(draft: DraftSet) -> list[str]:
    """Return lines about the coverage of a set: which tasks, ratios and numbers of objects it has, and which are
    missing.
    """
    tasks, ratios = (Counter(str(row[name]) for row in draft.rows) for name in ("task", "ratio"))
    objects = Counter(row["objects"] for row in draft.rows if "objects" in row)
    pairs = {(row["image"], row["task"]) for row in draft.rows}
    open_pairs = len(draft.photos) * len(OMNIEDIT_TASKS) - len(pairs)
    return [
        f"{len(draft.rows)} instructions for {len(draft.photos)} photos",
        "tasks: " + ", ".join(f"{task} {tasks[task]}" for task in OMNIEDIT_TASKS),
        "ratios: " + ", ".join(f"{ratio} {ratios[ratio]}" for ratio in RATIOS),
        "objects: " + (", ".join(f"{count}: {objects[count]}" for count in sorted(objects)) or "not given"),
        *([f"{open_pairs} photos and tasks have no instruction"] if open_pairs else []),
    ]


def freeze(
    draft: DraftSet, photos: Path, out: Path, name: str, version: str, training: Sequence[TrainingSources] = ()
) -> None:
    """Write a frozen set; nothing is written if a photo is also a training source.

    Raises:
        UserError: `out` exists, or photos are training sources.
    """
    if out.exists():
        state = "a frozen set, which is never changed" if (out / CHECKSUMS).is_file() else "not empty"
        raise UserError(f"{out}: {state}; give another folder and another version")
    if leaks := find_photo_leaks(draft.photos, training):
        listed = ", ".join(f"{leak.photo} ({leak.kind} copy of {leak.source})" for leak in leaks[:MAX_PROBLEMS])
        raise UserError(f"{len(leaks)} photos are training sources: {listed}; replace them")
    with replace_file(out) as folder:
        for photo in draft.photos:
            target = folder / IMAGES / photo
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photos / photo, target)  # not a hard link, which would change with the user's own file
        write_tables(draft, folder, name, version)
        write_checksums(folder)


def write_tables(draft: DraftSet, folder: Path, name: str, version: str) -> None:
    """Write bench.jsonl and set.json."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in draft.rows)
    (folder / ITEMS_FILE).write_text(lines, encoding="utf-8")
    counts = {"items": len(draft.rows), "photos": len(draft.photos)}
    about = {"format": FORMAT, "name": name, "version": version, **counts}
    (folder / SET_JSON).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
