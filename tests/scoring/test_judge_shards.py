"""Judging of a shard: in order, and with only a few batches of its images in memory, however long it is."""

import threading
import weakref
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from omniedit.errors import DamagedFile, UserError
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring import Score, Unscorable
from omniedit.scoring.judge_shards import judge_shard
from omniedit.storage.progress import Progress
from omniedit.tasks import Task

COUNT, SIZE = 60, 4


SOURCE = {"source_id": "sea"}


class CountingJudge:
    """Judge that scores an image's shade."""

    name, version, prompt_hash, batch_size = "counting", "", "hash", SIZE

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        return [Score(float(pair.edited[0, 0, 0]) / 10, 0, 0) for pair in pairs]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    images = [np.full((16, 16, 3), number, np.uint8) for number in range(COUNT)]
    pairs = [
        EditPair(f"stream{n:02d}", Task.STYLE_TRANSFER, ("Etch it.",), p, p, None, SOURCE) for n, p in enumerate(images)
    ]
    write_shard(tmp_path / "00000.h5", Task.STYLE_TRANSFER, "embedded", 0, pairs)
    return tmp_path / "00000.h5"


def test_every_pair_gets_its_verdict_in_order_with_bounded_memory(path: Path) -> None:
    alive, most = [0], [0]

    class CountedShard(Shard):
        def __getitem__(self, row: int) -> EditPair:
            pair = super().__getitem__(row)
            with lock:
                alive[0] += 1
                most[0] = max(most[0], alive[0])
            weakref.finalize(pair, free)
            return pair

    def free() -> None:
        with lock:
            alive[0] -= 1

    lock = threading.RLock()
    with CountedShard(path) as shard, Progress("pairs") as progress:
        scored = list(chain.from_iterable(map(ids_and_scores, judge_shard(shard, CountingJudge(), progress))))
    assert scored == [(f"stream{number:02d}", number / 10) for number in range(COUNT)]
    assert progress.done == COUNT
    assert SIZE <= most[0] <= 2 * SIZE + 1  # the shard caches one pair


def test_a_judge_that_scores_no_pair_stops_the_job(path: Path) -> None:
    class Silent(CountingJudge):
        def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
            return [Unscorable("the reply is empty")] * len(pairs)

    judge = Silent()
    with Shard(path) as shard, Progress("pairs") as progress:
        with pytest.raises(UserError, match="could score none of 60 pairs; the first problem: the reply is empty"):
            list(judge_shard(shard, judge, progress))
        judge.name = "reference"  # declines what its rules do not cover
        assert len(list(judge_shard(shard, judge, progress))) == COUNT / SIZE


def ids_and_scores(batch: list[tuple[EditPair, Score | Unscorable]]) -> list[tuple[str, float]]:
    return [(pair.pair_id, verdict.sc_score_1) for pair, verdict in batch if isinstance(verdict, Score)]


def test_a_damaged_shard_raises_an_error(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = content.rindex(b"IDAT")
    content[place + 8] ^= 1
    path.write_bytes(content)
    with Shard(path) as shard, Progress("pairs") as progress, pytest.raises(DamagedFile, match="checksum"):
        list(judge_shard(shard, CountingJudge(), progress))
