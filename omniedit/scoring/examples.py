"""Examples of any task that a rubric covers, and the scores that a judge gives them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev

from omniedit.imaging.images import Image
from omniedit.pairs import EditPair
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.verdict import Score


@dataclass(frozen=True, eq=False)
class Example:
    """Images and texts that a judge sees, by their names in a rubric, such as source, edited and instruction.

    Args:
        task: kind of edit, for rubrics whose questions depend on it.
    """

    images: Mapping[str, Image]
    words: Mapping[str, str]
    task: str = ""


@dataclass(frozen=True)
class RubricScores:
    """Scores of a rubric by name, and the SC, PQ and O that follow from them.

    Args:
        scores: each in its own scale, as the judge gave it; the mean over the passes.
        sc_score, pq_score, o_score: each in [0, 10].
        texts: further texts of the reply, by their names.
        o_spread: standard deviation of O over the passes; None for a single one.
        passes: number of passes with scores.
    """

    scores: Mapping[str, float]
    sc_score: float
    pq_score: float
    o_score: float
    reasoning: str
    judge_version: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    o_spread: float | None = None
    passes: int = 1


Marker = Callable[[Sequence[Example]], list[RubricScores | Unscorable]]
"""Function that returns one verdict per example, in order."""


def to_marks(
    rubric: Rubric,
    scores: Mapping[str, float],
    reasoning: str,
    judge_version: str = "",
    texts: Mapping[str, str] | None = None,
) -> RubricScores:
    return RubricScores(scores, *rubric.overall(scores), reasoning, judge_version, texts or {})


def average_passes(passes: Sequence[RubricScores | Unscorable]) -> RubricScores | Unscorable:
    """Return the means over the passes that have scores, with the texts of the first such pass. If no pass has scores,
    return the first reason.
    """
    marks = [judgement for judgement in passes if isinstance(judgement, RubricScores)]
    if len(passes) == 1 or not marks:
        return passes[0]
    return replace(
        marks[0],
        scores={name: fmean(mark.scores[name] for mark in marks) for name in marks[0].scores},
        sc_score=fmean(mark.sc_score for mark in marks),
        pq_score=fmean(mark.pq_score for mark in marks),
        o_score=fmean(mark.o_score for mark in marks),
        judge_version=", ".join(dict.fromkeys(mark.judge_version for mark in marks)),
        o_spread=stdev(mark.o_score for mark in marks) if len(marks) > 1 else None,
        passes=len(marks),
    )


def to_example(pair: EditPair) -> Example:
    """Return the images of a pair, its references by their roles, and its instruction."""
    references = {reference.role: reference.image for reference in pair.references}
    return Example(
        references | {"source": pair.source, "edited": pair.edited}, {"instruction": pair.instruction}, str(pair.task)
    )


def to_score(rubric: Rubric, marks: RubricScores) -> Score:
    """Convert to the score of an edit pair.

    If SC is the minimum of two sub-scores, the score keeps them; otherwise both sub-scores are SC.

    Args:
        rubric: the rubric of the pair's task.
    """
    even = rubric.normalise(marks.scores)
    parts = tuple(even[name] for name in rubric.sc)
    sc_1, sc_2 = parts if len(parts) == 2 and min(parts) == marks.sc_score else (marks.sc_score, marks.sc_score)
    score = Score(sc_1, sc_2, marks.pq_score, marks.reasoning, marks.judge_version, o_spread=marks.o_spread)
    return score.replace_overall(marks.o_score, _to_details(marks))


def _to_details(marks: RubricScores) -> str:
    """Return the scores in their own scales, the further texts and the number of passes as JSON."""
    details: dict[str, object] = {"scores": dict(marks.scores)}
    if marks.texts:
        details["texts"] = dict(marks.texts)
    if marks.passes > 1 or marks.o_spread is not None:
        details["passes"] = marks.passes
    return json.dumps(details)
