"""Judge a shard as a stream, with at most two batches of images in memory."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from omniedit.pairs import EditPair, Shard
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Judge, Score, check_scored
from omniedit.storage.progress import Progress


def judge_shard(shard: Shard, judge: Judge, progress: Progress) -> Iterator[list[tuple[EditPair, Score | Unscorable]]]:
    """Yield the pairs of a shard in order, batch by batch, each with its verdict.

    Raises:
        UserError: the judge could score none of the pairs.
    """
    scored, reasons = 0, list[str]()
    for pairs in prefetch_pairs(shard, judge.batch_size, progress):
        verdicts = judge.judge(pairs)
        reasons += (verdict.reason for verdict in verdicts if isinstance(verdict, Unscorable))
        scored += sum(not isinstance(verdict, Unscorable) for verdict in verdicts)
        yield list(zip(pairs, verdicts, strict=True))
        progress.advance(len(pairs))
        del pairs  # frees them before the next batch is awaited
    check_scored(judge, scored, len(reasons), reasons[0] if reasons else "")


def prefetch_pairs(shard: Shard, size: int, progress: Progress) -> Iterator[list[EditPair]]:
    """Yield the pairs in batches of `size`; other threads decode the next batch while the current one is in use."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        coming = _start_reading(threads, shard, range(min(size, len(shard))))
        for first in range(0, len(shard), size):
            with progress.waiting():
                pairs = [pair.result() for pair in coming]
            coming = _start_reading(threads, shard, range(first + size, min(first + 2 * size, len(shard))))
            yield pairs
            del pairs


def _start_reading(threads: ThreadPoolExecutor, shard: Shard, rows: Sequence[int]) -> list[Future[EditPair]]:
    return [threads.submit(shard.__getitem__, row) for row in rows]
