"""Pairs of one colour, and the judge of their scores, for tests of the filter."""

import numpy as np

from omniedit.pairs import EditPair
from omniedit.tasks import Task

BY = {"judge": "student", "prompt_hash": "abc"}


def make_pair(name: str, source: str = "sea", instruction: str = "Turn it red.", shade: int = 0) -> EditPair:
    image = np.zeros((8, 8, 3), np.uint8)
    provenance = {"source_id": source, "source_sha256": f"sha-{source}", "ratio": "1x1"}
    return EditPair(name, Task.STYLE_TRANSFER, (instruction,), image, image + np.uint8(shade), None, provenance)
