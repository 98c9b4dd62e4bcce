"""Files of a run: found by the run's name or folder, whatever stage the run has reached."""

import shutil
from pathlib import Path

import pytest

from helpers.small_run import make_run
from omniedit.browsing.run_files import ShardFiles, find_run, list_shards
from omniedit.errors import UserError


def test_a_run_is_found_by_its_name_or_its_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert find_run("small", tmp_path) == find_run(run) == run


def test_another_name_is_an_error_with_the_names_that_exist(tmp_path: Path) -> None:
    make_run(tmp_path)
    (tmp_path / "results/begun").mkdir()
    with pytest.raises(UserError, match=r"results/none: no such run; .*; available: small$"):
        find_run("none", tmp_path)
    with pytest.raises(UserError, match="results/begun: has no candidates yet; "):
        find_run("begun", tmp_path)
    with pytest.raises(UserError, match="has no candidates yet"):
        find_run(tmp_path)


def test_shards_of_all_stages_are_listed_and_other_files_ignored(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run / "candidates/.hidden").mkdir()
    (run / "candidates/object_swap/.00001.h5.host.1.tmp").touch()
    (run / "candidates/object_swap/00001.h5.damaged").touch()
    (run / "candidates/notes.txt").touch()
    shutil.rmtree(run / "candidates/object_swap")
    (run / "scores/object_swap/00003.parquet").touch()
    found = [("object_swap", "00000"), ("object_swap", "00003"), ("style_transfer", "00000"), ("my_set", "00000")]
    assert list_shards(run) == [ShardFiles(run, folder, shard) for folder, shard in found]
