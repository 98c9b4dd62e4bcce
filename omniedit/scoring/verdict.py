"""Verdicts, the judge that gives them, and the file of a shard's scores: `scores/{task}/{shard}.parquet`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Protocol

import pyarrow as pa

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
        overall: O, if the rubric does not combine it as sqrt(SC * PQ), or averages several passes.
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


LEAST_PAIRS = 2
"""Smallest number of unscorable pairs that points to a fault of the judge; a single pair does not."""


def check_scored(judge: Judge, scored: int, unscorable: int, reason: str) -> None:
    """Check that a judge scored at least one pair; the reference judge may decline them all, by its rules.

    Args:
        reason: why the first pair is unscorable.

    Raises:
        UserError: the judge scored nothing.
    """
    if judge.name != "reference" and not scored and unscorable >= LEAST_PAIRS:
        raise UserError(
            f"the judge '{judge.name}' could score none of {unscorable} pairs; the first: {reason}; check its "
            "model, rubric and scoring.api.request"
        )


SCORES_SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("status", pa.string()),
        ("sc_score_1", pa.float64()),
        ("sc_score_2", pa.float64()),
        ("pq_score", pa.float64()),
        ("o_score", pa.float64()),
        ("reasoning", pa.string()),
        ("judge", pa.string()),
        ("prompt_hash", pa.string()),
        ("judge_version", pa.string()),
        ("o_spread", pa.float64()),
        ("details", pa.string()),
        ("disagreement", pa.float64()),
    ]
)
"""Columns of a scores file. `disagreement` is the spread of O over the judges of an ensemble, null for one judge."""
LATER_COLUMNS = ("judge_version", "o_spread", "details", "disagreement")
"""Columns that files of earlier releases lack."""
COLUMNS = [name for name in SCORES_SCHEMA.names if name not in LATER_COLUMNS]
"""Columns that every scores file has, including files of earlier releases."""


def score_row(pair_id: str, verdict: Score | Unscorable, judge: Judge) -> dict[str, object]:
    """Return a row of `SCORES_SCHEMA`; if the pair is unscorable, the scores are null and `reasoning` says why."""
    row: dict[str, object] = {"pair_id": pair_id, "judge": judge.name, "prompt_hash": judge.prompt_hash}
    if isinstance(verdict, Unscorable):
        return row | {"status": "unscorable", "reasoning": verdict.reason, "judge_version": ""}
    return row | {"status": "scored"} | score_columns(verdict)


def score_rows(judged: Sequence[tuple[EditPair, Score | Unscorable]], judge: Judge) -> pa.Table:
    """Return a batch's verdicts as a table of `SCORES_SCHEMA`."""
    rows = [score_row(pair.pair_id, verdict, judge) for pair, verdict in judged]
    return pa.Table.from_pylist(rows, schema=SCORES_SCHEMA)


def score_columns(score: Score) -> dict[str, object]:
    return {
        "sc_score_1": score.sc_score_1,
        "sc_score_2": score.sc_score_2,
        "pq_score": score.pq_score,
        "o_score": score.o_score,
        "reasoning": score.reasoning,
        "judge_version": score.judge_version,
        "o_spread": score.o_spread,
        "details": score.details or None,
    }
