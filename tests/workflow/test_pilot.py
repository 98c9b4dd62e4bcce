"""Pilot config: its stages and sizes are those of docs/pilot.md, and dry runs plan it with and without Slurm."""

import re
import shutil
from pathlib import Path

import yaml

from benchmarks import rehearsal
from helpers.chain import REPOSITORY, checkout, environment
from helpers.preloaded import run_snakemake
from omniedit.config.loading import load
from omniedit.tasks import OMNIEDIT_TASKS

PILOT, DOCS = REPOSITORY / "config/pilot.yaml", REPOSITORY / "docs/pilot.md"
PROFILE = REPOSITORY / "profiles/slurm"
STAGES = {
    **{"gather_index": 1, "ground_shard": 2, "generate_proposals": 2, "synthesize_shard": 7, "synthesize_bench": 7},
    **{"ask_teacher": 7, "finetune_student": 1, "score_shard": 7, "decide_shard": 1, "train_editor": 1},
    **{"bench_edit": 3, "bench_table": 1, "model_card": 1},
}


def test_pilot_has_every_stage_at_its_size() -> None:
    config = load(PILOT)
    assert set(config.learned_tasks) == set(OMNIEDIT_TASKS)
    assert config.scoring.teacher == "api" and config.scoring.finetune.model == "judge"
    assert (config.train.model, config.train.steps, config.bench.photos) == ("editnet", 500, 8)


def dry_run(root: Path, *options: str, **variables: str) -> dict[str, int]:
    """Return the number of planned jobs of each rule of `STAGES`."""
    words = ["all", *options, "--configfile", str(PILOT), "--dry-run", "--quiet", "rules"]
    done = run_snakemake(words, checkout(root, {}), environment() | variables)
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    return {name: int(jobs.get(name, 0)) for name in STAGES}


def test_documented_command_plans_every_stage(tmp_path: Path) -> None:
    line = re.findall(r"^    snakemake all (.+) --configfile", DOCS.read_text(), re.MULTILINE)[0]
    assert dry_run(tmp_path, *line.split()) == STAGES


def test_dry_run_on_slurm_with_a_gpu_per_node_plans_every_stage(tmp_path: Path) -> None:
    site = yaml.safe_load((PROFILE / "site.yaml").read_text()) | {"gpus_per_node": 1}
    (tmp_path / "site").mkdir()
    (tmp_path / "site/site.yaml").write_text(yaml.safe_dump(site))
    shutil.copyfile(PROFILE / "partitions.yaml", tmp_path / "site/partitions.yaml")
    variables = {"OMNIEDIT_SITE": str(tmp_path / "site/site.yaml")}
    assert dry_run(tmp_path, "--profile", "profiles/slurm", **variables) == STAGES


def test_rehearsal_keeps_the_pilots_training_and_base() -> None:
    config = rehearsal.pilot_config()
    pilot = load(PILOT)
    assert config["train"]["base"] == {"model": pilot.train.base.model}
    assert config["train"]["dtype"] == pilot.train.dtype and config["train"]["accumulate"] == pilot.train.accumulate
    assert config["train"]["resolution"] == 64 and config["sources"]["kind"] == "sample"
    assert config["tasks"].keys() == set(OMNIEDIT_TASKS)
