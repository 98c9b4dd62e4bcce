"""Pairs that the teacher has scored: which are learnt from, the reply that each teaches, which photos are held out."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from omniedit.config.schema import DEFECTS_VERSION
from omniedit.errors import UserError
from omniedit.pairs import EditPair, Shard
from omniedit.scoring.reference.judge import ReferenceJudge
from omniedit.scoring.rubric import format_reply
from omniedit.scoring.student.defects import WRONG_INSTRUCTION, with_defect
from omniedit.scoring.verdict import Score
from omniedit.storage.parquet import read_rows

SPLIT = "by source photo: every pair and defect of a held-out photo is held out; what borrows from one is left out"
TeacherRow = Mapping[str, Any]
_KEYS = ("pair_id", "defect", "sc_score_1")


@dataclass(frozen=True)
class TeacherExample:
    """A pair in a row of a shard, as it is or with a defect, and what the teacher says of it."""

    shard: Shard
    row: int
    defect: str
    source_id: str
    ratio: str
    teacher: Score
    judge: str
    """Who the teacher is."""
    borrowed: frozenset[str] = frozenset()
    """Photos of which it shows a part beside its source."""

    @property
    def answer(self) -> str:
        return format_answer(self.teacher, self.judge)

    @property
    def pair_id(self) -> str:
        return self.shard.pair_ids[self.row]

    def pair(self) -> EditPair:
        pair = with_defect(self.shard, self.row, self.defect)
        if pair is None:
            told = f"{self.pair_id} cannot have the defect {self.defect} that the teacher scored"
            raise UserError(f"{self.shard.path}: {told}; run teach.py again")
        return pair

    def digest(self) -> str:
        """Of all that is to be learnt, by the checksums of the shard: no picture is read."""
        content = [self.shard.sha256(column, self.row) for column in ("source", "edited", "mask", "phrasings")]
        others = self.shard.digest if self.defect == WRONG_INSTRUCTION else ""
        told = (self.pair_id, self.defect, str(DEFECTS_VERSION), others, *content, self.answer)
        return hashlib.sha256("|".join(told).encode()).hexdigest()


def format_answer(teacher: Score, judge: str) -> str:
    """The reply to learn: the teacher's scores and its rationale; of the judge `reference` without the figures behind
    each colon, which measuring gives and looking does not."""
    words = teacher.reasoning
    if judge == ReferenceJudge.name:
        words = "; ".join(clause.partition(":")[0] for clause in words.split("; "))
    return format_reply((teacher.sc_score_1, teacher.sc_score_2, teacher.pq_score), words)


def choose_rows(
    candidates: Sequence[Path], teachers: Sequence[Path], limit: int
) -> Iterator[tuple[Path, Path, list[TeacherRow]]]:
    """Files of candidates and of the teacher with rows of the latter that have scores, at most `limit` in all, the same
    for the same files.

    Raises:
        UserError: as many files of the one as of the other were not given, one cannot be read, or its defects are not
            those that are made now.
    """
    if len(candidates) != len(teachers):
        raise UserError(f"{len(candidates)} candidate files but {len(teachers)} teacher files; name them in one order")
    keys = {key for path in teachers for row in read_rows(path, _KEYS) if (key := _key_of_scored(row))}
    chosen = _choose_keys(keys, limit)
    for candidate_file, teacher_file in zip(candidates, teachers, strict=True):
        rows: list[TeacherRow] = [row for row in read_rows(teacher_file) if _key_of_scored(row) in chosen]
        for row in rows:
            if row["defect"] and row.get("defects_version") != DEFECTS_VERSION:
                raise UserError(f"{teacher_file}: of defects that are made otherwise now; run teach.py again")
        yield candidate_file, teacher_file, rows


def _key_of_scored(row: TeacherRow) -> tuple[str, str] | None:
    """None of one that has no scores."""
    return None if row["sc_score_1"] is None else (row["pair_id"], row["defect"])


def _choose_keys(keys: set[tuple[str, str]], limit: int) -> set[tuple[str, str]]:
    """At most `limit` keys, those of the least hash: an even sample that other shards do not disturb."""
    return set(sorted(keys, key=lambda key: hashlib.sha256("|".join(key).encode()).digest())[:limit])


def read_taught(shard: Shard, teacher_file: Path, rows: Sequence[TeacherRow]) -> Iterator[TeacherExample]:
    """The pairs of a shard that the teacher's rows are about.

    Raises:
        UserError: one is not there.
    """
    row_of = {pair_id: row for row, pair_id in enumerate(shard.pair_ids)}
    for told in rows:
        if told["pair_id"] not in row_of:
            raise UserError(f"{teacher_file}: {told['pair_id']} is not in {shard.path}; run teach.py again")
        row = row_of[told["pair_id"]]
        about = shard.provenance(row)
        teacher = Score(told["sc_score_1"], told["sc_score_2"], told["pq_score"], told["reasoning"])
        judge = told.get("judge", ReferenceJudge.name)  # files of before there were others do not say
        truth = about.get("truth") or {}
        borrowed = frozenset(str(value) for name, value in truth.items() if name.endswith("_source_id") and value)
        yield TeacherExample(
            shard, row, told["defect"], str(about["source_id"]), about["ratio"], teacher, judge, borrowed
        )


class OfPhoto(Protocol):
    """What comes from a photo, and shows parts of others."""

    @property
    def source_id(self) -> str: ...

    @property
    def borrowed(self) -> frozenset[str]: ...


AnyExample = TypeVar("AnyExample", bound=OfPhoto)


def split_by_photo(
    examples: Sequence[AnyExample], share: float, seed: int
) -> tuple[list[AnyExample], list[AnyExample], set[str]]:
    """Those to learn from, those of `choose_held_out`, and these photos; what borrows from them is in neither.

    Raises:
        UserError: there is none to learn from.
    """
    held_out = choose_held_out(examples, share, seed)
    unseen = [example for example in examples if example.source_id in held_out]
    seen = [example for example in examples if not held_out & {example.source_id, *example.borrowed}]
    if not seen:
        raise UserError("no example to learn from: each borrows from a held-out photo; add photos or pairs")
    return seen, unseen, held_out


def choose_held_out(examples: Sequence[OfPhoto], share: float, seed: int) -> set[str]:
    """Photos whose examples are kept from training: about `share` of the photos, at least one where there are two.

    Raises:
        UserError: there is no example.
    """
    if not examples:
        raise UserError("no example to learn from: the teacher's files are empty")
    sources = sorted({example.source_id for example in examples})
    count = min(len(sources) - 1, max(1, round(share * len(sources))))
    return set(np.random.default_rng(seed).permutation(sources)[:count].tolist())
