"""Base of the judges that are vision-language models: verdicts by a rubric, from the readings of its questions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from omniedit.pairs import EditPair
from omniedit.scoring.examples import Example, RubricScores, to_example, to_marks, to_score
from omniedit.scoring.outcomes import find_refusal
from omniedit.scoring.reply_form import ReplyForm, plain_form
from omniedit.scoring.reply_parser import Unscorable, parse_scores, parse_texts
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.verdict import Score
from omniedit.vlm.thinking import has_thinking


@dataclass(frozen=True)
class ParsedScores:
    """Scores in a reply, each in its own scale, its rationale ('' if there is none), and further texts."""

    scores: tuple[float, ...]
    reasoning: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


def parse_reading(reply: str, form: ReplyForm | int, is_cut_off: bool = False) -> ParsedScores | Unscorable:
    """Return the scores and the texts of a written reply, or the reason for a rejection.

    Args:
        form: form of the reply, or the number of scores from 0 to 10.
        is_cut_off: whether the reply was cut off at the token limit.
    """
    form = plain_form(form) if isinstance(form, int) else form
    scores = parse_scores(reply, form)
    if isinstance(scores, Unscorable):
        reason = find_refusal(reply) or scores.reason + "; the reply was cut off at the token limit" * is_cut_off
        return Unscorable(reason)
    if is_cut_off and form.lines and reply[-1:].isdigit():
        return Unscorable("the reply was cut off at the token limit, possibly within its last score")
    if is_cut_off and has_thinking(reply):
        return Unscorable("the reply was cut off after a thinking tag, so its scores may be a quotation")
    texts = parse_texts(reply, form)
    return ParsedScores(tuple(scores), texts.pop(form.reasoning), texts)


class RubricJudge(ABC):
    """Judge of examples by a rubric. It is also a `Judge` of edit pairs, which it converts to examples.

    Args:
        batch_size: number of examples that the judge handles best at once.
    """

    name: str
    version: str

    def __init__(self, rubric: Rubric, batch_size: int) -> None:
        self.rubric, self.prompt_hash, self.batch_size = rubric, rubric.digest, batch_size

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        """Return one verdict per pair; `Unscorable` also if the rubric has no question about it."""
        examples = [to_example(pair) for pair in pairs]
        return [self._to_score(each, marks) for each, marks in zip(examples, self.mark(examples), strict=True)]

    @abstractmethod
    def mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        """Return one verdict per example; `Unscorable` if it lacks an input, or one of its questions has no score."""

    def variant(self, task: str) -> Rubric:
        """Return the rubric of a task."""
        return self.rubric.for_task(task) or self.rubric

    def combine(
        self, readings: Sequence[ParsedScores | Unscorable], version: str, rubric: Rubric
    ) -> RubricScores | Unscorable:
        """Combine the readings of all questions about one example.

        Args:
            version: version of the model that gave them.
            rubric: rubric of the example's task.
        """
        read: list[ParsedScores] = []
        for reading in readings:
            if isinstance(reading, Unscorable):
                return reading
            read.append(reading)
        scores = [score for reading in read for score in reading.scores]
        reasoning = " ".join(filter(None, (reading.reasoning for reading in read)))
        names = [name for question in rubric.questions for name in question.scores]
        texts = {name: text for reading in read for name, text in reading.texts.items()}
        return to_marks(rubric, dict(zip(names, scores, strict=True)), reasoning, version, texts)

    def _to_score(self, example: Example, marks: RubricScores | Unscorable) -> Score | Unscorable:
        return marks if isinstance(marks, Unscorable) else to_score(self.variant(example.task), marks)


def missing_input(rubric: Rubric, example: Example) -> Unscorable | None:
    """Return why a rubric cannot be applied to an example: a task, an image or a text that is missing."""
    variant = rubric.for_task(example.task)
    if variant is None:
        known = ", ".join(rubric.tasks)
        return Unscorable(f"rubric '{rubric.name}' has no question about the task '{example.task}'; it has: {known}")
    for kind, needed, given in (("image", variant.images, example.images), ("text", variant.words, example.words)):
        if missing := [name for name in needed if name not in given]:
            return Unscorable(f"rubric '{rubric.name}' needs the {kind} '{missing[0]}', which the example lacks")
    return None
