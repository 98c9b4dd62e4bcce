"""Pairs that are derived from the scored pairs of one shard number, over all tasks and data sets."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omniedit import __version__
from omniedit.instructions.composed_pairs import compose_edits, compose_session
from omniedit.instructions.inverse_pairs import invert
from omniedit.instructions.recaption import Recaptioner, needs_recaption
from omniedit.pairs import EditPair, Rejection, Shard, ShardWriter
from omniedit.storage.atomic import replace_file
from omniedit.tasks import Task

SPECIALIST = "derived"
"""Value of the specialist field in a shard of derived pairs."""
NO_INVERSE = "no inverse: neither the truth nor the instruction says what the inverse must ask for"


class PairLocation(NamedTuple):
    """Shard and row of a pair."""

    shard: Shard
    row: int

    def read(self) -> EditPair:
        return self.shard[self.row]


def accepted_ids(
    scores: Iterable[Mapping[str, Any]],
    min_score: float,
    min_scores: Mapping[str, float] | None = None,
    shards: Sequence[Shard] = (),
) -> set[str]:
    """Return the ids of the pairs whose O reaches the threshold; `scores` are rows of `SCORES_SCHEMA`.

    Args:
        min_scores: thresholds for individual tasks; the task of each pair is in `shards`.
    """
    own = {
        pair_id: min_scores[task]
        for shard in (shards if min_scores else ())
        for pair_id, task in zip(shard.pair_ids, map(str, shard.tasks), strict=True)
        if min_scores and task in min_scores
    }
    return {
        row["pair_id"]
        for row in scores
        if row["o_score"] is not None and row["o_score"] >= own.get(row["pair_id"], min_score)
    }


def grow_inverses(shards: Sequence[Shard], accepted: Collection[str], seed: int) -> Iterator[EditPair | Rejection]:
    """Yield the inverse of each accepted pair, or the reason for its absence."""
    for location in _find_locations(shards, accepted):
        pair = location.read()
        yield invert(pair, seed) or Rejection(pair.pair_id, NO_INVERSE)


def grow_compositions(shards: Sequence[Shard], accepted: Collection[str], seed: int) -> Iterator[EditPair]:
    """Yield a pair for each session whose turns are all accepted, and for every two accepted edits of one source that
    can be combined.

    An edit is part of at most one composition. The images of one source's edits are in memory at a time.
    """
    singles: dict[str, list[PairLocation]] = defaultdict(list)
    sessions: dict[str, list[PairLocation]] = defaultdict(list)
    for location in _find_locations(shards, accepted):
        if session := location.shard.session(location.row):
            sessions[session].append(location)
        elif location.shard.encoded("mask", location.row):
            singles[location.shard.provenance(location.row)["source_id"]].append(location)
    for locations in sessions.values():
        if pair := compose_session([location.read() for location in locations], seed):
            yield pair
    for locations in singles.values():
        yield from _compose_in_twos([location.read() for location in locations], seed)


def grow_recaptions(
    shards: Sequence[Shard], scores: Iterable[Mapping[str, Any]], recaptioner: Recaptioner, at_once: int
) -> Iterator[EditPair | Rejection]:
    """Yield, for each good edit that does not follow its instruction, the pair with a new instruction, or the reason
    why it gets none.

    Args:
        scores: rows of `SCORES_SCHEMA`.
        at_once: number of pairs to ask about together; the results do not depend on it.
    """
    locations = _find_locations(shards, {row["pair_id"] for row in scores if needs_recaption(row)})
    for first in range(0, len(locations), at_once):
        yield from recaptioner.rewrite([location.read() for location in locations[first : first + at_once]])


def write_derived(path: Path, name: str, seed: int, outcomes: Iterable[EditPair | Rejection]) -> int:
    """Write the shard of a group of derived pairs, print the reasons of rejections, and return the number of pairs."""
    written = 0
    with (
        replace_file(path) as temporary,
        ShardWriter(temporary, Task(name), SPECIALIST, seed, {"omniedit": __version__}) as writer,
    ):
        for outcome in outcomes:
            writer.add(outcome)
            written += isinstance(outcome, EditPair)
            if isinstance(outcome, Rejection):
                print(f"rejected {outcome.source_id}: {outcome.reason}", flush=True)
    return written


def _find_locations(shards: Sequence[Shard], ids: Collection[str]) -> list[PairLocation]:
    return [PairLocation(shard, row) for shard in shards for row, name in enumerate(shard.pair_ids) if name in ids]


def _compose_in_twos(pairs: list[EditPair], seed: int) -> Iterator[EditPair]:
    """Yield compositions of two edits. Each edit is combined with the first compatible edit after it."""
    while pairs:
        pair = pairs.pop(0)
        for index, other in enumerate(pairs):
            if composed := compose_edits(pair, other, seed):
                del pairs[index]
                yield composed
                break
