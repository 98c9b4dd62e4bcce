"""Examples of any task that a rubric covers, and the scores that a judge gives them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from omniedit.imaging.images import Image
from omniedit.pairs import EditPair
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.verdict import Score


@dataclass(frozen=True, eq=False)
class Example:
    """Images and texts that a judge sees, by the names that a rubric uses, such as source, edited and instruction."""

    images: Mapping[str, Image]
    words: Mapping[str, str]


@dataclass(frozen=True)
class RubricScores:
    """Scores of a rubric by name, each in [0, 10], and the SC, PQ and O that follow from them."""

    scores: Mapping[str, float]
    sc_score: float
    pq_score: float
    o_score: float
    reasoning: str
    judge_version: str = ""


Marker = Callable[[Sequence[Example]], list[RubricScores | Unscorable]]
"""Function that returns one verdict per example, in order."""


def to_marks(rubric: Rubric, scores: Mapping[str, float], reasoning: str, judge_version: str = "") -> RubricScores:
    return RubricScores(scores, *rubric.overall(scores), reasoning, judge_version)


def to_example(pair: EditPair) -> Example:
    return Example({"source": pair.source, "edited": pair.edited}, {"instruction": pair.instruction})


def to_score(rubric: Rubric, marks: RubricScores) -> Score:
    """Convert to the score of an edit pair, for a rubric whose SC has two sub-scores."""
    sc_1, sc_2 = (marks.scores[name] for name in rubric.sc)
    return Score(sc_1, sc_2, marks.pq_score, marks.reasoning, marks.judge_version)
