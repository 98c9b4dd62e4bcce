"""Pairs for an API judge, and the judge at an address."""

from pathlib import Path
from typing import Any

import numpy as np

from omniedit.pairs import EditPair
from omniedit.scoring.rubric_registry import load_rubric
from omniedit.scoring.vlm_judges.api import ApiJudge
from omniedit.tasks import Task
from omniedit.vlm import Client, Endpoint
from omniedit.vlm.cache import Cache
from omniedit.vlm.retries import Retries

KEY = "sk-secret"
GOOD = '{"score": [8, 9, 7], "reasoning": "Fine."}'


def make_pair(number: int, instruction: str = "Make it night.", side: int = 16) -> EditPair:
    source, edited = np.random.default_rng(number).integers(0, 255, (2, side, 2 * side, 3), np.uint8)
    return EditPair(f"p{number}", Task.ENVIRONMENT_CHANGE, (instruction,), source, edited, None, {})


PAIRS = [make_pair(number) for number in range(4)]
HEALTHY = make_pair(9, "Add fog.")


def judge_at(url: str, cache: Path, rubric: str = "edit", timeout_s: float = 60, **retries: Any) -> ApiJudge:
    retries = {"tries": 2, "sleep": lambda seconds: None} | retries
    endpoint = Endpoint(url, "judge", KEY, timeout_s=timeout_s)
    return ApiJudge(Client(endpoint, Cache(cache), retries=Retries(**retries)), load_rubric(rubric), max_side=1024)
