"""The paper's config is planned whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from omniedit.config_files import load
from omniedit.tasks import Task
from workflow.chain import REPOSITORY, checkout, environment

PAPER = REPOSITORY / "config/paper.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return checkout(tmp_path, yaml.safe_load(PAPER.read_text()) | {"sources": {"shards": 2}})


def snakemake(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--configfile", str(PAPER), "small.yaml", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True)


def test_its_scale_is_the_papers() -> None:
    config = load(PAPER)
    pairs = sum(config.tasks[task].pairs_per_shard for task in Task) * config.sources.shards
    assert pairs == 5_200_000 and config.train.epochs == 2 and config.buckets.base_size == 1024


def test_the_command_of_the_slurm_readme_fetches_every_model(tmp_path: Path) -> None:
    guide = (REPOSITORY / "profiles/slurm/README.md").read_text()
    (line,) = [line.strip() for line in guide.splitlines() if line.startswith("    snakemake fetch_models")]
    root = checkout(tmp_path, {})
    done = subprocess.run(
        f"{line} --dry-run --quiet rules", shell=True, cwd=root, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    roles = yaml.safe_load(PAPER.read_text())["models"]["roles"]
    assert re.search(rf"^fetch_model +{len(roles)}$", done.stdout, re.MULTILINE), done.stdout


def test_a_dry_run_plans_every_stage(root: Path) -> None:
    done = snakemake(root, "--dry-run", "--quiet", "rules")
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert (jobs["stream_sources"], jobs["synthesize_shard"], jobs["write_buckets"]) == ("1", "14", "64")
