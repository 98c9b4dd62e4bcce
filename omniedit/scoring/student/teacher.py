"""What the student is taught from: the teacher's verdict on pairs as they are and with known defects."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from omniedit.config.schema import DEFECTS_VERSION
from omniedit.errors import UserError
from omniedit.pairs import Shard
from omniedit.scoring.student.defects import DEFECTS, NO_DEFECT, with_defect
from omniedit.scoring.verdict import COLUMNS, SCORES_SCHEMA, Judge, score_row
from omniedit.storage.parquet import read_rows

TEACHER_SCHEMA = SCORES_SCHEMA.append(pa.field("defect", pa.string())).append(pa.field("defects_version", pa.int16()))
"""What is unscorable has no scores, and the reason in `reasoning`. A row names its defect alone; `DEFECTS_VERSION`
tells which picture that was. Old files lack such rows, `status`, that version and what tells of the judge."""

Lesson = tuple[int, str]
"""A row of the shard and a defect of `DEFECTS`, or `NO_DEFECT`."""


def lessons(pair_ids: Sequence[str], defects_per_pair: int, seed: int, most: int | None = None) -> list[Lesson]:
    """For each row the pair as it is, then the defects drawn for it, none twice.

    Args:
        most: of the pairs, those of the least hash; another number changes nothing of those that both have.
    """
    count = min(defects_per_pair, len(DEFECTS))
    rngs = [np.random.default_rng([seed, zlib.crc32(pair_id.encode())]) for pair_id in pair_ids]
    drawn = [(NO_DEFECT, *rng.choice(DEFECTS, count, replace=False).tolist()) for rng in rngs]
    by_hash = sorted(range(len(pair_ids)), key=lambda row: hashlib.sha256(pair_ids[row].encode()).digest())
    return [(row, defect) for row in sorted(by_hash[:most]) for defect in drawn[row]]


def teach_shard(
    shard: Shard, drawn: Sequence[Lesson], teacher: Judge, known: Mapping[str, Mapping[str, object]] | None = None
) -> Iterator[dict[str, object]]:
    """Rows of `TEACHER_SCHEMA`; a defect that its pair cannot have gives none.

    Args:
        known: pair id -> the row of `SCORES_SCHEMA` that this teacher already gave to the pair as it is.
    """
    known = known or {}
    for first in range(0, len(drawn), teacher.batch_size):
        batch = drawn[first : first + teacher.batch_size]
        seen = {(row, NO_DEFECT): known[shard.pair_ids[row]] for row, _ in batch if shard.pair_ids[row] in known}
        seen |= _judge_lessons(shard, [lesson for lesson in batch if lesson not in seen], teacher)
        for lesson in batch:
            if lesson in seen:
                columns = seen[lesson]
                yield {name: columns[name] for name in TEACHER_SCHEMA.names if name in columns} | {
                    "defect": lesson[1],
                    "defects_version": DEFECTS_VERSION,
                }


def _judge_lessons(shard: Shard, batch: Sequence[Lesson], teacher: Judge) -> dict[Lesson, Mapping[str, object]]:
    """Rows of `SCORES_SCHEMA`, for the lessons that there can be."""
    asked = {lesson: pair for lesson in batch if (pair := with_defect(shard, *lesson)) is not None}
    verdicts = teacher.judge(list(asked.values())) if asked else []
    return {
        lesson: score_row(pair.pair_id, verdict, teacher)
        for (lesson, pair), verdict in zip(asked.items(), verdicts, strict=True)
    }


def read_known_scores(path: Path, teacher: Judge) -> dict[str, dict[str, object]]:
    """What `teach_shard` may take from a shard's scores.

    Raises:
        UserError: another judge, or another rubric, gave them.
    """
    rows = read_rows(path, COLUMNS)
    for row in rows:
        if (row["judge"], row["prompt_hash"]) != (teacher.name, teacher.prompt_hash):
            raise UserError(f"{path}: scores of the judge '{row['judge']}', not of the teacher; leave --scores out")
    return {row["pair_id"]: row for row in rows}


def summary(rows: Sequence[Mapping[str, object]], drawn: int) -> str:
    """How many of the lessons drawn the student can learn from, and why the others are none."""
    reasons = Counter(str(row["reasoning"]) for row in rows if row["status"] != "scored")
    told = f"{len(rows) - reasons.total()} lessons, {drawn - len(rows)} defects that their pairs cannot have"
    first = f" (most often: {reasons.most_common(1)[0][0]})" if reasons else ""
    return f"{told}, {reasons.total()} unscorable{first}"
