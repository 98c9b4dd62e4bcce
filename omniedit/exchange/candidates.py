"""Candidates of a run with their scores and decisions, and the selection of candidates for an export."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from omniedit.aspect import RATIOS, closest_ratio
from omniedit.errors import UserError
from omniedit.pairs import Shard
from omniedit.pairs.provenance import IMPORTED, model_revisions
from omniedit.storage.parquet import read_rows
from omniedit.tasks import Task

KEPT, BELOW_THRESHOLD = "kept", "below threshold"
"""Reasons of a decision that a threshold changes."""
NOT_BEST = "not the best of"
"""Prefix of the reason with which `scoring.best_of` rejects a pair."""


def short_reason(reason: str) -> str:
    """Return the reason of a decision; for a duplicate, without the id of the other pair."""
    return reason if reason.startswith(NOT_BEST) else reason.partition(" of ")[0]


def describe_judge(scores: Mapping[str, Any]) -> str:
    """Return name and version of the judge of a row of scores, '' without one. A version may begin with the name."""
    name, version = scores.get("judge") or "", scores.get("judge_version") or ""
    return version if f"{version} ".startswith(f"{name} ") else f"{name} {version}".strip()


class PairSelection(BaseModel):
    """Selection of the pairs to export.

    Args:
        tasks: names of tasks; empty for all.
        min_score: smallest O; None for the decisions of the run.
        top: percentage of each task's scored pairs to take, by the highest O.
        licences: such as cc-by or cc0: all versions count, but not cc-by-nc; empty for all.
        ratios: aspect ratios; empty for all.
        judge: name of the judge whose scores count; None for any.
        kind: `accepted` pairs, `rejected` ones, or `preference` pairs of both.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks: tuple[str, ...] = ()
    min_score: float | None = Field(default=None, ge=0, le=10)
    top: float | None = Field(default=None, gt=0, le=100)
    licences: tuple[str, ...] = ()
    ratios: tuple[str, ...] = ()
    judge: str | None = None
    kind: Literal["accepted", "rejected", "preference"] = "accepted"

    @property
    def needs_scores(self) -> bool:
        return self.min_score is not None or self.top is not None or self.judge is not None or self.kind != "accepted"


@dataclass(frozen=True)
class CandidateRow:
    """Candidate of a run, without its images.

    Args:
        scores: the pair's row of the scores file; empty without one.
        decision: the pair's row of the decisions file; empty without one.
    """

    shard: Shard
    row: int
    provenance: Mapping[str, Any]
    scores: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pair_id(self) -> str:
        return self.shard.pair_ids[self.row]

    @property
    def task(self) -> Task:
        return self.shard.tasks[self.row]

    @property
    def ratio(self) -> str:
        known = self.decision.get("ratio") or self.provenance.get("ratio")
        return known or closest_ratio(*self.shard.size(self.row))

    @property
    def licence(self) -> str:
        return self.provenance.get("licence") or "unknown"

    @property
    def origin(self) -> str:
        """Data set of an imported pair, or the specialist that made the edit."""
        imported = self.provenance.get(IMPORTED) or {}
        return imported.get("dataset") or self.provenance.get("specialist") or self.shard.specialist

    @property
    def made_by(self) -> str:
        """Models that made the edit, with their revisions; 'unknown' if the provenance names none."""
        models = model_revisions(self.provenance)
        return ", ".join(f"{name} {revision[:12]}".strip() for name, revision in sorted(models.items())) or "unknown"

    @property
    def o_score(self) -> float | None:
        return self.scores.get("o_score", self.decision.get("o_score"))

    @property
    def judge(self) -> str:
        """Name and version of the judge, '' without scores."""
        return describe_judge(self.scores)

    @property
    def reason(self) -> str:
        """Reason of the decision; 'unscorable' for a pair without an O, '' without a decision."""
        if self.decision:
            return self.decision["reason"]
        return "unscorable" if self.scores and self.o_score is None else ""

    @property
    def passes_checks(self) -> bool:
        """True if the pair is accepted, or could be rejected only because of its score."""
        return self.reason in ("", KEPT, BELOW_THRESHOLD) or self.is_lesser

    @property
    def is_lesser(self) -> bool:
        """True if another candidate of its request is better, so that no threshold accepts the pair."""
        return self.reason.startswith(NOT_BEST)


def read_candidates(run: str | Path) -> Iterator[CandidateRow]:
    """Yield the candidates of a run, shard by shard; a candidate's shard is open until the next one is read.

    Raises:
        UserError: the run has no candidates, or decisions for only some of its shards.
    """
    run = Path(run)
    files = sorted((run / "candidates").glob("*/*.h5"))
    if not files:
        raise UserError(f"{run}: has no candidates; import pairs with omniedit import, or run snakemake first")
    is_decided = any((run / "decisions").glob("*/[0-9]*.parquet"))
    for file in files:
        place = f"{file.parent.name}/{file.stem}.parquet"
        scores, decisions = _read_by_id(run / "scores" / place), _read_by_id(run / "decisions" / place)
        with Shard(file, keeps_last=False) as shard:
            if is_decided and len(shard) and not decisions:
                raise UserError(f"{run / 'decisions' / place}: no such file; run snakemake to decide these pairs too")
            for row, provenance in enumerate(shard.read_provenance()):
                pair_id = shard.pair_ids[row]
                yield CandidateRow(shard, row, provenance, scores.get(pair_id, {}), decisions.get(pair_id, {}))


def _read_by_id(file: Path) -> dict[str, dict[str, Any]]:
    return {row["pair_id"]: row for row in read_rows(file)} if file.is_file() else {}


@dataclass(frozen=True)
class Selector:
    """Test of candidates against a selection.

    Args:
        cutoffs: by task, the smallest O of its top pairs and the number of pairs to take that have exactly this O.
    """

    selection: PairSelection
    cutoffs: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    def split(self, candidates: Iterator[CandidateRow]) -> Iterator[tuple[CandidateRow, bool]]:
        """Yield the candidates that match the selection, apart from its scores, and whether each is accepted."""
        ties: dict[str, int] = defaultdict(int)
        for candidate in candidates:
            if self.matches(candidate):
                yield candidate, self._is_accepted(candidate, ties)

    def matches(self, candidate: CandidateRow) -> bool:
        """Return whether a candidate's task, licence, ratio and judge match the selection."""
        selection = self.selection
        return (
            (not selection.tasks or candidate.task in selection.tasks)
            and (not selection.ratios or candidate.ratio in selection.ratios)
            and (not selection.licences or matches_licence(candidate.licence, selection.licences))
            and (selection.judge is None or candidate.scores.get("judge") == selection.judge)
        )

    def _is_accepted(self, candidate: CandidateRow, ties: dict[str, int]) -> bool:
        selection, score = self.selection, candidate.o_score
        if selection.min_score is None and selection.top is None:
            return candidate.reason in ("", KEPT)
        if score is None or not candidate.passes_checks or candidate.is_lesser or score < (selection.min_score or 0):
            return False
        cutoff, at_cutoff = self.cutoffs.get(candidate.task, (-math.inf, 0))
        if score == cutoff:
            ties[candidate.task] += 1
            return ties[candidate.task] <= at_cutoff
        return score > cutoff


def make_selector(run: str | Path, selection: PairSelection) -> Selector:
    """Return the selector for a run. To find the top of each task, it reads all scores first.

    Raises:
        UserError: the selection needs scores that the run lacks, or names an unknown ratio.
    """
    if wrong := [ratio for ratio in selection.ratios if ratio not in RATIOS]:
        raise UserError(f"--ratio: {wrong[0][:40]!a} is not a ratio; give one of {', '.join(RATIOS)}")
    if selection.needs_scores and not any((Path(run) / "scores").glob("*/*.parquet")):
        raise UserError(f"{run}: has no scores, which the chosen options need; score its pairs first with snakemake")
    selector = Selector(selection)
    if selection.top is None:
        return selector
    scores: dict[str, list[float]] = defaultdict(list)
    for candidate in filter(selector.matches, read_candidates(run)):
        if candidate.o_score is not None and candidate.passes_checks and not candidate.is_lesser:
            scores[candidate.task].append(candidate.o_score)
    return Selector(selection, {task: _find_cutoff(sorted(values), selection.top) for task, values in scores.items()})


def _find_cutoff(ascending: list[float], top: float) -> tuple[float, int]:
    """Return the O of the last of the top pairs, and the number of top pairs that have exactly this O."""
    chosen = ascending[-math.ceil(len(ascending) * top / 100) :]
    return chosen[0], chosen.count(chosen[0])


def describe_pairs(candidates: Iterator[CandidateRow], selection: PairSelection) -> str:
    """Return the number of pairs that do not match a selection, and the values of the properties that it names."""
    named = {"task": selection.tasks, "ratio": selection.ratios, "licence": selection.licences}
    counts: dict[str, Counter[str]] = {name: Counter() for name, values in named.items() if values}
    counts |= {"judge": Counter()} if selection.judge else {}
    counts["decision"] = Counter()
    scores = [0.0]
    for candidate in candidates:
        scores.append(candidate.o_score or 0.0)
        values = {"judge": candidate.scores.get("judge"), "decision": short_reason(candidate.reason)}
        for name, counter in counts.items():
            counter[str((values[name] if name in values else getattr(candidate, name)) or "none")] += 1
    listed = [
        f"{name} {', '.join(f'{value} ({count})' for value, count in counter.most_common(8))}"
        for name, counter in counts.items()
    ]
    listed += [f"highest O {max(scores):.2f}"] if selection.min_score is not None else []
    return f"{counts['decision'].total()} pairs matches the options; available: {'; '.join(listed)}"


def matches_licence(licence: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a licence is one of the requested ones, in any version: 'CC BY 4.0' is cc-by, 'CC BY-NC 4.0' is
    not.
    """
    plain = _plain_licence(licence)
    return any(re.fullmatch(rf"{re.escape(_plain_licence(each))}(-v?\d.*)?", plain) for each in allowed)


def _plain_licence(licence: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")
