"""Prompts of KRIS-Bench (mercurystraw/Kris_Bench): `prompts.py`, with texts for `str.format`.

A task is a category of the benchmark. All categories have questions about consistency and quality. Categories that need
knowledge have one question about instruction and knowledge; a change of viewpoint also shows the ground truth. Two
categories have several source images: `multi-element_composition:N` has N of them, and in `temporal_prediction:N` frame
N of four is predicted.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniedit.scoring.prompts.constants import choose, find_file, from_format, read_constants

PLAIN = (
    *("count_change", "color_change", "position_movement", "size_adjustment", "part_completion"),
    "multi-instruction_execution",
)
KNOWLEDGE = (
    *("abstract_reasoning", "mathematics", "practical_knowledge", "medicine", "rule-based_reasoning"),
    *("biology", "geography", "chemistry", "humanities", "physics"),
)
FIELDS = {"instruct": "instruction", "explanation": "explanation"}
SOURCES = range(2, 6)
"""Numbers of source images in `multi-element_composition`."""
FRAMES = range(1, 5)
PREDICTED = "Predicted Image:"
LABELS = {
    "source": "This is the original image:",
    "edited": "This is the edited image:",
    "ground_truth": "This is the ground truth image:",
}


def find_kris(folder: Path) -> Path | None:
    path = find_file(folder, ("ReasonEdit/prompts.py", "prompts.py", "utils/prompts.py"))
    return path if path and "prompt_dual_evaluation" in read_constants(path) else None


def read_kris(path: Path, _: str) -> dict[str, Any]:
    """Return the rubric of KRIS-Bench, with a task for each category."""
    texts = read_constants(path)
    plain = _task(texts, "prompt_instruction_following", path)
    tasks = dict.fromkeys(PLAIN, plain) | dict.fromkeys(KNOWLEDGE, _knowledge_task(texts, path))
    tasks["anomaly_correction"] = _task(texts, "prompt_abnormal_instruction_following", path)
    tasks["viewpoint_change"] = _task(texts, "prompt_view_instruction_following", path, "ground_truth")
    tasks |= {f"multi-element_composition:{count}": _sources_task(texts, count, path) for count in SOURCES}
    tasks |= {f"temporal_prediction:{frame}": _frames_task(texts, frame, path) for frame in FRAMES}
    return {"range": [1, 5], "tasks": tasks}


def _task(texts: Mapping[str, str], prompt: str, path: Path, *more_images: str) -> dict[str, Any]:
    labels = _choose_labels("source", "edited", *more_images)
    question = _question(texts, prompt, path, labels, {"instruction_following": "instruction"})
    return _combine([question, *_common(texts, path)], ["instruction_following", "consistency"])


def _knowledge_task(texts: Mapping[str, str], path: Path) -> dict[str, Any]:
    keys = {"instruction_following": "instruction", "knowledge": "knowledge"}
    dual = _question(texts, "prompt_dual_evaluation", path, _choose_labels("source", "edited"), keys)
    dual |= {"reasoning": "instruction_reasoning", "texts": ["knowledge_reasoning"]}
    return _combine([dual, *_common(texts, path)], ["instruction_following", "knowledge", "consistency"])


def _sources_task(texts: Mapping[str, str], count: int, path: Path) -> dict[str, Any]:
    """Return the task of compositions of several source images."""
    labels = {f"source_{number}": f"Reference Image {number}:" for number in range(1, count + 1)}
    return _several_task(
        texts, ("prompt_instruction_multi", "prompt_consist_multi"), labels | {"edited": PREDICTED}, path
    )


def _frames_task(texts: Mapping[str, str], predicted: int, path: Path) -> dict[str, Any]:
    """Return the task of sequences of four frames, in which frame number `predicted` is predicted."""
    numbered = {name: text.replace("{N}", str(predicted)) for name, text in texts.items()}
    labels = {f"source_{frame}": f"Frame {frame} (Reference):" for frame in FRAMES}
    ordered = {("edited" if name == f"source_{predicted}" else name): label for name, label in labels.items()}
    ordered["edited"] = f"Frame {predicted} (Generated):"
    return _several_task(numbered, ("prompt_instruction_temporal", "prompt_consist_temporal"), ordered, path)


def _several_task(
    texts: Mapping[str, str], prompts: tuple[str, str], labels: Mapping[str, str], path: Path
) -> dict[str, Any]:
    keys = ({"instruction_following": "instruction"}, {"consistency": "consistency"})
    both = [_question(texts, prompt, path, labels, key) for prompt, key in zip(prompts, keys, strict=True)]
    quality = _question(
        texts, "prompt_quality", path, {"edited": "This is the image to evaluate:"}, {"quality": "quality"}
    )
    return _combine([*both, quality], ["instruction_following", "consistency"])


def _choose_labels(*names: str) -> dict[str, str]:
    return {name: LABELS[name] for name in names}


def _common(texts: Mapping[str, str], path: Path) -> list[dict[str, Any]]:
    """Return the questions that all categories share."""
    return [
        _question(texts, "prompt_consist", path, _choose_labels("source", "edited"), {"consistency": "consistency"}),
        _question(texts, "prompt_quality", path, _choose_labels("edited"), {"quality": "quality"}),
    ]


def _combine(questions: list[dict[str, Any]], semantic: list[str]) -> dict[str, Any]:
    return {
        "questions": questions,
        "sc": {"mean": semantic},
        "pq": ["quality"],
        "overall": {"mean": [*semantic, "quality"]},
    }


def _question(
    texts: Mapping[str, str], prompt: str, path: Path, labels: Mapping[str, str], keys: Mapping[str, str]
) -> dict[str, Any]:
    text = choose(texts, [prompt], path)[0]
    # prompt_quality is sent unchanged, so its braces are not format fields.
    text = text if prompt == "prompt_quality" else from_format(text, FIELDS, path)
    return {
        "text": text,
        "images": dict(labels),
        "words": [name for name in FIELDS.values() if f"<{name}>" in text],
        "scores": {name: {"key": f"{key}_score"} for name, key in keys.items()},
        "max_tokens": 1000,
    }
