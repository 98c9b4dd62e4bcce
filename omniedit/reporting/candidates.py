"""What became of every candidate: its scores and the filter's decision, joined over tasks and shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omniedit.errors import UserError
from omniedit.pairs import Refusal, Shard
from omniedit.tables import read_rows
from omniedit.tasks import Task


@dataclass(frozen=True)
class Candidate:
    """One candidate pair; the scores are None where it is unscorable.

    `row` is its place in the file `shard`, `thing` the object that is edited, '' where that is the whole picture.
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

    @property
    def sc_score(self) -> float | None:
        """Semantic consistency: the lesser of its two sub-scores."""
        if self.sc_score_1 is None or self.sc_score_2 is None:
            return None
        return min(self.sc_score_1, self.sc_score_2)

    @property
    def named_scores(self) -> list[tuple[str, float | None]]:
        """The judge's sub-scores as a reader knows them."""
        return [
            ("edit succeeded", self.sc_score_1),
            ("nothing else changed", self.sc_score_2),
            ("picture quality", self.pq_score),
        ]


def read_candidates(
    candidates: Sequence[Path], scores: Sequence[Path], decisions: Sequence[Path]
) -> tuple[list[Candidate], dict[Task, list[Refusal]]]:
    """All candidates, and the refusals of each task; no picture is decoded.

    Args:
        candidates, scores, decisions: files of the same tasks and shards, in the same order.

    Raises:
        UserError: the three lists do not match.
    """
    if not len(candidates) == len(scores) == len(decisions):
        raise UserError(
            f"{len(candidates)} candidate files, {len(scores)} of scores and {len(decisions)} of decisions;"
            " give one of each for every shard, in the same order"
        )
    joined: list[Candidate] = []
    refusals: dict[Task, list[Refusal]] = {}
    for paths in zip(candidates, scores, decisions, strict=True):
        with Shard(paths[0]) as shard:
            joined += _join(shard, *paths)
            refusals.setdefault(shard.task, []).extend(shard.refusals)
    return joined, refusals


def _join(shard: Shard, candidates: Path, scores: Path, decisions: Path) -> list[Candidate]:
    scored = {row["pair_id"]: row for row in read_rows(scores)}
    decided = {row["pair_id"]: row for row in read_rows(decisions)}
    joined = []
    for row, pair_id in enumerate(shard.pair_ids):
        if pair_id not in scored or pair_id not in decided:
            raise UserError(f"{candidates}: {pair_id} is missing in {scores} or {decisions}; give files of one shard")
        score, decision, provenance = scored[pair_id], decided[pair_id], shard.provenance(row)
        joined.append(
            Candidate(
                task=shard.task,
                pair_id=pair_id,
                source_id=provenance["source_id"],
                ratio=provenance["ratio"],
                shard=candidates,
                row=row,
                sc_score_1=score["sc_score_1"],
                sc_score_2=score["sc_score_2"],
                pq_score=score["pq_score"],
                o_score=score["o_score"],
                reasoning=score["reasoning"] or "",
                instruction=shard.instructions(row)[0],
                thing=provenance.get("truth", {}).get("object", ""),
                judge=score["judge"],
                kept=decision["kept"],
                reason=decision["reason"],
            )
        )
    return joined
