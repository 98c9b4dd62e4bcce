"""Shards that stay open: a replaced file is read again, and only a few stay open."""

from pathlib import Path

import pytest

from helpers.small_run import TASK, make_pair
from omniedit.errors import UserError
from omniedit.pairs import write_shard
from omniedit.pairs.open_shards import OPEN_SHARDS, OpenShards


def test_a_file_is_opened_once_until_it_is_replaced(tmp_path: Path) -> None:
    shards, path = OpenShards(), tmp_path / "00000.h5"
    write_shard(path, TASK, "embedded", 0, [make_pair(0)])
    first = shards.read(path, lambda shard: shard)
    assert shards.read(path, lambda shard: shard) is first
    write_shard(path, TASK, "embedded", 0, [make_pair(1)])
    assert shards.read(path, lambda shard: shard.pair_ids) == ["swap-1"]
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        shards.read(path, len)


def test_few_files_stay_open(tmp_path: Path) -> None:
    shards, paths = OpenShards(), [tmp_path / f"{n:05}.h5" for n in range(OPEN_SHARDS + 2)]
    for path in paths:
        write_shard(path, TASK, "embedded", 0, [make_pair(0)])
        assert shards.read(path, len) == 1
    assert len(shards._open) == OPEN_SHARDS
    assert shards.read(paths[0], lambda shard: shard.pair_ids) == ["swap-0"]
