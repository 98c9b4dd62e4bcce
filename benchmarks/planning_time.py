"""Measure Snakemake's planning time and memory by number of shard jobs: `python benchmarks/planning_time.py`.

A shard job is one job of synthesize_shard, which is one task on one shard of photos. It brings its scoring, teacher and
decision jobs with it. The limits are 60 s and 1.5 GB for the paper's config on 2 cores, on this machine and for Slurm.
Planning time should also grow no faster than the number of jobs from row to row. The last row is Snakemake's own time
for the paper's shard jobs, without params, resources, logs and messages. `--done` also plans with all results present,
as after a run that was stopped at its end.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from omniedit.config.loading import load
from omniedit.tasks import OMNIEDIT_TASKS

REPOSITORY = Path(__file__).parents[1]
CODE = ("Snakefile", "workflow", "scripts", "config", "profiles", "envs")
PAPER = REPOSITORY / "config/paper.yaml"
BARE = """
rule all:
    input: expand("gathered/{block}", block=range(SHARDS // 16))
rule stream:
    output: "sources/{shard}"
rule propose:
    input: "sources/{shard}"
    output: "proposals/{shard}"
rule ground:
    input: "sources/{shard}"
    output: "objects/{shard}"
rule synthesize:
    input: "sources/{shard}", "objects/{shard}", "proposals/{shard}"
    output: "candidates/{task}/{shard}"
rule teach:
    input: "candidates/{task}/{shard}"
    output: "teacher/{task}/{shard}"
rule train:
    input: expand("teacher/{task}/{shard}", task=TASKS, shard=range(TEACHER_GROUPS))
    output: "scorer"
rule score:
    input: "candidates/{task}/{shard}", "scorer"
    output: "scores/{task}/{shard}"
rule decide:
    input: expand("scores/{task}/{{shard}}", task=TASKS)
    output: expand("decisions/{task}/{{shard}}", task=TASKS)
rule gather:
    input: lambda w: [f"decisions/{t}/{16 * int(w.block) + n}" for t in TASKS for n in range(16)]
    output: "gathered/{block}"
"""
"""Rules with the structure of the paper's shard jobs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shard-jobs", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--profile", default="profiles/default")
    parser.add_argument("--config", type=Path, help="plan only this file, with both profiles")
    parser.add_argument("--done", action="store_true", help="plan the paper's config once more with all results there")
    args = parser.parse_args()

    print("| config | shard jobs | all jobs | seconds | ms a job | peak memory (GB) |\n|---|---|---|---|---|---|")
    if args.config:
        with tempfile.TemporaryDirectory() as folder:
            config = yaml.safe_load(args.config.read_text())
            name, tasks = args.config.stem, len(load(args.config).specialist_tasks)
            for profile in (args.profile, "profiles/slurm"):
                made = plan(Path(folder), config, profile)
                row(f"{name}, --profile {profile}", config["sources"]["shards"], *made, tasks=tasks)
        return
    for wanted in args.shard_jobs:
        shards = max(1, round(wanted / len(OMNIEDIT_TASKS)))
        with tempfile.TemporaryDirectory() as folder:
            config = {"sources": {"shards": shards}, "buckets": {"parts": max(1, shards // 8)}}
            row("default", shards, *plan(Path(folder), config, args.profile))
    with tempfile.TemporaryDirectory() as folder:
        paper = yaml.safe_load(PAPER.read_text())
        row("paper", paper["sources"]["shards"], *plan(Path(folder), paper, args.profile))
        row("paper, --profile profiles/slurm", paper["sources"]["shards"], *plan(Path(folder), paper, "profiles/slurm"))
        if args.done:
            create_outputs(Path(folder), args.profile)
            row("paper, all done", paper["sources"]["shards"], *plan(Path(folder), paper, args.profile))
    with tempfile.TemporaryDirectory() as folder:
        shards = paper["sources"]["shards"]
        counts = (
            f"SHARDS, TEACHER_GROUPS, TASKS = {shards}, {paper['scoring']['teacher_shards']}, {list(OMNIEDIT_TASKS)}"
        )
        (Path(folder) / "Snakefile").write_text(f"{counts}\n{BARE}")
        row("bare", shards, *time_plan([sys.executable, "-m", "snakemake", "--cores", "1"], Path(folder)))


def row(name: str, shards: int, jobs: int, seconds: float, gigabytes: float, tasks: int = len(OMNIEDIT_TASKS)) -> None:
    each = f"{1000 * seconds / jobs:.1f}" if jobs else "-"
    print(
        f"| {name} | {shards * tasks:,} | {jobs:,} | {seconds:.1f} | {each} | {gigabytes:.2f} |",
        flush=True,
    )


def plan(folder: Path, config: dict, profile: str) -> tuple[int, float, float]:
    """Return the jobs, seconds and gigabytes of a dry run of everything."""
    for name in CODE:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(REPOSITORY / name)
    (folder / "many.yaml").write_text(yaml.safe_dump(config))
    return time_plan(command(profile), folder)


def time_plan(snakemake: list[str], folder: Path) -> tuple[int, float, float]:
    """Return the jobs, seconds and gigabytes of a dry run with this command."""
    start = time.monotonic()
    process = subprocess.Popen(
        [*snakemake, "--dry-run", "--quiet", "rules"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    printed = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status:
        sys.exit(printed[-2000:])
    total = [line.split()[1] for line in printed.splitlines() if line.startswith("total ")]
    return int(total[0]) if total else 0, seconds, usage.ru_maxrss / 1e6


def create_outputs(folder: Path, profile: str) -> None:
    """Create every output with a few bytes in it, and Snakemake's record of how it was made."""
    summary = subprocess.run([*command(profile), "--summary"], cwd=folder, capture_output=True, text=True, check=True)
    for line in summary.stdout.splitlines():
        if line.startswith(("results/", "models/")):
            path = folder / line.split("\t")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"files": {}}\n')
    subprocess.run([*command(profile), "--touch"], cwd=folder, capture_output=True, check=True)


def command(profile: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", "all", "--profile", profile, "--configfile", "many.yaml"]


if __name__ == "__main__":
    main()
