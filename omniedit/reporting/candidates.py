"""Candidates with their scores and the filter's decisions, joined over tasks and shards."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniedit.aspect import RATIOS
from omniedit.errors import UserError
from omniedit.exchange.candidates import short_reason
from omniedit.pairs import Rejection, Shard
from omniedit.pairs.provenance import model_revisions
from omniedit.storage.parquet import read_rows
from omniedit.storage.shard_paths import CandidateFiles
from omniedit.tasks import Task, order_tasks

ALL_RATIOS = list(RATIOS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Candidate pair. Its scores are None if it is unscorable.

    `row` is its index in the file `shard`. `folder` is the name of the shard's folder, '' if it is that of the task.
    `thing` is the edited object, '' for an edit of the whole image. `models` are the models that made the edit,
    as far as known. `disagreement` and `details` are those of an ensemble's scores.
    """

    task: Task
    pair_id: str
    source_id: str
    ratio: str
    shard: Path
    row: int
    sc_score_1: float | None
    sc_score_2: float | None
    pq_score: float | None
    o_score: float | None
    reasoning: str
    instruction: str
    thing: str
    judge: str
    kept: bool
    reason: str
    folder: str = ""
    judge_version: str = ""
    details: str = ""
    disagreement: float | None = None
    models: tuple[str, ...] = ()

    @property
    def sc_score(self) -> float | None:
        """Semantic consistency: the smaller of its two sub-scores."""
        if self.sc_score_1 is None or self.sc_score_2 is None:
            return None
        return min(self.sc_score_1, self.sc_score_2)

    @property
    def sub_scores(self) -> list[tuple[str, float | None]]:
        """Sub-scores of the judge with readable names."""
        return [
            ("edit succeeded", self.sc_score_1),
            ("nothing else changed", self.sc_score_2),
            ("image quality", self.pq_score),
        ]


@dataclass(frozen=True)
class Columns:
    """Columns of N candidates, from which pages compute their counts.

    A run has millions of candidates, so each takes only about 100 bytes while the columns are built.

    Args:
        task, ratio: indices into `tasks` and `ALL_RATIOS`.
        tasks: tasks of the candidates, in the order of `omniedit.tasks.order_tasks`.
        sc_score, pq_score, o_score: NaN if the candidate is unscorable.
        reason: indices into `reasons`, where duplicates of different pairs share one reason.
        thing, instruction: numbers that are equal for equal texts; `thing` is -1 for an edit of the whole image.
        teacher: the teacher's O; NaN if it gave none.
    """

    task: NDArray[np.int16]
    ratio: NDArray[np.int8]
    kept: NDArray[np.bool_]
    sc_score: NDArray[np.float64]
    pq_score: NDArray[np.float64]
    o_score: NDArray[np.float64]
    reason: NDArray[np.int16]
    reasons: Sequence[str]
    thing: NDArray[np.int32]
    instruction: NDArray[np.int32]
    teacher: NDArray[np.float64]
    judges: Sequence[str]
    tasks: Sequence[Task]

    def __len__(self) -> int:
        return len(self.task)

    def is_task(self, task: Task) -> NDArray[np.bool_]:
        return self.task == (self.tasks.index(task) if task in self.tasks else -1)

    def has_reason(self, *reasons: str) -> NDArray[np.bool_]:
        return np.isin(self.reason, [place for place, reason in enumerate(self.reasons) if reason in reasons])


KINDS = {"task": "h", "ratio": "b", "kept": "b", "sc_score": "d", "pq_score": "d", "o_score": "d", "reason": "h"}
KINDS |= {"thing": "i", "instruction": "q", "teacher": "d"}
"""Type code of each column's array."""


def to_columns(
    candidates: Iterable[Candidate], teacher: Mapping[tuple[str, str], float | None] | None = None
) -> Columns:
    """Collect candidates into columns. The candidates may come from a generator.

    Args:
        teacher: (pair id, task of the folder) -> the teacher's O, if another judge scored the candidates.
    """
    columns: dict[str, array[Any]] = {name: array(kind) for name, kind in KINDS.items()}
    reasons: dict[str, int] = {}
    objects = {"": -1}
    tasks: dict[Task, int] = {}
    judges: set[str] = set()
    teacher = teacher or {}
    for c in candidates:
        row = {
            "task": tasks.setdefault(c.task, len(tasks)),
            "ratio": ALL_RATIOS.index(c.ratio),
            "kept": c.kept,
            "sc_score": _or_nan(c.sc_score),
            "pq_score": _or_nan(c.pq_score),
            "o_score": _or_nan(c.o_score),
            "reason": reasons.setdefault(short_reason(c.reason), len(reasons)),
            "thing": objects.setdefault(c.thing, len(objects)),
            "instruction": _digest(c.instruction),
            "teacher": _or_nan(teacher.get((c.pair_id, c.folder or c.task))),
        }
        for name, value in row.items():
            columns[name].append(value)
        judges.add(c.judge)
    by_row = {name: np.frombuffer(column, column.typecode) for name, column in columns.items()}
    by_row["kept"] = by_row["kept"].astype(bool)
    by_row["instruction"] = np.unique(by_row["instruction"], return_inverse=True)[1].astype(np.int32)
    ordered = order_tasks(tasks)
    by_row["task"] = np.array([ordered.index(task) for task in tasks], np.int16)[by_row["task"]]
    return Columns(**by_row, reasons=list(reasons), judges=sorted(judges), tasks=ordered)


def _digest(text: str) -> int:
    """Return 64 bits of a digest of a text. Python's `hash` would differ from run to run."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def _or_nan(score: float | None) -> float:
    return np.nan if score is None else score


def read_candidates(files: CandidateFiles) -> tuple[list[Candidate], dict[Task, list[Rejection]]]:
    """Read all candidates and the skipped photos of each task, without decoding images.

    Use it only for the shards of one task, because a candidate takes a few hundred bytes.

    Raises:
        UserError: the three lists do not match.
    """
    rejections: dict[Task, list[Rejection]] = {}
    return list(chain.from_iterable(stream_shards(files, rejections))), rejections


def read_columns(
    files: CandidateFiles,
    teacher: Mapping[tuple[str, str], float | None] | None = None,
    watch: Callable[[Candidate], None] | None = None,
) -> tuple[Columns, dict[Task, list[Rejection]]]:
    """Read the same as `read_candidates` into columns, with one shard in memory at a time.

    Args:
        watch: function that is called with each candidate.
    """
    rejections: dict[Task, list[Rejection]] = {}

    def stream() -> Iterator[Candidate]:
        for candidate in chain.from_iterable(stream_shards(files, rejections)):
            if watch is not None:
                watch(candidate)
            yield candidate

    return to_columns(stream(), teacher), rejections


def read_best(
    files: CandidateFiles, best: Callable[[Sequence[Candidate]], list[Candidate]]
) -> tuple[dict[Task, list[Candidate]], dict[Task, list[Rejection]]]:
    """Read the best candidates and the skipped photos of each task, with one shard in memory at a time.

    `best` selects from a shard's candidates and the task's best so far.
    """
    rejections: dict[Task, list[Rejection]] = {}
    found: dict[Task, list[Candidate]] = {}
    for of_shard in stream_shards(files, rejections):
        for task in {candidate.task for candidate in of_shard}:
            of_task = [candidate for candidate in of_shard if candidate.task == task]
            found[task] = best([*found.get(task, []), *of_task])
    return found, rejections


def stream_shards(files: CandidateFiles, rejections: dict[Task, list[Rejection]]) -> Iterator[list[Candidate]]:
    """Yield the candidates of each shard, and add its skipped photos to `rejections`."""
    candidates, scores, decisions = files
    if not len(candidates) == len(scores) == len(decisions):
        raise UserError(
            f"{len(candidates)} candidate files, {len(scores)} score files and {len(decisions)} decision files;"
            " give one of each per shard, in the same order"
        )
    for paths in zip(candidates, scores, decisions, strict=True):
        with Shard(paths[0]) as shard:
            if shard.rejections or shard.task in shard.tasks or not len(shard):
                rejections.setdefault(shard.task, []).extend(shard.rejections)
            yield _join(shard, *paths)


def _join(shard: Shard, candidates: Path, scores: Path, decisions: Path) -> list[Candidate]:
    scored = {row["pair_id"]: row for row in read_rows(scores)}
    decided = {row["pair_id"]: row for row in read_rows(decisions)}
    joined = []
    for row, pair_id in enumerate(shard.pair_ids):
        if pair_id not in scored or pair_id not in decided:
            raise UserError(f"{candidates}: {pair_id} is missing from {scores} or {decisions}; give files of one shard")
        score, decision, provenance = scored[pair_id], decided[pair_id], shard.provenance(row)
        joined.append(
            Candidate(
                task=shard.tasks[row],
                folder=shard.task,
                pair_id=pair_id,
                source_id=provenance["source_id"],
                ratio=provenance.get("ratio") or decision["ratio"],
                shard=candidates,
                row=row,
                **{name: score[name] for name in ("sc_score_1", "sc_score_2", "pq_score", "o_score", "judge")},
                reasoning=score["reasoning"] or "",
                instruction=shard.instructions(row)[0],
                thing=(provenance.get("truth") or {}).get("object", ""),
                judge_version=score.get("judge_version") or "",
                details=score.get("details") or "",
                disagreement=score.get("disagreement"),
                models=(*model_revisions(provenance), *filter(None, [provenance.get("editor")])),
                kept=decision["kept"],
                reason=decision["reason"],
            )
        )
    return joined
