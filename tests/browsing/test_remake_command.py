"""The command that makes a shard again: the rule of the run's config, from any folder."""

import shlex
from pathlib import Path

import pytest

from helpers.chain import SMALL
from omniedit.browsing.remake_command import remake_command
from omniedit.browsing.run_files import ShardFiles
from omniedit.config.schema import Config


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "results/small"
    folder.mkdir(parents=True)
    config = Config.model_validate({**SMALL, "sources": {"kind": "sample", "min_pixels": 60_000}})
    (folder / "config.json").write_text(config.model_dump_json())
    return folder


def test_the_command_names_target_rule_and_config(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parents[1])
    target = "results/small/candidates/object_swap/00000.h5"
    wanted = f"snakemake {target} --forcerun synthesize_shard --configfile results/small/config.json --cores all"
    for named in (run, Path("results/small")):
        assert remake_command(ShardFiles(named, "object_swap", "00000")) == wanted


def test_the_rule_follows_from_the_candidates_folder(run: Path) -> None:
    values = {**SMALL, "sources": {"kind": "sample", "min_pixels": 60_000}, "subjects": {"source": "cut_outs"}}
    (run / "config.json").write_text(Config.model_validate(values).model_dump_json())
    rules = {"subjects": "train_experts", "object_swap": "synthesize_shard"}
    for folder, rule in rules.items():
        words = shlex.split(remake_command(ShardFiles(run, folder, "00000")) or "")
        assert words[words.index("--forcerun") + 1] == rule


def test_from_another_folder_the_command_names_the_working_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    words = shlex.split(remake_command(ShardFiles(run, "object_swap", "00000")) or "")
    assert words[words.index("--directory") + 1] == str(run.parents[1])
    assert words[words.index("--configfile") + 1] == str(run / "config.json")


def test_a_file_without_a_rule_has_no_command(run: Path, tmp_path: Path) -> None:
    assert remake_command(ShardFiles(run, "object_swap", "00000")) is not None
    moved = run.rename(run.with_name("other"))
    assert remake_command(ShardFiles(moved, "object_swap", "00000")) is None
    (moved / "config.json").write_text("[")
    assert remake_command(ShardFiles(moved, "object_swap", "00000")) is None
    (moved / "config.json").unlink()
    assert remake_command(ShardFiles(moved, "object_swap", "00000")) is None
