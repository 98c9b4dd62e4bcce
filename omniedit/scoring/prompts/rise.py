"""Prompts of RISEBench (PhoenixZ810/RISEBench): `utils.py`, with texts for `str.format`.

A task is a category of the benchmark. Rows of two categories may have a reference image in place of a text, and rows of
three may show the source image with the reference text; their tasks are `CATEGORY:image` and `CATEGORY:input`. Rows
marked `consistency_free` have tasks that end in `:free`, rows marked `reasoning_wo_ins` have `CATEGORY:image_alone`.
Each question ends in `**Final Score:** **X**`. The weights are those of `calculate_score` in gpt_eval.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniedit.scoring.prompts.constants import choose, find_file, from_format, read_constants

FIELDS = {"instruct": "instruction", "reference": "reference"}
WEIGHTS = {"appearance_consistency": 0.3, "instruction_reasoning": 0.5, "visual_plausibility": 0.2}
WEIGHTS_WITHOUT_CONSISTENCY = {"instruction_reasoning": 0.8, "visual_plausibility": 0.2}
CONSISTENCY_FREE = ":free"
"""Suffix of the tasks of rows marked `consistency_free`."""
TWO_SCORE_WEIGHTS = {"appearance_consistency": 0.3, "instruction_reasoning": 0.7}
_CHANGE = ("prompt_consist", "source"), ("prompt_reasoning", ""), "prompt_generation"
_CHANGE_OF_INPUT = ("prompt_consist", "source"), ("prompt_reasoning_w_input", "source"), "prompt_generation"
TASKS: Mapping[str, tuple[tuple[str, str], tuple[str, str], str]] = {
    "temporal_reasoning": _CHANGE,
    "temporal_reasoning:input": _CHANGE_OF_INPUT,
    "causal_reasoning": _CHANGE,
    "causal_reasoning:input": _CHANGE_OF_INPUT,
    "spatial_reasoning": (("prompt_spatial_cons", "source"), ("prompt_spatial_ref", ""), "prompt_spatial_qual"),
    "spatial_reasoning:input": (
        ("prompt_spatial_cons", "source"),
        ("prompt_spatial_ref_w_input", "source"),
        "prompt_spatial_qual",
    ),
    "spatial_reasoning:image": (
        ("prompt_spatial_cons", "ground_truth"),
        ("prompt_spatial_ref_img", "ground_truth"),
        "prompt_spatial_qual",
    ),
    "logical_reasoning": (("prompt_logical_cons_ans", "source"), ("prompt_logical_txt", ""), ""),
    "logical_reasoning:image": (("prompt_logical_cons", "ground_truth"), ("prompt_logical_img", "ground_truth"), ""),
    "logical_reasoning:image_alone": (
        ("prompt_logical_cons", "ground_truth"),
        ("prompt_logical_img_wo_q", "ground_truth"),
        "",
    ),
}
"""By task: prompt and first image of consistency, prompt and first image of reasoning, and prompt of plausibility."""


def find_rise(folder: Path) -> Path | None:
    path = find_file(folder, ("utils.py",))
    return path if path and "prompt_spatial_cons" in read_constants(path) else None


def read_rise(path: Path, _: str) -> dict[str, Any]:
    """Return the rubric of RISEBench, with a task for each category and kind of reference."""
    texts = read_constants(path)
    free = [f"{task}{CONSISTENCY_FREE}" for task, (*_, plausibility) in TASKS.items() if plausibility]
    return {"range": [1, 5], "tasks": {task: _task(texts, task, path) for task in (*TASKS, *free)}}


def _task(texts: Mapping[str, str], task: str, path: Path) -> dict[str, Any]:
    consistency, reasoning, plausibility = TASKS[task.removesuffix(CONSISTENCY_FREE)]
    values = None if plausibility else [0, 1]
    questions = [
        _question(texts, *consistency, "appearance_consistency", values, path),
        _question(texts, *reasoning, "instruction_reasoning", values, path),
    ]
    if not plausibility:
        return {
            "questions": questions,
            "sc": ["instruction_reasoning"],
            "pq": ["appearance_consistency"],
            "overall": {"weighted": TWO_SCORE_WEIGHTS},
        }
    if task.endswith(CONSISTENCY_FREE):
        del questions[0]
    questions.append(_question(texts, plausibility, "", "visual_plausibility", None, path))
    weights = WEIGHTS_WITHOUT_CONSISTENCY if task.endswith(CONSISTENCY_FREE) else WEIGHTS
    semantic = [name for name in weights if name != "visual_plausibility"]
    return {"questions": questions, "sc": semantic, "pq": ["visual_plausibility"], "overall": {"weighted": weights}}


def _question(
    texts: Mapping[str, str], prompt: str, image: str, score: str, values: list[int] | None, path: Path
) -> dict[str, Any]:
    choice = choose(texts, [prompt], path)[0]
    # Prompts without a field are sent unchanged, so their braces are not format fields.
    text = from_format(choice, FIELDS, path) if any(f"{{{field}}}" in choice for field in FIELDS) else choice
    return {
        "text": text,
        "images": {name: "" for name in (image, "edited") if name},
        "words": [name for name in FIELDS.values() if f"<{name}>" in text],
        "scores": {score: {"values": values}} if values else [score],
        "reply": "lines",
        "key": "Final Score",
        "max_tokens": 4096,
    }
