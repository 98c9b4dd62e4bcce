"""A shard's pairs, judged as they come: no more than two batches of pictures are in memory, however long the shard."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from omniedit.pairs import EditPair, Shard
from omniedit.progress import Progress
from omniedit.scoring.parser import Unscorable
from omniedit.scoring.score import Judge, Score


def judged(shard: Shard, judge: Judge, progress: Progress) -> Iterator[list[tuple[EditPair, Score | Unscorable]]]:
    """Batch by batch, the pairs of a shard in order, each with its verdict."""
    for pairs in read_ahead(shard, judge.batch_size, progress):
        yield list(zip(pairs, judge.judge(pairs), strict=True))
        progress.advance(len(pairs))
        del pairs  # else they would wait for the next ones


def read_ahead(shard: Shard, size: int, progress: Progress) -> Iterator[list[EditPair]]:
    """The pairs in batches of a size; the next batch is decoded by other threads while one is at work on this."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        coming = _begin(threads, shard, range(min(size, len(shard))))
        for first in range(0, len(shard), size):
            with progress.waiting():
                pairs = [pair.result() for pair in coming]
            coming = _begin(threads, shard, range(first + size, min(first + 2 * size, len(shard))))
            yield pairs
            del pairs


def _begin(threads: ThreadPoolExecutor, shard: Shard, rows: Sequence[int]) -> list[Future[EditPair]]:
    return [threads.submit(shard.__getitem__, row) for row in rows]
