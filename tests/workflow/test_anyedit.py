"""Configs of AnyEdit's types: a dry run plans their pairs, scores and pages, and none of the seven tasks'."""

import re
from pathlib import Path

import yaml

from helpers.chain import REPOSITORY, checkout, environment
from helpers.config_comments import comments_by_key
from helpers.preloaded import run_snakemake
from omniedit.config.loading import load
from omniedit.models.registry import required_roles
from omniedit.tasks import ANYEDIT_TASKS, NOT_EMBEDDED

ANYEDIT = REPOSITORY / "config/anyedit.yaml"
PAPER = REPOSITORY / "config/anyedit-paper.yaml"
OF_THE_USER = {"run", "seed", "sources.path", "models.roles"}
"""Keys that the user sets and that are not part of the method."""


def test_dry_run_plans_every_type_with_a_specialist(tmp_path: Path) -> None:
    options = ["--configfile", str(ANYEDIT), "--cores", "2", "--dry-run", "--quiet", "rules"]
    done = run_snakemake([*options, "all"], checkout(tmp_path, {}), environment())
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    types = len({*ANYEDIT_TASKS} - {*NOT_EMBEDDED})
    assert {jobs[rule] for rule in ("synthesize_shard", "score_shard", "teach_shard")} == {str(types)}
    assert len(load(ANYEDIT).specialist_tasks) == types


def test_paper_config_makes_every_type_with_learned_specialists() -> None:
    config = load(PAPER)
    assert config.learned_tasks == config.specialist_tasks == ANYEDIT_TASKS
    made = sum(config.tasks[task].pairs_per_shard for task in ANYEDIT_TASKS) * config.sources.shards
    assert made == 2 * 2_500_000
    assert set(required_roles(config)) <= set(config.models.roles)


def test_every_key_of_the_paper_config_cites_its_source() -> None:
    for key, comment in comments_by_key(PAPER.read_text()).items():
        assert key in OF_THE_USER or re.search(r"\b(page|code|our choice)\b", comment.lower()), key


def test_dry_run_of_the_paper_config_plans_each_type_and_fetches_its_models(tmp_path: Path) -> None:
    small = yaml.safe_load(PAPER.read_text()) | {"sources": {"shards": 1}, "buckets": {"parts": 1}}
    root = checkout(tmp_path, small)
    options = ["--configfile", str(PAPER), "small.yaml", "--cores", "2", "--dry-run", "--quiet", "rules"]
    done = run_snakemake([*options, "all"], root, environment())
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert jobs["synthesize_shard"] == jobs["score_shard"] == str(len(ANYEDIT_TASKS))
    assert jobs["fetch_model"] == str(len(required_roles(load(PAPER))))
