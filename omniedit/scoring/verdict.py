"""Verdicts on edit pairs, and the interface of the judge that gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Protocol

from omniedit.errors import UserError
from omniedit.pairs import EditPair
from omniedit.scoring.reply_parser import Unscorable


@dataclass(frozen=True)
class Score:
    """Scores of a judge for one pair, each in [0, 10].

    Args:
        sc_score_1: success of the edit.
        sc_score_2: no over-editing.
        pq_score: perceptual quality of the edited image.
        judge_version: version of the model that judged, if known.
        overall: O, if the rubric has another rule than sqrt(SC * PQ) or averages several passes; else None.
        o_spread: standard deviation of O over several passes.
        details: the rubric's own scores and texts as JSON, for the record: `{"scores": {"success": 20}}`.
    """

    sc_score_1: float
    sc_score_2: float
    pq_score: float
    reasoning: str = ""
    judge_version: str = ""
    overall: float | None = None
    o_spread: float | None = None
    details: str = field(default="", compare=False)

    @property
    def sc_score(self) -> float:
        """Semantic consistency, the smaller of its two sub-scores."""
        return min(self.sc_score_1, self.sc_score_2)

    @property
    def o_score(self) -> float:
        """Overall score of one pair, O = sqrt(SC * PQ) (VIEScore, section 3) unless the rubric has another rule."""
        return sqrt(self.sc_score * self.pq_score) if self.overall is None else self.overall

    def replace_overall(self, overall: float, details: str) -> "Score":
        """Return this score with a rubric's details, and with the rubric's O if it differs."""
        return replace(self, overall=None if overall == self.o_score else overall, details=details)


class Judge(Protocol):
    """Judge of edit pairs, a batch at a time.

    `name` is the value of `scoring.judge`. `version` identifies the weights, '' if unknown. `prompt_hash` is the digest
    of the rubric. `batch_size` is the number of pairs that the judge handles best at once.
    """

    name: str
    version: str
    prompt_hash: str
    batch_size: int

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        """Return one verdict per pair, in order; `Unscorable` if it has no score. Never raise because of a pair."""
        ...


MIN_PAIRS = 2
"""Minimum number of unscorable pairs from which the judge counts as faulty; a single pair proves nothing."""


def check_scored(judge: Judge, scored: int, unscorable: int, reason: str) -> None:
    """Check that a judge scored at least one pair. Only the reference judge may decline all pairs, by its rules.

    Args:
        reason: why the first pair is unscorable.

    Raises:
        UserError: the judge scored nothing.
    """
    if judge.name != "reference" and not scored and unscorable >= MIN_PAIRS:
        raise UserError(
            f"the judge '{judge.name}' could score none of {unscorable} pairs; the first problem: {reason}; check its "
            "model, rubric and scoring.api.request"
        )
