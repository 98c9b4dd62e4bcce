"""Run a month of cluster jobs in an hour or two: the whole DAG on a private Slurm, with short sleeps as jobs.

    python benchmarks/cluster_month.py --shards 68 --folder /var/tmp/month  # as root, on Debian; run again to resume

The DAG, the profile, Slurm and Snakemake's jobs are real, and so is the report's page on requested and used resources.
All other scripts are `benchmarks/pretend_job.py`, which fails at random. Overhead is measured against the time of the
sleeps alone.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from helpers.slurm_cluster import ACCOUNT, Cluster, install, run  # noqa: E402

LINKED = ("Snakefile", "workflow", "config", "profiles", "envs")
REAL = ("run.sh", "launch_ranks.sh", "report_efficiency.py")
SITE = {"account": ACCOUNT, "gpu_model": "h100", "gpus_per_node": 1, "train_nodes": 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=68, help="of photos; 30 jobs each, and 56 more")
    parser.add_argument("--folder", type=Path, required=True, help="folder of the run; an interrupted run is resumed")
    parser.add_argument("--jobs", type=int, default=8, help="most jobs in the queue or running at once")
    parser.add_argument("--fails", type=float, default=0.01, help="share of jobs that fail, at random")
    parser.add_argument("--seconds", type=float, default=1.0, help="mean sleep of a job")
    args = parser.parse_args()

    folder = args.folder.resolve()
    prepare(folder, args.shards, args.jobs)
    install()
    cluster = Cluster(folder / f"slurm-{os.getpid()}")
    try:
        cluster.start()
        start = time.monotonic()
        status = run_workflow(folder, args.fails, args.seconds)
        seconds = time.monotonic() - start
        report(folder, status, seconds, args.seconds)
    finally:
        cluster.stop()


def prepare(folder: Path, shards: int, jobs: int) -> None:
    """Create a checkout whose scripts are stand-ins."""
    (folder / "scripts").mkdir(parents=True, exist_ok=True)
    for name in LINKED:
        link(folder / name, REPOSITORY / name)
    for script in (REPOSITORY / "scripts").iterdir():
        link(
            folder / "scripts" / script.name,
            script if script.name in REAL else REPOSITORY / "benchmarks/pretend_job.py",
        )
    config = {"run": "month", "sources": {"shards": shards}, "buckets": {"parts": 8}}
    (folder / "month.yaml").write_text(yaml.safe_dump(config))
    site = yaml.safe_load((REPOSITORY / "profiles/slurm/site.yaml").read_text())
    (folder / "site.yaml").write_text(yaml.safe_dump(site | SITE | {"jobs": jobs}))
    (folder / "partitions.yaml").write_text((REPOSITORY / "profiles/slurm/partitions.yaml").read_text())


def link(path: Path, target: Path) -> None:
    if not path.is_symlink():
        path.symlink_to(target)


def run_workflow(folder: Path, fails: float, seconds: float) -> int:
    """Run the one command that a user types and append its output to screen.txt."""
    command = [sys.executable, "-m", "snakemake", "all", "--profile", "profiles/slurm", "--configfile", "month.yaml"]
    command += ["--slurm-init-seconds-before-status-checks", "5", "--max-status-checks-per-second", "2"]
    variables = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMNIEDIT_SITE": str(folder / "site.yaml"),
        "PRETEND_FAILS": str(fails),
        "PRETEND_SECONDS": str(seconds),
    }
    with (folder / "screen.txt").open("a") as screen:
        return subprocess.run(command, cwd=folder, env=variables, stdout=screen, stderr=subprocess.STDOUT).returncode


def report(folder: Path, status: int, seconds: float, sleep: float) -> None:
    """Print the figures of this call's jobs as JSON, from sacct and the output of Snakemake."""
    columns = "JobID,State,ElapsedRaw,TotalCPU"
    lines = run("sacct", "--allocations", "--noheader", "--parsable2", "--starttime=now-7days", f"--format={columns}")
    jobs = [line.split("|") for line in lines.splitlines()]
    elapsed = sorted(int(job[2]) for job in jobs)
    failures = (folder / "failures.txt").read_text().splitlines() if (folder / "failures.txt").exists() else []
    screen = (folder / "screen.txt").read_text()
    figures = {
        "exit status": status,
        "seconds": round(seconds),
        "Slurm jobs": len(jobs),
        "of them failed": sum(job[1].startswith("FAILED") for job in jobs),
        "failures injected": len(failures),
        "jobs finished": screen.count("Finished jobid:"),
        "seconds a job, from start to end on its node (median)": elapsed[len(elapsed) // 2],
        "of them sleep": sleep,
        "jobs an hour": round(3600 * len(jobs) / seconds),
        "half files": sum(path.read_text() == "half" for path in (folder / "results").rglob("*") if path.is_file()),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
