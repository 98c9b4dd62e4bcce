"""Replies of teacher and student to the same held-out pairs, side by side as in OmniEdit's Figure 3."""

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.imaging.images import encode_png, resize_to_fit
from omniedit.pairs import EditPair, Shard
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.student.examples import TeacherExample, read_teacher_examples
from omniedit.scoring.verdict import Judge, Score
from omniedit.storage.parquet import read_rows, write_rows

MAX_REPLIES = 8
"""Number of pairs whose replies are shown."""
MAX_SIDE = 512
"""Largest side of the stored images, in pixels."""
NUMBERS = ("sc_score_1", "sc_score_2", "pq_score", "o_score")
REPLIES_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("pair_id", "task", "defect", "instruction", "teacher_reasoning")]
    + [("student_reasoning", pa.string()), ("source", pa.binary()), ("edited", pa.binary())]
    + [(f"{who}_{name}", pa.float64()) for who in ("teacher", "student") for name in NUMBERS]
)
"""One pair per row with both replies; the student's scores are null if its reply cannot be read, and
`student_reasoning` says why."""

Lesson = tuple[str, str]
"""Id of a pair and its defect, '' for none."""


def choose_lessons(rows: Sequence[Mapping[str, Any]], count: int = MAX_REPLIES) -> list[Lesson]:
    """Choose held-out lessons, alternating between pairs without and with a defect, and between tasks.

    Args:
        rows: rows of the student's agreement.parquet.
    """
    plain, faulty = ([row for row in rows if bool(row["defect"]) is has_defect] for has_defect in (False, True))
    mixed = chain.from_iterable(zip_longest(_interleave(plain, "task"), _interleave(faulty, "defect")))
    return [(row["pair_id"], row["defect"]) for row in mixed if row is not None][:count]


def _interleave(rows: Sequence[Mapping[str, Any]], column: str) -> list[Mapping[str, Any]]:
    """Order rows so that the values of a column take turns."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["pair_id"]):
        groups.setdefault(row[column], []).append(row)
    return [row for turn in zip_longest(*(groups[name] for name in sorted(groups))) for row in turn if row is not None]


def read_lessons(
    candidates: Sequence[Path], teachers: Sequence[Path], lessons: Sequence[Lesson]
) -> list[tuple[EditPair, TeacherExample]]:
    """Return the pairs of lessons with the teacher's replies, in the order of the lessons.

    Raises:
        UserError: a pair is missing from its shard, or cannot have its defect.
    """
    by_lesson: dict[Lesson, tuple[EditPair, TeacherExample]] = {}
    for candidate_file, teacher_file in zip(candidates, teachers, strict=True):
        keys = {(row["pair_id"], row["defect"]) for row in read_rows(teacher_file, ["pair_id", "defect"])}
        if not keys & set(lessons):
            continue
        rows = [row for row in read_rows(teacher_file) if (row["pair_id"], row["defect"]) in lessons]
        with Shard(candidate_file) as shard:
            for example in read_teacher_examples(shard, teacher_file, rows):
                by_lesson[example.pair_id, example.defect] = example.pair(), example
    return [by_lesson[lesson] for lesson in lessons if lesson in by_lesson]


def write_replies(
    path: Path,
    student: Judge,
    rows: Sequence[Mapping[str, Any]],
    candidates: Sequence[Path],
    teachers: Sequence[Path],
    count: int = MAX_REPLIES,
) -> None:
    """Let the student reply to some held-out pairs, write the replies as a table of `REPLIES_SCHEMA`, and print the
    number of rows.

    Args:
        student: judge that gives its reply, not only scores.
        rows: rows of the student's agreement.parquet.
        count: maximum number of pairs.
    """
    lessons = read_lessons(candidates, teachers, choose_lessons(rows, count))
    verdicts = student.judge([pair for pair, _ in lessons]) if lessons else []
    replies = [reply_row(pair, lesson, verdict) for (pair, lesson), verdict in zip(lessons, verdicts, strict=True)]
    write_rows(path, replies, REPLIES_SCHEMA)
    print(f"{len(replies)} replies")


def reply_row(pair: EditPair, lesson: TeacherExample, student: Score | Unscorable) -> dict[str, Any]:
    """Return a row of `REPLIES_SCHEMA`."""
    row: dict[str, Any] = {
        "pair_id": pair.pair_id,
        "task": str(pair.task),
        "defect": lesson.defect,
        "instruction": pair.instruction,
    }
    row |= {side: encode_png(resize_to_fit(getattr(pair, side), MAX_SIDE)) for side in ("source", "edited")}
    row |= {f"teacher_{name}": getattr(lesson.teacher, name) for name in NUMBERS}
    row["teacher_reasoning"] = lesson.teacher.reasoning
    if isinstance(student, Unscorable):
        return {**row, "student_reasoning": student.reason}
    scores = {f"student_{name}": getattr(student, name) for name in NUMBERS}
    return {**row, **scores, "student_reasoning": student.reasoning}
