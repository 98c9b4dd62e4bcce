"""Base of the judges that are vision-language models: verdicts by a rubric, from the readings of its questions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from omniedit.pairs import EditPair
from omniedit.scoring.examples import Example, RubricScores, to_example, to_marks, to_score
from omniedit.scoring.reply_parser import Unscorable, parse_reasoning, parse_reply
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.verdict import Score


@dataclass(frozen=True)
class Reading:
    """Scores read from a reply, each in [0, 10], and its rationale, '' if none was written."""

    scores: tuple[float, ...]
    reasoning: str = ""


def parse_reading(reply: str, num_scores: int) -> Reading | Unscorable:
    """Return the scores and the rationale of a written reply."""
    scores = parse_reply(reply, num_scores)
    return scores if isinstance(scores, Unscorable) else Reading(tuple(scores), parse_reasoning(reply))


class RubricJudge(ABC):
    """Judge of examples by a rubric, and of edit pairs as such examples; a `Judge`.

    Args:
        batch_size: number of examples that the judge handles best at once.
    """

    name: str
    version: str

    def __init__(self, rubric: Rubric, batch_size: int) -> None:
        self.rubric, self.prompt_hash, self.batch_size = rubric, rubric.digest, batch_size

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        verdicts = self.mark([to_example(pair) for pair in pairs])
        return [v if isinstance(v, Unscorable) else to_score(self.rubric, v) for v in verdicts]

    @abstractmethod
    def mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        """Return one verdict per example; `Unscorable` if one of its questions has no score."""

    def combine(self, readings: Sequence[Reading | Unscorable], version: str) -> RubricScores | Unscorable:
        """Combine the readings of all questions about one example.

        Args:
            version: version of the model that gave them.
        """
        read: list[Reading] = []
        for reading in readings:
            if isinstance(reading, Unscorable):
                return reading
            read.append(reading)
        scores = [score for reading in read for score in reading.scores]
        reasoning = " ".join(filter(None, (reading.reasoning for reading in read)))
        return to_marks(self.rubric, dict(zip(self.rubric.scores, scores, strict=True)), reasoning, version)
