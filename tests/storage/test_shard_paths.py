from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.storage.shard_paths import expand_files, expand_numbers, shard_share
from omniedit.tasks import Task


def test_pattern_expands_to_a_file_of_each_task_and_shard() -> None:
    tasks = [Task.STYLE_TRANSFER, Task.OBJECT_SWAP]
    assert expand_files("run{1}/scores/{task}/{shard}.parquet", tasks, 2) == [
        Path(f"run{{1}}/scores/{task}/0000{shard}.parquet") for task in tasks for shard in (0, 1)
    ]


@pytest.mark.parametrize(("total", "shards"), [(50_000, 100), (10, 3), (2, 5), (7, 1)])
def test_shares_differ_by_at_most_one_and_add_up(total: int, shards: int) -> None:
    shares = [shard_share(total, shard, shards) for shard in range(shards)]
    assert sum(shares) == total and max(shares) - min(shares) <= 1


def test_path_without_placeholders_is_rejected() -> None:
    with pytest.raises(
        UserError, match=r"'scores/object_swap/00000\.parquet': not a pattern with \{task\} and \{shard\}"
    ):
        expand_files("scores/object_swap/00000.parquet", [Task.OBJECT_SWAP], 1)


def test_numbered_pattern_expands_to_files() -> None:
    assert expand_numbers("sources/{shard}.tar", "shard", 2) == [Path("sources/00000.tar"), Path("sources/00001.tar")]
    with pytest.raises(UserError, match=r"'buckets/parts': not a pattern with \{part\}"):
        expand_numbers("buckets/parts", "part", 1)
