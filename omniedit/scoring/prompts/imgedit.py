"""Prompts of ImgEdit-Bench (PKU-YuanGroup/ImgEdit): a JSON file with a prompt for each edit type.

The file comes with the benchmark's data. Each prompt shows the lines of its reply, `Prompt Compliance: A number from 1
to 5.`, whose names differ between the types. The benchmark's score is the mean of the three.
"""

import json
import re
from pathlib import Path
from typing import Any

from omniedit.errors import UserError

PLACE = "<edit_prompt>"
FOLDERS = ("", "Benchmark/Basic", "Basic")
MAX_BYTES = 2_000_000
_LINE = re.compile(r"^[ \t*]*([A-Z][^:\n]{0,60}?)[ \t*]*:[ \t*]*A number from 1 to 5", re.MULTILINE)
_IS_CAPPED = re.compile(r"second and third score should (?:be )?no higher than (?:the )?first", re.IGNORECASE)


def find_imgedit(folder: Path) -> Path | None:
    """Return the JSON file with a prompt for each edit type."""
    files = (file for place in FOLDERS for file in sorted((folder / place).glob("*prompt*.json")))
    return next((file for file in files if file.stat().st_size <= MAX_BYTES and PLACE in _read_text(file)), None)


def read_imgedit(path: Path, _: str) -> dict[str, Any]:
    """Return the rubric of ImgEdit-Bench, with a task for each edit type.

    Raises:
        UserError: the content of the file is not as expected.
    """
    try:
        prompts = json.loads(_read_text(path))
    except (ValueError, RecursionError):
        prompts = None
    if not (isinstance(prompts, dict) and prompts and all(isinstance(text, str) for text in prompts.values())):
        raise UserError(f"{path}: has no prompt for each edit type; give the folder of ImgEdit-Bench's prompts.json")
    scores = ["score_1", "score_2", "score_3"]
    return {
        "range": [1, 5],
        "tasks": {task: {"questions": [_question(text, scores, f"{path}: {task}")]} for task, text in prompts.items()},
        "sc": scores[:1],
        "pq": {"mean": scores[1:]},
        "overall": {"mean": scores},
    }


def _question(text: str, scores: list[str], place: str) -> dict[str, Any]:
    lines = _LINE.findall(text)
    if len(lines) != len(scores) or PLACE not in text:
        raise UserError(f"{place}: shows {len(lines)} scores from 1 to 5 instead of {len(scores)}; check it out again")
    cap = {"at_most": scores[0]} if _IS_CAPPED.search(text) else {}
    return {
        "text": text.replace(PLACE, "<instruction>"),
        "images": {"source": "", "edited": ""},
        "words": ["instruction"],
        "scores": {
            name: {"key": key} | (cap if number else {})
            for number, (name, key) in enumerate(zip(scores, lines, strict=True))
        },
        "reply": "lines",
        "reasoning": "Brief reasoning",
    }


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
