"""What a judge is asked: the rubric texts under `rubrics/`, and the reply they ask for."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Rubric:
    """A fixed text that goes before the pictures; `digest` is stored with every score given under it."""

    name: str
    text: str
    num_scores: int

    @property
    def digest(self) -> str:
        """16 hex digits of the text's SHA-256."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@cache
def edit_rubric() -> Rubric:
    """The rubric of an edit: success and restraint (VIEScore's two sub-scores of semantic consistency, Ku et al. 2024),
    then OmniEdit's single score of perceptual quality and its rule that an absent object makes success 0.
    """
    text = (resources.files("omniedit.scoring") / "rubrics" / "edit.txt").read_text(encoding="utf-8")
    return Rubric("edit", text, num_scores=3)


def format_reply(scores: Sequence[float], reasoning: str) -> str:
    """The reply that the rubric asks for, with whole scores: `{"score": [9, 10, 8], "reasoning": "..."}`."""
    return json.dumps({"score": [round(score) for score in scores], "reasoning": reasoning})
