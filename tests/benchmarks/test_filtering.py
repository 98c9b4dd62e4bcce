"""Tests of the two runs behind Tables 6 and 7: the second one has as many pairs, from the same candidates."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.filtering import prepare
from helpers.chain import REPOSITORY, environment
from helpers.preloaded import run_snakemake
from omniedit.errors import UserError

FOLDER = REPOSITORY / "benchmarks/filtering"


def write_manifest(run: Path, *pairs: int) -> None:
    buckets = {str(number): {"pairs": count, "train": count - 1} for number, count in enumerate(pairs)}
    (run / "buckets").mkdir(parents=True, exist_ok=True)
    (run / "buckets/manifest.json").write_text(json.dumps({"buckets": buckets}))


@pytest.fixture
def filtered_run(tmp_path: Path) -> Path:
    """Return a run with seven pairs in its buckets."""
    write_manifest(tmp_path / "filtered", 4, 3)
    for stage in ("scores", "decisions"):
        (tmp_path / "filtered" / stage).mkdir(parents=True)
        (tmp_path / "filtered" / stage / "0.txt").write_text(stage)
    return tmp_path / "filtered"


def test_the_unfiltered_run_has_equally_many_pairs_and_no_threshold(filtered_run: Path) -> None:
    config = prepare.build_config(FOLDER / "cpu.yaml", filtered_run, "unfiltered")
    assert config["buckets"] == {"max_pairs": 7} and config["filter"] == {"min_score": 0}
    assert config["run"] == "unfiltered" and len(config["train"]["ablations"]) == 3


def test_a_run_without_pairs_is_an_error(filtered_run: Path) -> None:
    write_manifest(filtered_run)
    with pytest.raises(UserError, match=r"has no pairs in its buckets; lower filter\.min_score"):
        prepare.build_config(FOLDER / "cpu.yaml", filtered_run, "unfiltered")


def test_only_stages_before_the_filter_are_copied_with_their_timestamps(filtered_run: Path) -> None:
    second = filtered_run.parent / "unfiltered"
    prepare.copy_stages(filtered_run, second)
    assert [folder.name for folder in second.iterdir()] == ["scores"]
    times = [(run / "scores/0.txt").stat().st_mtime_ns for run in (filtered_run, second)]
    assert times[0] == times[1]


def test_one_command_plans_both_runs_and_the_tables(tmp_path: Path) -> None:
    for name in ("benchmarks", "omniedit"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    shutil.copyfile(FOLDER / "toy.yaml", tmp_path / "mine.yaml")
    words = ["--snakefile", "benchmarks/filtering/Snakefile", "--cores", "1", "--config", "settings=mine.yaml", "-n"]
    done = run_snakemake([*words, "--quiet", "rules"], tmp_path, environment())
    assert done.returncode == 0, done.stderr
    planned = {line.split()[0] for line in done.stdout.splitlines() if line.split()[1:] == ["1"]}
    assert planned == {"all", "filtered", "equal_pairs", "unfiltered", "tables"}
