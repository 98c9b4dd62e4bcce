"""Rubrics under `rubrics/`: the questions that a judge answers about an example, and the replies that they ask for."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import sqrt
from typing import Any

import yaml

from omniedit.config.schema import ScoringConfig
from omniedit.errors import UserError

_FOLDER = resources.files("omniedit.scoring") / "rubrics"


@dataclass(frozen=True)
class Question:
    """One question of a rubric; its reply is `{"score": [...], "reasoning": "..."}`.

    Args:
        text: fixed text; it goes first, so that endpoints that cache the beginning of prompts store it once.
        images: names of the images that follow, in order.
        words: names of the texts that follow the images.
        scores: names of the scores that the question asks for, in order.
    """

    text: str
    images: tuple[str, ...]
    words: tuple[str, ...]
    scores: tuple[str, ...]


@dataclass(frozen=True)
class Rubric:
    """Questions, and how their scores combine to SC and PQ; `digest` is stored with every score."""

    name: str
    questions: tuple[Question, ...]
    sc: tuple[str, ...]
    pq: tuple[str, ...]

    @property
    def text(self) -> str:
        """Fixed texts of all questions."""
        return "".join(question.text for question in self.questions)

    @property
    def digest(self) -> str:
        """16 hex digits of the SHA-256 of all questions and of how their scores combine to SC and PQ."""
        questions = [[part.text, part.images, part.words, part.scores] for part in self.questions]
        return hashlib.sha256(json.dumps([questions, self.sc, self.pq]).encode()).hexdigest()[:16]

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images that an example must have."""
        return tuple(dict.fromkeys(name for question in self.questions for name in question.images))

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the texts that an example must have."""
        return tuple(dict.fromkeys(name for question in self.questions for name in question.words))

    @property
    def scores(self) -> tuple[str, ...]:
        return tuple(name for question in self.questions for name in question.scores)

    @property
    def num_scores(self) -> int:
        return len(self.scores)

    def overall(self, scores: Mapping[str, float]) -> tuple[float, float, float]:
        """Return SC, PQ and O = sqrt(SC * PQ); SC and PQ are each the minimum of their scores (VIEScore, section 3)."""
        sc, pq = (min(scores[name] for name in names) for names in (self.sc, self.pq))
        return sc, pq, sqrt(sc * pq)


@cache
def rubrics() -> dict[str, Rubric]:
    """Return all rubrics of `rubrics/rubrics.yaml` by name."""
    rubric_file = yaml.safe_load((_FOLDER / "rubrics.yaml").read_text(encoding="utf-8"))
    return {
        name: Rubric(name, tuple(map(_question, parts["questions"])), tuple(parts["sc"]), tuple(parts["pq"]))
        for name, parts in rubric_file.items()
    }


def _question(parts: Mapping[str, Any]) -> Question:
    text = (_FOLDER / parts["text"]).read_text(encoding="utf-8")
    return Question(text, *(tuple(parts[part]) for part in ("images", "words", "scores")))


def load_rubric(name: str) -> Rubric:
    if name not in rubrics():
        raise UserError(f"no rubric '{name}'; there are: {', '.join(rubrics())}")
    return rubrics()[name]


def edit_rubric() -> Rubric:
    """Return the rubric of an edit pair.

    It asks for success and restraint (VIEScore's two sub-scores of semantic consistency, Ku et al. 2024), then for
    OmniEdit's single score of perceptual quality. As in OmniEdit, an absent object makes success 0.
    """
    return load_rubric("edit")


def format_reply(scores: Sequence[float], reasoning: str) -> str:
    """Return the reply that a rubric asks for, with rounded scores: `{"score": [9, 10, 8], "reasoning": "..."}`."""
    return json.dumps({"score": [round(score) for score in scores], "reasoning": reasoning})


def judge_fingerprint(scoring: ScoringConfig, judge: str | None) -> str:
    """Return as text all that decides a judge's scores besides its weights; if it changes, pairs are scored again.

    Args:
        judge: the run's judge, the teacher or the benchmark's judge; None returns ''.
    """
    if judge is None:
        return ""
    options = {
        "reference": "",
        "student": scoring.readout,
        "api": scoring.api.asked,
        "internvl": f"{scoring.readout}, {scoring.internvl.max_tiles} tiles",
        "vlm": f"{scoring.readout}, {scoring.vlm.asked}",
    }
    rubric = load_rubric(scoring.api.rubric if judge == "api" else "edit")
    return " ".join(filter(None, (options[judge], f"rubric {rubric.digest}")))
