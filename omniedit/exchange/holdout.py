"""Pairs of imported data sets that are held out for the benchmark: all pairs of a few source images."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.pairs import Shard, write_shard
from omniedit.sources.near_duplicates import perceptual_hash
from omniedit.sources.photo_index import BENCH_SCHEMA
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task


@dataclass(frozen=True)
class _Row:
    """Row of a shard, with the digest of its source image."""

    shard: Shard
    row: int
    source: str

    @property
    def task(self) -> Task:
        return self.shard.tasks[self.row]


def hold_out(
    files: Sequence[Path], sources: int, pairs_per_task: int, seed: int, out: Sequence[Path], bench: Path
) -> None:
    """Write the held-out pairs of each shard to `out`, and their sources to `bench`.

    All other pairs of these sources, in any shard, overlap the benchmark, and the filter rejects them.

    Args:
        files: first shard of each data set.
        sources: number of source images to hold out, over all data sets.
        pairs_per_task: maximum number of pairs of a task per data set.

    Raises:
        UserError: no source would be left for training.
    """
    with ExitStack() as stack:
        shards = [stack.enter_context(Shard(file)) for file in files]
        rows = [row for shard in shards for row in _rows(shard)]
        chosen = choose_sources(rows, sources, seed)
        for shard, path in zip(shards, out, strict=True):
            held_out = _limit((row for row in rows if row.shard is shard and row.source in chosen), pairs_per_task)
            pairs = [shard.encoded_pair(row.row) for row in held_out]
            write_shard(path, shard.task, shard.specialist, shard.seed, pairs, versions=shard.versions)
        first = {row.source: row for row in reversed(rows)}
        write_rows(bench, [_describe(first[source]) for source in chosen], BENCH_SCHEMA)


def _rows(shard: Shard) -> Iterator[_Row]:
    for row, provenance in enumerate(shard.read_provenance()):
        yield _Row(shard, row, provenance.get("source_sha256") or shard.sha256("source", row))


def choose_sources(rows: Sequence[_Row], count: int, seed: int) -> list[str]:
    """Return the digests of the sources to hold out, ordered by a hash with the seed: first one for each task, then
    others.

    Raises:
        UserError: there are not more than `count` sources.
    """
    ordered = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}|{row.source}".encode()).hexdigest())
    every = list(dict.fromkeys(row.source for row in ordered))
    if len(every) <= count:
        raise UserError(
            f"bench.photos {count}: the first shard has pairs of {len(every)} source images, too few to hold out"
            f" {count} and train on others; lower bench.photos or sources.shards"
        )
    by_task = {row.task: row.source for row in reversed(ordered)}
    return list(dict.fromkeys([*dict(sorted(by_task.items())).values(), *every]))[:count]


def _limit(rows: Iterator[_Row], pairs_per_task: int) -> Iterator[_Row]:
    counts: Counter[Task] = Counter()
    for row in rows:
        counts[row.task] += 1
        if counts[row.task] <= pairs_per_task:
            yield row


def _describe(row: _Row) -> Mapping[str, Any]:
    """Return a row of `sources/bench.parquet`."""
    provenance = row.shard.provenance(row.row)
    phash = provenance.get("source_phash") or perceptual_hash(row.shard[row.row].source)
    return {"source_id": provenance["source_id"], "sha256": row.source, "phash": phash}
