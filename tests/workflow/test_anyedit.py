"""Config of AnyEdit's types: a dry run plans their pairs, scores and pages, and none of the seven tasks'."""

from pathlib import Path

from helpers.chain import REPOSITORY, checkout, environment
from helpers.preloaded import run_snakemake
from omniedit.config.loading import load
from omniedit.tasks import ANYEDIT_TASKS, NOT_EMBEDDED

ANYEDIT = REPOSITORY / "config/anyedit.yaml"


def test_dry_run_plans_every_type_with_a_specialist(tmp_path: Path) -> None:
    options = ["--configfile", str(ANYEDIT), "--cores", "2", "--dry-run", "--quiet", "rules"]
    done = run_snakemake([*options, "all"], checkout(tmp_path, {}), environment())
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    types = len({*ANYEDIT_TASKS} - {*NOT_EMBEDDED})
    assert {jobs[rule] for rule in ("synthesize_shard", "score_shard", "teach_shard", "report_gallery")} == {str(types)}
    assert len(load(ANYEDIT).specialist_tasks) == types
