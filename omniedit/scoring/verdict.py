"""A score, what gives it, and the file of a shard's scores: `scores/{task}/{shard}.parquet`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import pyarrow as pa

from omniedit.errors import UserError
from omniedit.pairs import EditPair
from omniedit.scoring.reply_parser import Unscorable


@dataclass(frozen=True)
class Score:
    """What a judge says of one pair; each score in [0, 10].

    Args:
        sc_score_1: success of the edit.
        sc_score_2: no over-editing.
        pq_score: perceptual quality of the edited picture.
        judge_version: of the model that judged, where it names one.
    """

    sc_score_1: float
    sc_score_2: float
    pq_score: float
    reasoning: str = ""
    judge_version: str = ""

    @property
    def sc_score(self) -> float:
        """Semantic consistency, the lesser of its two sub-scores."""
        return min(self.sc_score_1, self.sc_score_2)

    @property
    def o_score(self) -> float:
        """Overall score of one pair, O = sqrt(SC * PQ) (VIEScore, section 3)."""
        return sqrt(self.sc_score * self.pq_score)


class Judge(Protocol):
    """Scores edit pairs, a batch at a time.

    `name` is the value of `scoring.judge`, `version` that of its weights, '' where it has none here, `prompt_hash` the
    digest of the rubric, `batch_size` the number of pairs that it handles best at once.
    """

    name: str
    version: str
    prompt_hash: str
    batch_size: int

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        """One verdict a pair, in order; `Unscorable` where there is none to be had. Never raises for a pair."""
        ...


LEAST_PAIRS = 2
"""Of one pair alone, a refusal says nothing about the judge."""


def check_scored(judge: Judge, scored: int, unscorable: int, reason: str) -> None:
    """Check that a judge could score something; what a rule such as the reference judge declines is no failure.

    Args:
        reason: of the first that it could not score.

    Raises:
        UserError: it scored nothing.
    """
    if judge.name != "reference" and not scored and unscorable >= LEAST_PAIRS:
        raise UserError(
            f"the judge '{judge.name}' could score none of {unscorable} pairs; the first: {reason}; see to its model, "
            "rubric and scoring.api.request"
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
    ]
)
COLUMNS = [name for name in SCORES_SCHEMA.names if name != "judge_version"]
"""Those of every file of scores, of before there was a version too."""


def score_row(pair_id: str, verdict: Score | Unscorable, judge: Judge) -> dict[str, object]:
    """A row of `SCORES_SCHEMA`; the scores are null where the pair is unscorable, and `reasoning` says why."""
    row: dict[str, object] = {"pair_id": pair_id, "judge": judge.name, "prompt_hash": judge.prompt_hash}
    if isinstance(verdict, Unscorable):
        return row | {"status": "unscorable", "reasoning": verdict.reason, "judge_version": ""}
    return row | {"status": "scored"} | score_columns(verdict)


def score_rows(judged: Sequence[tuple[EditPair, Score | Unscorable]], judge: Judge) -> pa.Table:
    """A batch's verdicts as a table of `SCORES_SCHEMA`."""
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
    }
