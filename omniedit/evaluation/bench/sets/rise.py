"""RISEBench (PhoenixZ810/RISEBench, Zhao et al. 2025): 360 edits that need reasoning, four categories.

`datav2_total_w_subtask.json` (`data_total.json` of the first 64) is a list of rows: `index`, `category`, `subtask`,
`instruction`, `image`, `reference`, and in some rows `reference_img`, `reference_txt`, `reasoning_img`,
`reasoning_wo_ins` and `consistency_free`. Outputs are `images/{category}/{index}.png`; an item's id is the part after
`images/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet, ImageFile
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, JudgeInputs, Protocol
from omniedit.evaluation.bench.sets.averages import MEAN_OF_ITEMS, average, get_score, group_rows
from omniedit.evaluation.bench.sets.rows import find_first_image, find_text, list_entries, make_id, make_set, read_text

FILES = ("datav2_total_w_subtask.json", "data_total.json")
CATEGORIES = {
    "temporal_reasoning": "Temporal",
    "causal_reasoning": "Causal",
    "spatial_reasoning": "Spatial",
    "logical_reasoning": "Logical",
}
LOGICAL = "logical_reasoning"
REASONING, CONSISTENCY, PLAUSIBILITY = "reasoning", "consistency", "plausibility"
NAMES = {REASONING: "instruction_reasoning", CONSISTENCY: "appearance_consistency", PLAUSIBILITY: "visual_plausibility"}
"""Score of the rubric `rise` by column: from 1 to 5, but 0 or 1 in logical reasoning."""
WEIGHTS = {CONSISTENCY: 0.3, REASONING: 0.5, PLAUSIBILITY: 0.2}
WEIGHTS_FREE = {REASONING: 0.8, PLAUSIBILITY: 0.2}
WEIGHTS_LOGICAL = {CONSISTENCY: 0.3, REASONING: 0.7}
COLUMNS = ("accuracy", "score", *NAMES)
BEST_SCORE = 5


def read(path: Path, _: str) -> BenchSet:
    """Read the items of all categories.

    Raises:
        UserError: the folder has no file of the benchmark.
    """
    folders = (path, path / "data") if path.is_dir() else (path.parent,)
    found = (
        [path]
        if path.is_file()
        else [file for folder in folders for name in FILES if (file := folder / name).is_file()]
    )
    if not found:
        raise UserError(f"{path}: has no {' or '.join(FILES)}; give the folder with this file and the images")
    roots = dict.fromkeys((found[0].parent, found[0].parent / "data", *folders))
    rows = ((place, row) for place, _, row in list_entries(found[0]))
    return make_set("rise", rows, partial(_to_item, tuple(roots)), path)


def _to_item(roots: Sequence[Path], row: Mapping[str, Any]) -> BenchItem:
    category = read_text(row, "category")
    return BenchItem(
        item_id=make_id(category, read_text(row, "index")),
        task=category,
        instruction=read_text(row, "instruction"),
        source=find_first_image(roots, row.get("image")),
        target=_find_reference(roots, row),
        extra={
            "subtask": find_text(row, "subtask") or "",
            "reference": find_text(row, "reference_txt", "reference") or "",
            "shows_source": _is_given(row.get("reasoning_img")),
            "is_alone": _is_given(row.get("reasoning_wo_ins")),
            "consistency_free": _is_given(row.get("consistency_free")),
        },
    )


def _find_reference(roots: Sequence[Path], row: Mapping[str, Any]) -> ImageFile | None:
    """Return the reference image; a logical row with a reference text does not use it."""
    is_text = row.get("category") == LOGICAL and _is_given(row.get("reference_txt"))
    reference = row.get("reference_img")
    return find_first_image(roots, reference) if _is_given(reference) and not is_text else None


def _is_given(value: object) -> bool:
    """Return whether a row has a value; empty cells of a table are None or NaN."""
    return value is not None and not (isinstance(value, float) and isnan(value))


def get_protocol(_: str) -> Protocol:
    return Protocol(
        judge="gpt-4.1-2025-04-14",
        columns=COLUMNS,
        show=_show,
        combine=combine,
        aggregate=aggregate,
        missing=(
            "Its script stops at a missing output. In the accuracy, a reply without a score counts as not solved; in "
            "the scores, it is left out."
        ),
        scale="accuracy and scores in percent",
        prompts="rise",
        keeps_size=True,
    )


def _show(item: BenchItem) -> JudgeInputs:
    images = {"source": item.source} | ({"ground_truth": item.target} if item.target else {})
    words = {"instruction": item.instruction, "reference": item.extra["reference"]}
    return JudgeInputs(images, words, _name_task(item))


def _name_task(item: BenchItem) -> str:
    """Return the task of the rubric `rise` (`omniedit.scoring.prompts.rise`)."""
    extra, kind = item.extra, ""
    if item.target and item.task in ("spatial_reasoning", LOGICAL):
        kind = ":image_alone" if item.task == LOGICAL and extra["is_alone"] else ":image"
    elif extra["shows_source"] and item.task != LOGICAL:
        kind = ":input"
    return f"{item.task}{kind}{':free' if extra['consistency_free'] and item.task != LOGICAL else ''}"


def combine(row: ItemRow) -> dict[str, float]:
    """Return accuracy, score and dimensions of an edit in percent; {} if a required score is missing."""
    scores = _scale_scores(row)
    weights = _choose_weights(row, bool(row.get("consistency_free")))
    if any(name not in scores for name in weights):
        return {}
    dimensions = {name: _to_percent(scores[name]) for name in weights}
    solved = all(scores[name] == BEST_SCORE for name in weights)
    return {"accuracy": 100.0 * solved, "score": _to_percent(_weigh(scores, weights)), **dimensions}


def _scale_scores(row: ItemRow) -> dict[str, float]:
    """Return the scores from 1 to 5; in logical reasoning, 0 becomes 1 and 1 becomes 5."""
    scores = {column: score for column, name in NAMES.items() if (score := get_score(row, name)) is not None}
    if row["task"] == LOGICAL:
        return {column: 4 * min(score, 1) + 1 for column, score in scores.items()}
    return scores


def _choose_weights(row: ItemRow, is_free: bool) -> Mapping[str, float]:
    return WEIGHTS_LOGICAL if row["task"] == LOGICAL else WEIGHTS_FREE if is_free else WEIGHTS


def _weigh(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted score from 1 to 5; if the edit shows no reasoning, the score is halved, but not below 1."""
    score = sum(weight * scores[name] for name, weight in weights.items())
    return max(1.0, score / 2) if scores[REASONING] == 1 else score


def _to_percent(score: float) -> float:
    return 25 * (score - 1)


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return a row for each category, one over all edits, and a row for each subtask.

    `official` has the figure that gpt_eval.py prints, if it differs: an edit without a score is not solved, and the
    weights of edits marked `consistency_free` are used for all edits once one edit of the set is marked. The reason is
    that pandas fills empty cells with NaN, which Python treats as true. BAGEL's published RISE scores show this effect.
    """
    has_free = any(row.get("consistency_free") for row in rows)
    groups = {
        CATEGORIES.get(name, name): members for name, members in group_rows(rows, "task", tuple(CATEGORIES)).items()
    }
    subtasks = group_rows([row for row in rows if row.get("subtask")], "subtask")
    named = [*groups.items(), (MEAN_OF_ITEMS, list(rows)), *subtasks.items()]
    return [_average(name, members, has_free) for name, members in named]


def _average(name: str, rows: Sequence[ItemRow], has_free: bool) -> GroupRow:
    mean = average(name, rows, combine, COLUMNS)
    missing = tuple(str(row["item_id"]) for row in rows if not combine(row))
    scores = list(_score_officially(rows, has_free))
    official = {"accuracy": sum(combine(row).get("accuracy", 0.0) for row in rows) / len(rows)} if rows else {}
    official |= {"score": sum(scores) / len(scores)} if scores else {}
    differing = {column: value for column, value in official.items() if value != mean.values.get(column)}
    return replace(mean, missing=missing, official=differing)


def _score_officially(rows: Sequence[ItemRow], has_free: bool) -> Iterator[float]:
    """Yield the scores in percent as gpt_eval.py weighs them."""
    for row in rows:
        scores, weights = _scale_scores(row), _choose_weights(row, has_free)
        if combine(row) and all(name in scores for name in weights):
            yield _to_percent(_weigh(scores, weights))
