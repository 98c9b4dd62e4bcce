"""KRIS-Bench (mercurystraw/Kris_Bench, Wu et al. 2025): 1,267 edits that need knowledge, 20 categories.

Each folder of a category has an `annotation.json`: {id: {ori_img, gt_img, ins_en, explain_en}}; later copies name these
`instruction` and `explain`. `ori_img` is a list if an edit has several source images. Outputs are
`{category}/{id}.jpg`.

The repository has no script that computes averages. The table follows BAGEL's `eval/gen/kris/summarize.py`; BAGEL's
published figures agree with its own means (docs/benchmarks.md).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, JudgeInputs, Protocol
from omniedit.evaluation.bench.sets.averages import get_score
from omniedit.evaluation.bench.sets.rows import find_image, find_text, list_entries, make_id, make_set, read_text
from omniedit.exchange.cells import BadRow

DIMENSIONS = {
    "Attribute Perception": (
        *("count_change", "color_change", "size_adjustment", "part_completion"),
        "anomaly_correction",
    ),
    "Spatial Perception": ("viewpoint_change", "position_movement"),
    "Temporal Prediction": ("temporal_prediction",),
    "Social Science": ("humanities", "practical_knowledge"),
    "Natural Science": ("biology", "chemistry", "geography", "medicine", "mathematics", "physics"),
    "Logical Reasoning": ("abstract_reasoning", "rule-based_reasoning"),
    "Instruction Decomposition": ("multi-element_composition", "multi-instruction_execution"),
}
"""Categories of each dimension."""
KNOWLEDGE = {
    "Factual Knowledge": ("Attribute Perception", "Spatial Perception", "Temporal Prediction"),
    "Conceptual Knowledge": ("Social Science", "Natural Science"),
    "Procedural Knowledge": ("Logical Reasoning", "Instruction Decomposition"),
}
"""Dimensions of each kind of knowledge."""
WITH_KNOWLEDGE = ("Social Science", "Natural Science", "Logical Reasoning")
SCORES = {"VC": "consistency", "VQ": "quality", "IF": "instruction_following", "KP": "knowledge"}
"""Score of the rubric `kris`, from 1 to 5, by column."""
AVERAGE, OVERALL = "average", "mean of scores"
MULTI, TEMPORAL, FRAMES = "multi-element_composition", "temporal_prediction", range(1, 5)
_FRAME = re.compile(r"\d+-(\d)\.")


def read(path: Path, _: str) -> BenchSet:
    """Read the items of all categories.

    Raises:
        UserError: the folder has no annotation.json.
    """
    root = path / "KRIS_Bench" if (path / "KRIS_Bench").is_dir() else path
    files = sorted(root.glob("*/annotation.json"))
    if not files:
        raise UserError(f"{path}: has no annotation.json in the folder of a category; give the folder KRIS_Bench")
    return make_set("kris", _list_rows(files), _to_item, path)


def _list_rows(files: Sequence[Path]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in files:
        for place, key, row in list_entries(file):
            yield f"{file.parent.name}/{place}", {**row, "key": key, "folder": file.parent}


def _to_item(row: Mapping[str, Any]) -> BenchItem:
    folder: Path = row["folder"]
    images = row.get("ori_img")
    names = images if isinstance(images, list) else [images]
    if not names:
        raise BadRow("has no image in ori_img")
    sources = [find_image(folder, name) for name in names]
    roles = _name_sources(folder.name, names)
    return BenchItem(
        item_id=make_id(folder.name, row["key"]),
        task=folder.name,
        instruction=read_text(row, "ins_en", "instruction"),
        source=sources[0],
        target=find_image(folder, row["gt_img"]) if row.get("gt_img") else None,
        references=tuple(zip(roles[1:], sources[1:], strict=True)),
        extra={"explanation": find_text(row, "explain_en", "explain") or "", "roles": roles},
    )


def _name_sources(category: str, names: Sequence[object]) -> list[str]:
    """Return the rubric's names of the source images: by frame in a sequence, else by number if there are several."""
    if category != TEMPORAL:
        return ["source"] if len(names) == 1 else [f"source_{number}" for number in range(1, len(names) + 1)]
    frames = [match.group(1) for name in names if (match := _FRAME.search(str(name)))]
    if len(frames) != len(names) or len(set(frames)) != len(FRAMES) - 1:
        raise BadRow(f"the names of the {len(names)} frames do not end in three numbers from 1 to 4")
    return [f"source_{frame}" for frame in frames]


def get_protocol(_: str) -> Protocol:
    return Protocol(
        judge="gpt-4o",
        columns=(*SCORES, AVERAGE),
        show=_show,
        combine=combine,
        aggregate=aggregate,
        missing="BAGEL's script leaves out a missing score, and keeps the edit's other scores.",
        scale="0 to 100",
        prompts="kris",
        keeps_size=True,
    )


def _show(item: BenchItem) -> JudgeInputs:
    roles = item.extra["roles"]
    images = dict(zip(roles, (item.source, *(read_file for _, read_file in item.references)), strict=True))
    if item.target and item.task == "viewpoint_change":
        images["ground_truth"] = item.target
    words = {"instruction": item.instruction, "explanation": item.extra["explanation"]}
    return JudgeInputs(images, words, _name_task(item.task, roles))


def _name_task(category: str, roles: Sequence[str]) -> str:
    """Return the task of the rubric `kris`, which depends on the number of images or on the frame to predict."""
    if category == MULTI:
        return f"{category}:{len(roles)}"
    if category == TEMPORAL:
        absent = next(frame for frame in FRAMES if f"source_{frame}" not in roles)
        return f"{category}:{absent}"
    return category


def combine(row: ItemRow) -> dict[str, float]:
    """Return the scores of an edit from 0 to 100, and their mean; knowledge counts only in the three dimensions."""
    has_knowledge = _dimension(row) in WITH_KNOWLEDGE
    scores = {column: get_score(row, name) for column, name in SCORES.items() if column != "KP" or has_knowledge}
    known = {column: (score - 1) * 25 for column, score in scores.items() if score is not None}
    return {**known, AVERAGE: fmean(known.values())} if known else {}


def _dimension(row: ItemRow) -> str:
    return next((name for name, members in DIMENSIONS.items() if row["task"] in members), "")


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return a row for each dimension and kind of knowledge, and one over all.

    `average` is the mean over all scores, as in BAGEL's script: an edit with four scores counts more than one with
    three.
    """
    by_dimension = {name: [row for row in rows if _dimension(row) == name] for name in DIMENSIONS}
    table = [_average(name, members) for name, members in by_dimension.items() if members]
    for name, parts in KNOWLEDGE.items():
        members = [row for part in parts for row in by_dimension[part]]
        table += [_average(name, members, columns=())] if members else []
    return [*table, _average(OVERALL, rows, columns=())]


def _average(name: str, rows: Sequence[ItemRow], columns: Sequence[str] = tuple(SCORES)) -> GroupRow:
    combined = [combine(row) for row in rows]
    scores = {column: [each[column] for each in combined if column in each] for column in SCORES}
    values = {column: fmean(scores[column]) for column in columns if scores[column]}
    if every := [score for column in scores.values() for score in column]:
        values[AVERAGE] = fmean(every)
    return GroupRow(name, values, len(rows), tuple(_list_missing(rows, combined)))


def _list_missing(rows: Sequence[ItemRow], combined: Sequence[Mapping[str, float]]) -> Iterator[str]:
    for row, each in zip(rows, combined, strict=True):
        expected = len(SCORES) - (_dimension(row) not in WITH_KNOWLEDGE)
        if len(each.keys() & SCORES.keys()) < expected:
            yield str(row["item_id"])


def read_recorded(path: Path, _: str) -> list[ItemRow]:
    """Read the scores that the benchmark's scripts wrote: `{category}/metrics.json` below the folder of a model.

    Raises:
        UserError: the folder has no such file.
    """
    files = sorted(path.glob("*/metrics.json"))
    if not files:
        raise UserError(f"{path}: has no CATEGORY/metrics.json; give the folder results/MODEL")
    names = {"consistency_score": "consistency", "quality_score": "quality", "knowledge_score": "knowledge"}
    names["instruction_score"] = "instruction_following"
    rows = ((file.parent.name, key, row) for file in files for _, key, row in list_entries(file))
    return [
        {"item_id": f"{task}/{key}", "task": task, **{name: row.get(score) for score, name in names.items()}}
        for task, key, row in rows
    ]
