"""Training examples of the student: choice of scored pairs, replies to learn, held-out photos."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from omniedit.aspect import closest_ratio
from omniedit.config.schema import DEFECTS_VERSION
from omniedit.errors import UserError
from omniedit.pairs import EditPair, Shard
from omniedit.scoring.reference.judge import ReferenceJudge
from omniedit.scoring.rubric import format_reply
from omniedit.scoring.student.defects import WRONG_INSTRUCTION, apply_defect
from omniedit.scoring.verdict import Score
from omniedit.storage.parquet import read_rows

SPLIT = "by source photo: all pairs and defects of a held-out photo are held out; pairs that borrow from it are unused"
TeacherRow = Mapping[str, Any]
_KEYS = ("pair_id", "defect", "sc_score_1")


@dataclass(frozen=True)
class TeacherExample:
    """Pair in a row of a shard, unchanged or with a defect, and the teacher's scores and rationale."""

    shard: Shard
    row: int
    defect: str
    source_id: str
    ratio: str
    teacher: Score
    judge: str
    """Name of the teacher."""
    borrowed: frozenset[str] = frozenset()
    """Photos, besides its source, of which the pair shows a part."""

    @property
    def answer(self) -> str:
        return format_answer(self.teacher, self.judge)

    @property
    def pair_id(self) -> str:
        return self.shard.pair_ids[self.row]

    def pair(self) -> EditPair:
        pair = apply_defect(self.shard, self.row, self.defect)
        if pair is None:
            problem = f"{self.pair_id} cannot have the defect {self.defect} that the teacher scored"
            raise UserError(f"{self.shard.path}: {problem}; run teach.py again")
        return pair

    def digest(self) -> str:
        """Return a digest of the training target and the images; it uses the shard's checksums and decodes no image."""
        content = [self.shard.sha256(column, self.row) for column in ("source", "edited", "mask", "phrasings")]
        others = self.shard.digest if self.defect == WRONG_INSTRUCTION else ""
        parts = (self.pair_id, self.defect, str(DEFECTS_VERSION), others, *content, self.answer)
        return hashlib.sha256("|".join(parts).encode()).hexdigest()


def format_answer(teacher: Score, judge: str) -> str:
    """Return the reply to learn: the teacher's scores and its rationale.

    Older files of the judge `reference` have figures after each colon. They are dropped, because nobody can see such
    figures in an image.
    """
    rationale = teacher.reasoning
    if judge == ReferenceJudge.name:
        rationale = re.sub(":[^;]*", "", rationale)
    return format_reply((teacher.sc_score_1, teacher.sc_score_2, teacher.pq_score), rationale)


def choose_rows(
    candidates: Sequence[Path], teachers: Sequence[Path], limit: int
) -> Iterator[tuple[Path, Path, list[TeacherRow]]]:
    """Yield files of candidates and of the teacher, with the teacher's rows that have scores.

    At most `limit` rows are chosen in all; the same files give the same rows.

    Raises:
        UserError: the lists of files differ in length, a file cannot be read, or its defects are from another version.
    """
    if len(candidates) != len(teachers):
        raise UserError(
            f"{len(candidates)} candidate files but {len(teachers)} teacher files; give both in the same order"
        )
    keys = {key for path in teachers for row in read_rows(path, _KEYS) if (key := _key_of_scored(row))}
    chosen = _choose_keys(keys, limit)
    for candidate_file, teacher_file in zip(candidates, teachers, strict=True):
        rows: list[TeacherRow] = [row for row in read_rows(teacher_file) if _key_of_scored(row) in chosen]
        for row in rows:
            if row["defect"] and row.get("defects_version") != DEFECTS_VERSION:
                raise UserError(f"{teacher_file}: its defects are from another version; run teach.py again")
        yield candidate_file, teacher_file, rows


def _key_of_scored(row: TeacherRow) -> tuple[str, str] | None:
    """Return the key of a row, None if it has no scores."""
    return None if row["sc_score_1"] is None else (row["pair_id"], row["defect"])


def _choose_keys(keys: set[tuple[str, str]], limit: int) -> set[tuple[str, str]]:
    """Return at most `limit` keys, those with the smallest hashes. This is an even sample, which does not depend on
    other shards.
    """
    return set(sorted(keys, key=lambda key: hashlib.sha256("|".join(key).encode()).digest())[:limit])


def read_teacher_examples(shard: Shard, teacher_file: Path, rows: Sequence[TeacherRow]) -> Iterator[TeacherExample]:
    """Yield the pairs of a shard with the teacher's rows about them.

    Raises:
        UserError: a pair is not in the shard.
    """
    row_of = {pair_id: row for row, pair_id in enumerate(shard.pair_ids)}
    for lesson in rows:
        if lesson["pair_id"] not in row_of:
            raise UserError(f"{teacher_file}: {lesson['pair_id']} is not in {shard.path}; run teach.py again")
        row = row_of[lesson["pair_id"]]
        about = shard.provenance(row)
        teacher = Score(lesson["sc_score_1"], lesson["sc_score_2"], lesson["pq_score"], lesson["reasoning"])
        judge = lesson.get("judge", ReferenceJudge.name)  # older files have no such column
        truth = about.get("truth") or {}
        borrowed = frozenset(str(value) for name, value in truth.items() if name.endswith("_source_id") and value)
        ratio = about.get("ratio") or closest_ratio(*shard.size(row))
        yield TeacherExample(shard, row, lesson["defect"], str(about["source_id"]), ratio, teacher, judge, borrowed)


class PhotoExample(Protocol):
    """Example that comes from a photo and may show parts of others."""

    @property
    def source_id(self) -> str: ...

    @property
    def borrowed(self) -> frozenset[str]: ...


AnyExample = TypeVar("AnyExample", bound=PhotoExample)


def split_by_photo(
    examples: Sequence[AnyExample], share: float, seed: int
) -> tuple[list[AnyExample], list[AnyExample], set[str]]:
    """Return the examples to train on, the held-out examples and the held-out photos.

    An example of a training photo that borrows from a held-out photo is in neither part.

    Raises:
        UserError: no example is left to train on.
    """
    held_out = choose_held_out(examples, share, seed)
    unseen = [example for example in examples if example.source_id in held_out]
    training = [example for example in examples if not held_out & {example.source_id, *example.borrowed}]
    if not training:
        raise UserError("no example to train on: each borrows from a held-out photo; add photos or pairs")
    return training, unseen, held_out


def choose_held_out(examples: Sequence[PhotoExample], share: float, seed: int) -> set[str]:
    """Return the photos to hold out: about `share` of the photos, at least one if there are two.

    Raises:
        UserError: the examples are empty.
    """
    if not examples:
        raise UserError("no example to train on: the teacher's files are empty")
    sources = sorted({example.source_id for example in examples})
    count = min(len(sources) - 1, max(1, round(share * len(sources))))
    return set(np.random.default_rng(seed).permutation(sources)[:count].tolist())
