"""I2EBench (cocoshe/I2EBench, Ma et al. 2024): 16 dimensions, each with original and diverse instructions.

Each folder of a dimension in `EditData` has `{dimension}.json`: {id: {image, ori_exp, div_exp, type}}, with
`Evaluation` and `Answer` if a question is asked about the edit, `style` for styles and `mask` for regions. Images are
in `input/`, right results in `gt/`, masks in `mask/`. Outputs are `EditResult/{dimension}/{model}/{image}`; an item's
id is `{dimension}/{image}` without the suffix.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, JudgeInputs, Protocol
from omniedit.evaluation.bench.sets.averages import average_groups, get_score, group_rows
from omniedit.evaluation.bench.sets.rows import find_image, find_text, list_entries, make_id, make_set, read_text
from omniedit.pairs import Captions

RESTORATIONS = (
    *("Deblurring", "HazeRemoval", "Lowlight", "NoiseRemoval", "RainRemoval", "ShadowRemoval", "SnowRemoval"),
    "WatermarkRemoval",
)
"""Dimensions that compare the edit with the right result by SSIM."""
STYLE, REGION = "StyleAlteration", "RegionAccuracy"
QUESTIONS = (*("BGReplacement", "ColorAlteration", "Counting", "DirectionPerception", "ObjectRemoval", "Replacement"),)
"""Dimensions that ask a question about the edit and compare the answer."""
DIMENSIONS = tuple(sorted((*RESTORATIONS, STYLE, REGION, *QUESTIONS)))
SCORES = (
    dict.fromkeys(RESTORATIONS, "ssim") | {STYLE: "clip_t", REGION: "ssim_outside"} | dict.fromkeys(QUESTIONS, "right")
)
"""Score of each dimension: a metric, or `right`, 1 if the answer to the question is the expected one and 0 if not."""
COLUMNS = ("score",)
CLIP_SCALE = 100
"""Factor of CLIP's logits; the benchmark gives the logit, not the cosine."""
INSTRUCTIONS = {"original": "ori_exp", "diverse": "div_exp"}


def read(path: Path, part: str) -> BenchSet:
    """Read the items of all dimensions with the `original` or the `diverse` instructions.

    Raises:
        UserError: the folder has no dimension.
    """
    root = path / "EditData" if (path / "EditData").is_dir() else path
    files = [file for name in DIMENSIONS if (file := root / name / f"{name}.json").is_file()]
    if not files:
        raise UserError(f"{path}: has no folder of a dimension, such as Counting/Counting.json; give EditData")
    return make_set(f"i2e-{part}", _list_rows(files), partial(_to_item, INSTRUCTIONS[part]), path)


def _list_rows(files: Sequence[Path]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in files:
        for place, _, row in list_entries(file):
            yield place, {**row, "folder": file.parent}


def _to_item(column: str, row: Mapping[str, Any]) -> BenchItem:
    folder: Path = row["folder"]
    image = read_text(row, "image")
    task = folder.name
    return BenchItem(
        item_id=make_id(task, str(Path(image).with_suffix(""))),
        task=task,
        instruction=read_text(row, column),
        source=find_image(folder / "input", image),
        target=find_image(folder / "gt", image) if task in RESTORATIONS else None,
        mask=find_image(folder / "mask", row.get("mask")) if task == REGION else None,
        captions=Captions(edited=read_text(row, "style") if task == STYLE else None),
        extra={
            "type": (find_text(row, "type") or "global").lower(),
            "question": read_text(row, "Evaluation") if task in QUESTIONS else "",
            "answer": read_text(row, "Answer") if task in QUESTIONS else "",
        },
    )


def get_protocol(_: str) -> Protocol:
    return Protocol(
        judge="GPT-4V answers the question, GPT-4 Turbo compares the answer",
        columns=COLUMNS,
        show=lambda item: JudgeInputs({}, {name: item.extra[name] for name in ("question", "answer")}, item.task),
        combine=combine,
        aggregate=aggregate,
        missing="Its scripts stop at a missing output.",
        scale="0 to 1; StyleAlteration: CLIP's logit, about 15 to 35",
        rubric=str(Path(__file__).parent / "rubrics/i2e.yaml"),
        metrics=("ssim", "clip_t", "ssim_outside"),
        keeps_size=True,
    )


def combine(row: ItemRow) -> dict[str, float]:
    """Return the score of an edit in its dimension."""
    score = get_score(row, SCORES.get(row["task"], ""))
    if score is None:
        return {}
    return {"score": score * CLIP_SCALE if row["task"] == STYLE else score}


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the mean score of each dimension, as summary.py does; it has no mean over dimensions."""
    return average_groups(group_rows(rows, "task", DIMENSIONS), combine, COLUMNS)


def read_recorded(path: Path, _: str) -> list[ItemRow]:
    """Read the scores that the benchmark's scripts wrote for a model: `{dimension}/{model}.json`.

    Args:
        path: `EditEval/{model}` or `EditEval_ori/{model}`, although the files are in the folders of the dimensions.

    Raises:
        UserError: the folder has no file of the model.
    """
    folder, model = path.parent, path.name.removesuffix(".json")
    files = [file for name in DIMENSIONS if (file := folder / name / f"{model}.json").is_file()]
    if not files:
        raise UserError(f"{folder}: has no DIMENSION/{model}.json; give EditEval/MODEL or EditEval_ori/MODEL")
    entries = ((file.parent.name, key, row) for file in files for _, key, row in list_entries(file))
    return [
        {"item_id": f"{task}/{key}", "task": task, SCORES[task]: _read_score(task, row)} for task, key, row in entries
    ]


def _read_score(task: str, row: Mapping[str, Any]) -> float | None:
    if task in QUESTIONS:
        return float("yes" in str(row.get("final_judgement", "")).lower())
    evaluation = row.get("evaluation")
    values = list(evaluation.values()) if isinstance(evaluation, dict) else []
    score = get_score({"score": values[0]}, "score") if values else None
    return score / CLIP_SCALE if score is not None and task == STYLE else score
