"""What the student is taught from: the teacher's verdict on pairs as they are and with known defects."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from omniedit.pairs import Shard
from omniedit.scoring.defects import DEFECTS, NO_DEFECT, with_defect
from omniedit.scoring.parser import Unscorable
from omniedit.scoring.score import Judge, score_columns

TEACHER_SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("defect", pa.string()),
        ("sc_score_1", pa.float64()),
        ("sc_score_2", pa.float64()),
        ("pq_score", pa.float64()),
        ("o_score", pa.float64()),
        ("reasoning", pa.string()),
    ]
)

Lesson = tuple[int, str]
"""A row of the shard and a defect of `DEFECTS`, or `NO_DEFECT`."""


def lessons(pair_ids: Sequence[str], defects_per_pair: int, seed: int) -> list[Lesson]:
    """For each row the pair as it is, then the defects drawn for it, none twice."""
    rng = np.random.default_rng([seed, len(pair_ids)])
    count = min(defects_per_pair, len(DEFECTS))
    return [
        (row, defect)
        for row in range(len(pair_ids))
        for defect in (NO_DEFECT, *rng.choice(DEFECTS, count, replace=False).tolist())
    ]


def taught(shard: Shard, drawn: Sequence[Lesson], teacher: Judge) -> Iterator[dict[str, object]]:
    """Rows of `TEACHER_SCHEMA`; a defect that its pair cannot have, and a pair without a score, give none."""
    for row, defect in drawn:
        pair = with_defect(shard, row, defect)
        if pair is None:
            continue
        (verdict,) = teacher.judge([pair])
        if not isinstance(verdict, Unscorable):
            yield {"pair_id": pair.pair_id, "defect": defect} | score_columns(verdict)
