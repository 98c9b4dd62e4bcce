"""Filter of candidates: accepts or rejects every pair of a shard, with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.aspect import closest_ratio
from omniedit.errors import UserError
from omniedit.exchange.candidates import BELOW_THRESHOLD, KEPT, NOT_BEST
from omniedit.pairs import Shard
from omniedit.scoring.best_of import HAND_PICKED, Request, find_lesser
from omniedit.scoring.human_decisions import Decision, HandDecision
from omniedit.sources.near_duplicates import is_held_out, perceptual_hash
from omniedit.storage.parquet import column_names, read_table

DECISIONS_SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),
        ("o_score", pa.float64()),
        ("row", pa.int64()),
        ("ratio", pa.string()),
        ("task", pa.string()),
    ]
)
"""Columns of a decisions file. `reason` is 'kept', 'below threshold', 'unscorable', 'duplicate of PAIR_ID', 'overlaps
the benchmark', 'the judges disagree', 'not the best of K candidates of its request', 'accepted by hand', 'rejected by
hand' or a fault.
`o_score` is null for an unscorable pair. `row` is the pair's row in its candidate file and `ratio` is that of its
source, so that buckets can be planned only from decisions. `task` is the pair's own task. Older files lack this column,
and the name of their folder is the task."""
BY_HAND = {Decision.ACCEPT: "accepted by hand", Decision.REJECT: "rejected by hand"}
"""Reason of each decision of a person."""
JUDGES_DISAGREE = "the judges disagree"
PERCEPTION_FAMILY = "perception"
"""Family of auxiliary tasks, whose pairs are painted exactly and need no score."""
ACCEPTED = (KEPT, BY_HAND[Decision.ACCEPT])
"""Reasons of accepted pairs."""


GATHERED_SCHEMA = DECISIONS_SCHEMA.append(pa.field("folder", pa.string())).append(pa.field("shard", pa.string()))
"""Columns of gathered decisions; `folder` and `shard` name the candidates candidates/{folder}/{shard}.h5."""


def gather_decisions(files: Sequence[Path]) -> pa.Table:
    """Return all rows of decisions/{task}/{shard}.parquet files as a table of `GATHERED_SCHEMA`."""
    tables = [GATHERED_SCHEMA.empty_table()]
    for file in files:
        names = [name for name in DECISIONS_SCHEMA.names if name != "task" or name in column_names(file)]
        table = read_table(file, names)
        folder = pa.array([file.parent.name] * len(table), pa.string())
        task = table["task"].fill_null(file.parent.name) if "task" in names else folder
        shard = pa.array([file.stem] * len(table), pa.string())
        columns = {name: table[name] for name in names} | {"task": task, "folder": folder, "shard": shard}
        tables.append(pa.table(columns, schema=GATHERED_SCHEMA))
    return pa.concat_tables(tables)


@dataclass(frozen=True)
class CandidateFilter:
    """Rules that accept or reject candidates.

    Reasons that do not depend on the threshold (unscorable, benchmark photo, duplicate, judges that disagree, not the
    best candidate of its request) take precedence, so a new threshold only exchanges 'kept' and 'below threshold'. A
    decision by hand overrides the judge's score and a missing score, but duplicates and pairs of benchmark photos stay
    rejected. Perception data show no edit to judge, so their scores are ignored.

    Args:
        min_score: smallest O that is accepted.
        bench: rows of `sources/bench.parquet`; pairs of its photos, or of their near-duplicates, overlap the benchmark.
        by_hand: decisions of people by pair_id.
        faults: reasons of the quality gates by pair_id; a decision by hand overrides them. A derived pair inherits the
            faults of its original pairs.
        best_of: number of candidates per request, among which only the best can be accepted; None for no limit.
        max_disagreement: largest disagreement of an ensemble's judges that is accepted; None for no limit.
        min_scores: smallest accepted O by the name of the task; other tasks have `min_score`.
    """

    min_score: float
    bench: Sequence[Mapping[str, Any]] = ()
    by_hand: Mapping[str, HandDecision] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    best_of: int | None = None
    max_disagreement: float | None = None
    min_scores: Mapping[str, float] = field(default_factory=dict)

    def decide(
        self, candidates: Shard, scores: Mapping[str, Mapping[str, Any]], scores_path: str | Path
    ) -> list[dict[str, Any]]:
        """Return a row of `DECISIONS_SCHEMA` for each candidate, in order.

        Args:
            scores: rows of the scores file by pair_id; `scores_path` names it in errors.

        Raises:
            UserError: the scores do not cover exactly these candidates, or come from several judges or rubrics.
        """
        _check_same_pairs(candidates, scores, scores_path)
        _check_one_rubric(scores, scores_path)
        duplicate_of = duplicates(candidates, distinguish_sources=self.best_of is not None)
        rows = []
        for row, pair_id in enumerate(candidates.pair_ids):
            source, task = _describe_source(candidates, row), str(candidates.tasks[row])
            reason = self._decide_pair(candidates, row, source, scores[pair_id], duplicate_of)
            about = {"row": row, "ratio": source["ratio"], "task": task}
            rows.append({"pair_id": pair_id, "reason": reason, "o_score": scores[pair_id]["o_score"], **about})
        if self.best_of is not None:
            _reject_lesser(rows, candidates, self.best_of)
        return [row | {"kept": row["reason"] in ACCEPTED} for row in rows]

    def _decide_pair(
        self,
        candidates: Shard,
        row: int,
        source: Mapping[str, Any],
        score: Mapping[str, Any],
        duplicate_of: Mapping[str, str],
    ) -> str:
        """Return the reason of a pair's decision. `_reject_lesser` decides later whether it is the best of its
        request.
        """
        pair_id, task = candidates.pair_ids[row], candidates.tasks[row]
        hand, is_auxiliary = self.by_hand.get(pair_id), task.family == PERCEPTION_FAMILY
        if score["o_score"] is None and hand is None and not is_auxiliary:
            return "unscorable"
        if is_held_out(source, self.bench):
            return "overlaps the benchmark"
        if pair_id in duplicate_of:
            return f"duplicate of {duplicate_of[pair_id]}"
        if hand is not None:
            return BY_HAND[hand.decision]
        if self.faults and (fault := _find_fault(pair_id, candidates.provenance(row), self.faults)):
            return fault
        if is_auxiliary:
            return KEPT
        if self.max_disagreement is not None and (score.get("disagreement") or 0) > self.max_disagreement:
            return JUDGES_DISAGREE
        return KEPT if score["o_score"] >= self.min_scores.get(task, self.min_score) else BELOW_THRESHOLD


def _reject_lesser(rows: Sequence[dict[str, Any]], candidates: Shard, best_of: int) -> None:
    """Reject the candidates that are not the best of their request; decisions by hand and other reasons stay."""
    requests, scores = [_request(candidates, row) for row in range(len(rows))], [*map(_competing_score, rows)]
    for lesser in find_lesser(requests, scores, best_of):
        rows[lesser]["reason"] = f"{NOT_BEST} {best_of} candidates of its request"


def _competing_score(row: Mapping[str, Any]) -> float | None:
    """Return the score of a row as a candidate of its request, as in `find_lesser`."""
    if row["reason"] == BY_HAND[Decision.ACCEPT]:
        return HAND_PICKED
    return row["o_score"] if row["reason"] in (KEPT, BELOW_THRESHOLD) else None


def _find_fault(pair_id: str, provenance: Mapping[str, Any], faults: Mapping[str, str]) -> str | None:
    """Return the fault of a pair, or of a pair that it is derived from, or None.

    A pair with a new instruction does not inherit a wrong label.
    """
    derived = provenance.get("derived") or {}
    origins = [derived["from"]] if isinstance(derived.get("from"), str) else derived.get("from") or []
    inherited = [faults[name] for name in origins if name in faults]
    if provenance.get("recaptioned"):
        inherited = [fault for fault in inherited if fault != "mislabelled" and not fault.startswith(NOT_BEST)]
    return next(iter([*([faults[pair_id]] if pair_id in faults else []), *inherited]), None)


def _describe_source(candidates: Shard, row: int) -> dict[str, Any]:
    """Return the digests and the ratio of a pair's source, computed from the image if a user's own pair lacks them.

    Pairs made before perceptual hashes existed lack that digest.
    """
    provenance = candidates.provenance(row)
    if provenance.get("source_sha256") and provenance.get("ratio"):
        sha256, phash, ratio = (provenance.get(key) for key in ("source_sha256", "source_phash", "ratio"))
    else:
        image = candidates[row].source
        sha256, phash = provenance.get("source_sha256"), perceptual_hash(image)
        ratio = provenance.get("ratio") or closest_ratio(image.shape[1], image.shape[0])
    return {"sha256": sha256, "phash": phash, "ratio": ratio}


def duplicates(candidates: Shard, distinguish_sources: bool = False) -> dict[str, str]:
    """Map each duplicate to the first pair of the shard with the same source, instruction and edited image.

    Equal images have equal bytes (`omniedit.imaging.images.encode_png` is deterministic), so no image is decoded.

    Args:
        distinguish_sources: whether pairs of one photo are distinct if their source images differ, as those of an
            addition do.
    """
    first: dict[tuple[Request, str, str], str] = {}
    duplicate_of = {}
    for row, pair_id in enumerate(candidates.pair_ids):
        source = candidates.sha256("source", row) if distinguish_sources else ""
        earlier = first.setdefault((_request(candidates, row), source, candidates.sha256("edited", row)), pair_id)
        if earlier != pair_id:
            duplicate_of[pair_id] = earlier
    return duplicate_of


def _request(candidates: Shard, row: int) -> Request:
    """Return the digest of a pair's source, and its instruction.

    The recorded digest is the photo's, but the source of a derived pair is another image.
    """
    provenance = candidates.provenance(row)
    recorded = None if provenance.get("derived") else provenance.get("source_sha256")
    return recorded or candidates.sha256("source", row), candidates.instructions(row)[0]


def _check_same_pairs(candidates: Shard, scores: Mapping[str, Any], scores_path: str | Path) -> None:
    unscored = [pair_id for pair_id in candidates.pair_ids if pair_id not in scores]
    unknown = sorted(set(scores) - set(candidates.pair_ids))
    remedy = _remedy(scores_path)
    if unscored:
        problem = f"has no score for {len(unscored)} of the pairs of {candidates.path} (first: {unscored[0]})"
        raise UserError(f"{scores_path}: {problem}; {remedy}")
    if unknown:
        problem = f"has scores for {len(unknown)} pairs that are not in {candidates.path} (first: {unknown[0]})"
        raise UserError(f"{scores_path}: {problem}; {remedy}")


def _check_one_rubric(scores: Mapping[str, Mapping[str, Any]], scores_path: str | Path) -> None:
    """Check that one judge and one rubric gave all scores, because scores of different judges need different
    thresholds.
    """
    judges = sorted({f"{row['judge']} under rubric {row['prompt_hash']}" for row in scores.values()})
    if len(judges) > 1:
        raise UserError(f"{scores_path}: scores by {' and '.join(judges)}; {_remedy(scores_path)}")


def _remedy(scores_path: str | Path) -> str:
    return f"delete {scores_path} and run snakemake again to score the pairs again"
