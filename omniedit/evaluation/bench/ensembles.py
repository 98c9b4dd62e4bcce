"""Scores of a bench by an ensemble: each of its judges scores separately, then their tables are combined.

The tables of the judges are `scores/{ensemble}/{judge}.parquet`; the combined one is `scores/{ensemble}.parquet`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omniedit.config.ensemble import EnsembleConfig
from omniedit.evaluation.bench.scores import SCHEMA, SCORED, UNSCORABLE, to_columns
from omniedit.scoring.ensemble import combine_marks
from omniedit.scoring.examples import RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.storage.parquet import read_rows, write_rows

JUDGED_STATUSES = (SCORED, UNSCORABLE)
"""Statuses of items whose edit was shown to a judge."""
COMBINED_COLUMNS = (
    *("sc_score", "pq_score", "o_score", "o_spread", "scores", "texts", "judge_version", "reasoning", "status"),
)


def combine_tables(folder: Path, name: str, members: Sequence[str], options: EnsembleConfig, sampling: str) -> Path:
    """Combine the tables of an ensemble's judges for one editor, and return the path of the combined table.

    Args:
        folder: the editor's `scores`.
        members: names of the judges.
        sampling: all settings besides models and rubrics that decide the scores.
    """
    tables = {member: list(read_rows(folder / name / f"{member}.parquet")) for member in members}
    groups = zip(*tables.values(), strict=True)
    rows = [
        _combine(dict(zip(members, group, strict=True)), name, options) | {"sampling": sampling} for group in groups
    ]
    out = folder / f"{name}.parquet"
    write_rows(out, rows, SCHEMA)
    return out


def _combine(rows: Mapping[str, Mapping[str, Any]], name: str, options: EnsembleConfig) -> dict[str, Any]:
    """Return the row of an item; if no judge saw its edit, the row is returned unchanged."""
    first = next(iter(rows.values()))
    common = {column: value for column, value in first.items() if column not in COMBINED_COLUMNS} | {"judge": name}
    if unseen := next((row for row in rows.values() if row["status"] not in JUDGED_STATUSES), None):
        return common | {"status": unseen["status"], "reasoning": unseen["reasoning"]}
    verdict, spread = combine_marks({member: _to_verdict(row) for member, row in rows.items()}, options)
    digest = hashlib.sha256(json.dumps([row["verdict"] for row in rows.values()]).encode()).hexdigest()[:16]
    return common | to_columns(verdict) | {"disagreement": spread, "verdict": digest}


def _to_verdict(row: Mapping[str, Any]) -> RubricScores | Unscorable:
    if row["status"] != SCORED:
        return Unscorable(row["reasoning"] or "")
    scores = json.loads(row["scores"])
    overall = (row["sc_score"], row["pq_score"], row["o_score"])
    return RubricScores(scores, *overall, row["reasoning"] or "", row["judge_version"] or "")
