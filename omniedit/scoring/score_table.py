"""Table of a shard's scores, `scores/{task}/{shard}.parquet`: its schema and its rows."""

from collections.abc import Sequence

import pyarrow as pa

from omniedit.pairs import EditPair
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Judge, Score

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
    names = ("sc_score_1", "sc_score_2", "pq_score", "o_score", "reasoning", "judge_version", "o_spread")
    values = {name: getattr(verdict, name) for name in names}
    return row | values | {"status": "scored", "details": verdict.details or None}


def score_rows(judged: Sequence[tuple[EditPair, Score | Unscorable]], judge: Judge) -> pa.Table:
    """Return a batch's verdicts as a table of `SCORES_SCHEMA`."""
    rows = [score_row(pair.pair_id, verdict, judge) for pair, verdict in judged]
    return pa.Table.from_pylist(rows, schema=SCORES_SCHEMA)
