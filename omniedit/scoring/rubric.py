"""Rubrics: the questions that a judge answers about an example, and the replies that they ask for.

Rubrics are data: `omniedit.scoring.rubric_file` reads them from YAML.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from omniedit.scoring.combination import Combination
from omniedit.scoring.reply_form import ReplyForm, Scale

GEOMETRIC_O = Combination(("sc", "pq"), "geometric")
"""O = sqrt(SC * PQ)."""
PASS_TEMPERATURE = 0.7
"""Sampling temperature if there are several passes, unless the rubric sets another; the value is EditScore's."""
REPLY_TOKENS = 400
"""Maximum length of a reply, unless the question sets another."""


@dataclass(frozen=True)
class Shot:
    """Example that a question shows with its reply.

    Args:
        images: paths of its images by name.
        words: its texts by name.
        reply: the reply to the example; '' if the question's own text contains it.
        digest: SHA-256 of the contents of its images.
    """

    images: Mapping[str, str]
    words: Mapping[str, str]
    reply: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Question:
    """One question of a rubric; its reply is `{"score": [...], "reasoning": "..."}` unless it has another form.

    Args:
        text: fixed text. It goes first, so that endpoints that cache the beginning of prompts store it once. A name in
            angle brackets, such as `<instruction>`, is replaced by that text of the example.
        images: names of the images that follow, in order.
        words: names of the texts; texts without a placeholder in `text` follow the images.
        scores: names of the scores that the question asks for, in order.
        form: form of the reply; None for scores from 0 to 10.
        labels: texts before the images, by their names; an image without one is introduced by its name.
        shots: examples with their replies, shown before the question's own images.
        max_tokens: maximum length of the reply.
    """

    text: str
    images: tuple[str, ...]
    words: tuple[str, ...]
    scores: tuple[str, ...]
    form: ReplyForm | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    shots: tuple[Shot, ...] = ()
    max_tokens: int = REPLY_TOKENS

    @property
    def reply_form(self) -> ReplyForm:
        return self.form or ReplyForm((Scale(),) * len(self.scores), self.scores)

    @property
    def is_plain(self) -> bool:
        """True if the prompt is text, named images and named texts, and the scores are from 0 to 10."""
        has_places = any(f"<{name}>" in self.text for name in self.words)
        return not (self.form or self.labels or self.shots or has_places)

    def to_data(self) -> list[Any]:
        """Return all settings that decide the scores, as JSON values. Default values are left out."""
        data: list[Any] = [self.text, self.images, self.words, self.scores]
        shots = [asdict(shot) | {"images": sorted(shot.images)} for shot in self.shots]
        form = asdict(self.form) if self.form else None
        limit = self.max_tokens if self.max_tokens != REPLY_TOKENS else None
        more = {"form": form, "labels": dict(self.labels), "shots": shots, "max_tokens": limit}
        filled = {name: value for name, value in more.items() if value}
        return [*data, filled] if filled else data


@dataclass(frozen=True)
class Rubric:
    """Questions, and the rules that combine their scores to SC, PQ and O. `digest` is stored with every score.

    Args:
        questions: questions about an example; empty if every task has its own.
        sc, pq: names of the scores that SC and PQ combine.
        sc_rule, pq_rule: combinations of SC and PQ other than the minimum.
        o: combination to O; it may name `sc`, `pq` and any score.
        caps: for some scores, the score whose value they must not exceed.
        passes: number of times that each question is asked; SC, PQ and O are the means over the passes.
        temperature: sampling temperature of the passes.
        tasks: rubrics of the tasks that have their own questions.
    """

    name: str
    questions: tuple[Question, ...]
    sc: tuple[str, ...]
    pq: tuple[str, ...]
    sc_rule: Combination | None = None
    pq_rule: Combination | None = None
    o: Combination = GEOMETRIC_O
    caps: Mapping[str, str] = field(default_factory=dict)
    passes: int = 1
    temperature: float = 0
    tasks: Mapping[str, "Rubric"] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Fixed texts of all questions."""
        return "".join(question.text for question in self.questions)

    @property
    def digest(self) -> str:
        """16 hex digits of the SHA-256 of all questions and of how their scores combine to SC, PQ and O."""
        data: list[Any] = [[question.to_data() for question in self.questions], self.sc, self.pq]
        more = {
            "sc": self.sc_rule and asdict(self.sc_rule),
            "pq": self.pq_rule and asdict(self.pq_rule),
            "o": asdict(self.o) if self.o != GEOMETRIC_O else None,
            "caps": dict(self.caps),
            "passes": [self.passes, self.temperature] if self.passes > 1 else None,
            "tasks": {task: rubric.digest for task, rubric in self.tasks.items()},
        }
        filled = {name: value for name, value in more.items() if value}
        return hashlib.sha256(json.dumps([*data, filled] if filled else data).encode()).hexdigest()[:16]

    @property
    def variants(self) -> tuple["Rubric", ...]:
        """Rubrics with questions: this one, if it has any, and those of its tasks."""
        return (*((self,) if self.questions else ()), *self.tasks.values())

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images that an example of any task must have."""
        return _unique(name for variant in self.variants for question in variant.questions for name in question.images)

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the texts that an example of any task must have."""
        return _unique(name for variant in self.variants for question in variant.questions for name in question.words)

    @property
    def scores(self) -> tuple[str, ...]:
        return _unique(name for variant in self.variants for question in variant.questions for name in question.scores)

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the fields with texts, besides the rationale."""
        forms = (question.reply_form for variant in self.variants for question in variant.questions)
        return _unique(name for form in forms for name in form.texts)

    @property
    def num_scores(self) -> int:
        return len(self.scores)

    @property
    def scales(self) -> dict[str, Scale]:
        """Scale of each score by its name."""
        return {
            name: scale
            for question in self.questions
            for name, scale in zip(question.scores, question.reply_form.scales, strict=True)
        }

    def for_task(self, task: str) -> "Rubric | None":
        """Return the rubric for the examples of a task; None if there are no questions about them."""
        if task in self.tasks or not self.questions:
            return self.tasks.get(task)
        return replace(self, tasks={}) if self.tasks else self

    def replace_passes(self, passes: int) -> "Rubric":
        """Return this rubric with another number of passes."""
        temperature = (self.temperature or PASS_TEMPERATURE) if passes > 1 else 0
        return replace(self, passes=passes, temperature=temperature)

    def normalise(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Map scores to [0, 10], each linearly from its own scale, and apply the caps."""
        scales = self.scales
        even = {name: scales[name].normalise(score) for name, score in scores.items()}
        return {name: min(score, even[self.caps.get(name, name)]) for name, score in even.items()}

    def overall(self, scores: Mapping[str, float]) -> tuple[float, float, float]:
        """Return SC, PQ and O of scores in their own scales, each in [0, 10].

        Unless the rubric says otherwise, SC and PQ are each the minimum of their scores and O = sqrt(SC * PQ)
        (VIEScore, section 3).
        """
        even = self.normalise(scores)
        sc, pq = (rule.combine(even) for rule in (self._sc, self._pq))
        return sc, pq, self.o.combine(even | {"sc": sc, "pq": pq})

    @property
    def _sc(self) -> Combination:
        return self.sc_rule or Combination(self.sc)

    @property
    def _pq(self) -> Combination:
        return self.pq_rule or Combination(self.pq)


def _unique(names: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def format_reply(scores: Sequence[float], reasoning: str) -> str:
    """Return the reply that a rubric asks for, with rounded scores: `{"score": [9, 10, 8], "reasoning": "..."}`."""
    return json.dumps({"score": [round(score) for score in scores], "reasoning": reasoning})
