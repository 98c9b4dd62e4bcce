"""Lessons for the student: the teacher's verdicts on pairs, unchanged and with known defects."""

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
from omniedit.scoring.score_table import COLUMNS, SCORES_SCHEMA, score_row
from omniedit.scoring.student.defects import DEFECTS, NO_DEFECT, apply_defect
from omniedit.scoring.verdict import Judge
from omniedit.storage.parquet import read_rows

TEACHER_SCHEMA = SCORES_SCHEMA.append(pa.field("defect", pa.string())).append(pa.field("defects_version", pa.int16()))
"""Lessons with scores. Unscorable lessons have null scores and the reason in `reasoning`. `defects_version` is the
version of the defects. Old files lack unscorable rows, `status`, `defects_version` and the columns about the judge."""

Lesson = tuple[int, str]
"""Row of the shard and a defect of `DEFECTS`, or `NO_DEFECT`."""


def lessons(pair_ids: Sequence[str], defects_per_pair: int, seed: int, limit: int | None = None) -> list[Lesson]:
    """Return, for each row, the unchanged pair and then the distinct defects drawn for it.

    Args:
        limit: maximum number of pairs, those with the smallest hashes; a pair's lessons do not depend on it.
    """
    count = min(defects_per_pair, len(DEFECTS))
    rngs = [np.random.default_rng([seed, zlib.crc32(pair_id.encode())]) for pair_id in pair_ids]
    defects = [(NO_DEFECT, *rng.choice(DEFECTS, count, replace=False).tolist()) for rng in rngs]
    by_hash = sorted(range(len(pair_ids)), key=lambda row: hashlib.sha256(pair_ids[row].encode()).digest())
    return [(row, defect) for row in sorted(by_hash[:limit]) for defect in defects[row]]


def teach_shard(
    shard: Shard, lessons: Sequence[Lesson], teacher: Judge, known: Mapping[str, Mapping[str, object]] | None = None
) -> Iterator[dict[str, object]]:
    """Yield rows of `TEACHER_SCHEMA`; there is no row for a defect that its pair cannot have.

    Args:
        known: this teacher's scores of unchanged pairs from an earlier stage, as rows of `SCORES_SCHEMA` by pair id.
    """
    known = known or {}
    for first in range(0, len(lessons), teacher.batch_size):
        batch = lessons[first : first + teacher.batch_size]
        verdicts = {(row, NO_DEFECT): known[shard.pair_ids[row]] for row, _ in batch if shard.pair_ids[row] in known}
        verdicts |= _judge_lessons(shard, [lesson for lesson in batch if lesson not in verdicts], teacher)
        for lesson in batch:
            if lesson in verdicts:
                columns = verdicts[lesson]
                yield {name: columns[name] for name in TEACHER_SCHEMA.names if name in columns} | {
                    "defect": lesson[1],
                    "defects_version": DEFECTS_VERSION,
                }


def _judge_lessons(shard: Shard, batch: Sequence[Lesson], teacher: Judge) -> dict[Lesson, Mapping[str, object]]:
    """Return rows of `SCORES_SCHEMA` for the lessons that are possible."""
    pairs = {lesson: pair for lesson in batch if (pair := apply_defect(shard, *lesson)) is not None}
    verdicts = teacher.judge(list(pairs.values())) if pairs else []
    return {
        lesson: score_row(pair.pair_id, verdict, teacher)
        for (lesson, pair), verdict in zip(pairs.items(), verdicts, strict=True)
    }


def read_known_scores(path: Path, teacher: Judge) -> dict[str, dict[str, object]]:
    """Return a shard's scores that `teach_shard` may reuse, by pair id.

    Raises:
        UserError: another judge, or another rubric, gave the scores.
    """
    rows = read_rows(path, COLUMNS)
    for row in rows:
        if (row["judge"], row["prompt_hash"]) != (teacher.name, teacher.prompt_hash):
            raise UserError(f"{path}: scores of the judge '{row['judge']}', not of the teacher; omit --scores")
    return {row["pair_id"]: row for row in rows}


def summary(rows: Sequence[Mapping[str, object]], lesson_count: int) -> str:
    """Return a line with the counts of usable lessons, impossible defects and unscorable lessons."""
    reasons = Counter(str(row["reasoning"]) for row in rows if row["status"] != "scored")
    counts = f"{len(rows) - reasons.total()} lessons, {lesson_count - len(rows)} defects that their pairs cannot have"
    first = f" (most often: {reasons.most_common(1)[0][0]})" if reasons else ""
    return f"{counts}, {reasons.total()} unscorable{first}"
