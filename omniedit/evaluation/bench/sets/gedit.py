"""GEdit-Bench (stepfun-ai/GEdit-Bench, Liu et al. 2025): 606 real requests in English and in Chinese, 11 tasks.

Rows of the Hugging Face data set: `task_type`, `key`, `instruction`, `instruction_language`, `input_image`,
`input_image_raw` and `Intersection_exist`. The benchmark's scripts show the judge `input_image`, and the edit resized
to it. Outputs are `fullset/{task}/{language}/{key}.png`; an item's id is the part after `fullset/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, JudgeInputs, Protocol
from omniedit.evaluation.bench.sets.averages import MEAN_OF_GROUPS, average, average_rows, get_score, group_rows
from omniedit.evaluation.bench.sets.image_tables import get_image, read_tables
from omniedit.evaluation.bench.sets.rows import make_id, make_set, read_text
from omniedit.storage.parquet import read_csv

TASKS = (
    *("background_change", "color_alter", "material_alter", "motion_change", "ps_human", "style_change"),
    *("subject-add", "subject-remove", "subject-replace", "text_change", "tone_transfer"),
)
"""Tasks in the order of `calculate_statistics.py`."""
COLUMNS = ("SC", "PQ", "O")
INTERSECTION = " (intersection)"
"""Suffix of the columns over the items for which all editors of the paper gave a result."""


def read(path: Path, part: str) -> BenchSet:
    """Read the items in one language, `en` or `cn`.

    Raises:
        UserError: the path has no table of the benchmark.
    """
    rows = (
        (place, row) for place, row in read_tables(path) if str(row.get("instruction_language", part)).strip() == part
    )
    return make_set(f"gedit-{part}", rows, partial(_to_item, part), path)


def _to_item(language: str, row: Mapping[str, Any]) -> BenchItem:
    task = read_text(row, "task_type")
    return BenchItem(
        item_id=make_id(task, language, read_text(row, "key")),
        task=task,
        instruction=read_text(row, "instruction"),
        source=get_image(row, "input_image", "input_image_raw"),
        extra={"language": language, "intersection": bool(row.get("Intersection_exist"))},
    )


def get_protocol(_: str) -> Protocol:
    return Protocol(
        judge="gpt-4.1, or Qwen2.5-VL-72B-Instruct-AWQ",
        columns=(*COLUMNS, *(f"{column}{INTERSECTION}" for column in COLUMNS)),
        show=lambda item: JudgeInputs({"source": item.source}, {"instruction": item.instruction}),
        combine=combine,
        aggregate=aggregate,
        missing=(
            "Its scripts skip a missing output, and replace a reply that cannot be read by a random number from 0 to "
            "10."
        ),
        scale="0 to 10",
        rubric="viescore_editing",
        prompts="gedit",
    )


def combine(row: ItemRow) -> dict[str, float]:
    """Return SC, PQ and O = sqrt(SC x PQ) of an edit, each from 0 to 10."""
    sc, pq = get_score(row, "sc_score"), get_score(row, "pq_score")
    if sc is None or pq is None:
        return {}
    return {"SC": sc, "PQ": pq, "O": sqrt(sc * pq)}


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the means of each task and the mean of the tasks, over all items and over the intersection."""
    table = [_average_task(task, members) for task, members in group_rows(rows, "task", TASKS).items()]
    return [*table, average_rows(MEAN_OF_GROUPS, table, get_protocol("").columns)]


def _average_task(task: str, rows: Sequence[ItemRow]) -> GroupRow:
    every = average(task, rows, combine, COLUMNS)
    common = average(task, [row for row in rows if row.get("intersection")], combine, COLUMNS)
    shared = {f"{column}{INTERSECTION}": value for column, value in common.values.items()}
    return replace(every, values={**every.values, **shared})


def read_recorded(path: Path, part: str) -> list[ItemRow]:
    """Read the scores that `test_gedit_score.py` wrote: `*_gpt_score.csv`, whose column is spelt `sementics_score`.

    Args:
        path: the folder `eval_results_new`, or one of its files.

    Raises:
        UserError: no such file, or it lacks a column.
    """
    files = [path] if path.is_file() else [path / name for name in _list_score_files(path)]
    if not files:
        raise UserError(f"{path}: has no file *_gpt_score.csv; give the folder eval_results_new")
    return [row for file in files for row in _read_scores(file) if row["language"] == part]


def _list_score_files(folder: Path) -> list[str]:
    names = sorted(file.name for file in folder.glob("*_gpt_score.csv")) if folder.is_dir() else []
    return [name for name in names if not name.endswith("_combined_gpt_score.csv")] or names


def _read_scores(file: Path) -> list[dict[str, Any]]:
    try:
        return [_to_row(row) for row in read_csv(file)]
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(f"{file}: not a file of test_gedit_score.py: {error!a}") from None


def _to_row(row: Mapping[str, str]) -> dict[str, Any]:
    task, language, name = row["edited_image"].split("/")[-3:]
    return {
        "item_id": f"{task}/{language}/{name.removesuffix('.png')}",
        "task": task,
        "language": row["instruction_language"],
        "intersection": row["intersection_exist"] == "True",
        "sc_score": float(row["sementics_score"]),
        "pq_score": float(row["quality_score"]),
    }
