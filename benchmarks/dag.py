"""What Snakemake needs to plan a run, by the number of shard jobs: `python benchmarks/dag.py`.

A shard job is one of synthesize_shard: one task on one shard of photos. Each brings its scoring, teaching and decision
with it. The peer is the number of shard jobs before: planning should grow no faster than they do.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from omniedit.tasks import Task

REPOSITORY = Path(__file__).parents[1]
CODE = ("Snakefile", "workflow", "scripts", "config", "profiles", "envs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shard-jobs", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--profile", default="profiles/default")
    args = parser.parse_args()

    print("| shard jobs | all jobs | seconds | seconds a 1000 jobs | peak memory (GB) |\n|---|---|---|---|---|")
    for wanted in args.shard_jobs:
        shards = max(1, round(wanted / len(Task)))
        jobs, seconds, gigabytes = plan(shards, args.profile)
        each = 1000 * seconds / jobs
        print(f"| {shards * len(Task):,} | {jobs:,} | {seconds:.1f} | {each:.2f} | {gigabytes:.2f} |", flush=True)


def plan(shards: int, profile: str) -> tuple[int, float, float]:
    """Jobs, seconds and gigabytes of a dry-run of everything, in a folder without results."""
    with tempfile.TemporaryDirectory() as folder:
        for name in CODE:
            Path(folder, name).symlink_to(REPOSITORY / name)
        config = {"sources": {"shards": shards}, "buckets": {"parts": max(1, shards // 8)}}
        Path(folder, "many.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "all", "--profile", profile, "--configfile", "many.yaml"]
        start = time.monotonic()
        process = subprocess.Popen(
            [*command, "--dry-run", "--quiet", "rules"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        printed = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
    if status:
        sys.exit(printed[-2000:])
    total = next(line.split()[1] for line in printed.splitlines() if line.startswith("total "))
    return int(total), seconds, usage.ru_maxrss / 1e6


if __name__ == "__main__":
    main()
