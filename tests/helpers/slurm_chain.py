"""Small chain on a private Slurm: its folder, commands, jobs and processes."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks import rehearsal
from helpers.chain import (
    REPOSITORY,
    SMALL,
    checkout,
    digest,
    environment,
    make_holdable,
    make_photos,
    snakemake,
    write_set,
)
from helpers.preloaded_jobs import jobs_environment
from helpers.slurm_cluster import wait_until
from omniedit.run.slurm_queue import ask
from omniedit.tasks import OMNIEDIT_TASKS, Task

SITE = {"account": "lab", "gpu_model": "h100", "gpus_per_node": 2, "train_nodes": 2, "jobs": 8, "scratch": "$TMPDIR"}
LONG_S = 900
"""Timeout longer than any wait takes on a busy machine with one core."""
IMPATIENT = Path(__file__).with_name("impatient_snakemake.py")
NO_CONTROLLER = "Falling back to 'sacct'"
"""Message of Snakemake when Slurm's controller does not answer and it queries the accounting instead."""
OWN = (".damaged", ".read.json")
SAME_BYTES = ("sources", "objects", "candidates", "scores", "decisions", "teacher", "buckets")
"""Stages whose files are identical on any machine."""
TASKS = (Task.BACKGROUND_SWAP, Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER)
"""Tasks of the chain on Slurm. With them every rule runs, and three jobs of a rule at once are enough to disturb."""
CONFIG = SMALL | {
    "tasks": {task: options if task in TASKS else {"pairs_per_shard": 0} for task, options in SMALL["tasks"].items()},
    "bench": SMALL["bench"] | {"sets": {"mine": {"set": "items.csv"}}},
}


@dataclass(frozen=True)
class Ended:
    """Outcome of a run of Snakemake: its output, duration and exit status."""

    screen: str
    seconds: float
    status: int

    @property
    def finished(self) -> list[str]:
        """Rules of the finished jobs, in order."""
        return re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", self.screen)

    @property
    def tried_again(self) -> bool:
        return "Trying to restart job" in self.screen


def slurm_checkout(root: Path) -> Path:
    """Set up a folder of the small chain on Slurm whose jobs wait while `hold_jobs` holds them."""
    checkout(root, CONFIG)
    make_photos(root / "photos")
    write_set(root)
    name_site(root)
    make_holdable(root)
    return root


def keep_tasks(root: Path) -> Path:
    """Remove all tasks but `TASKS` from a folder of the small chain and rebuild the later stages, up to the editor."""
    (root / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    for task in set(OMNIEDIT_TASKS) - set(TASKS):
        for stage in ("candidates", "teacher", "scores", "decisions"):
            shutil.rmtree(root / "results/small" / stage / task)
    snakemake(root, "results/small/train/editnet/manifest.json")
    return root


def rehearsal_checkout(root: Path) -> Path:
    """Set up a rehearsal of learned specialists without running it."""
    rehearsal.prepare(root)
    (root / "small.yaml").symlink_to("config/config.yaml")
    name_site(root)
    return root


def name_site(root: Path) -> None:
    site = yaml.safe_load((REPOSITORY / "profiles/slurm/site.yaml").read_text())
    (root / "site.yaml").write_text(yaml.safe_dump(site | SITE))
    shutil.copyfile(REPOSITORY / "profiles/slurm/partitions.yaml", root / "partitions.yaml")


def snakemake_on_slurm(
    root: Path,
    *targets: str,
    disturb: Callable[[], None] = lambda: None,
    options: Sequence[str] = (),
    preloaded: bool = False,
) -> Ended:
    """Run Snakemake to its end, and call `disturb` while it runs.

    Args:
        preloaded: fork the scripts of jobs from a process that has imported what they need, outside Slurm's control.
    """
    command = [sys.executable, str(IMPATIENT), "--profile", "profiles/slurm", "--configfile", "small.yaml"]
    command += [*options, "--", *targets]
    variables = environment() | (jobs_environment() if preloaded else {}) | {"OMNIEDIT_SITE": str(root / "site.yaml")}
    start = time.monotonic()
    with (root / "screen.txt").open("w") as screen:
        controller = subprocess.Popen(
            command, cwd=root, env=variables, stdout=screen, stderr=subprocess.STDOUT, umask=0o002
        )
        try:
            disturb()
            controller.wait(timeout=4 * LONG_S)
        finally:
            controller.kill()
    return Ended((root / "screen.txt").read_text(), time.monotonic() - start, controller.returncode)


def running_job(rule: str, wildcards: str = "") -> str:
    """Wait for a running job of a rule with these wildcards ('object_swap_00000') and return its id."""
    found: list[str] = []

    def is_there() -> bool:
        jobs = ask("squeue", ["--noheader", "--states=RUNNING"], ["%i", "%k"])
        found.extend(number for number, comment in jobs if f"rule_{rule}" in comment and wildcards in comment)
        return bool(found)

    wait_until(is_there, f"a job of {rule} to run", LONG_S)
    return found[0]


def processes(root: Path, words: str) -> list[int]:
    """Wait for processes in a folder with these words in their command line, and return their ids."""
    found: list[int] = []

    def find_them() -> bool:
        pids = subprocess.run(["pgrep", "-f", "--", words], capture_output=True, text=True).stdout.split()
        found[:] = [int(pid) for pid in pids if _works_in(Path("/proc", pid, "cwd"), root)]
        return bool(found)

    wait_until(find_them, f"a process of {words}", LONG_S)
    return found


def _works_in(cwd: Path, root: Path) -> bool:
    try:
        return cwd.readlink() == root
    except FileNotFoundError:
        return False


def digests(root: Path) -> dict[str, str]:
    """Return digests of the files that are identical on any machine, by path.

    Records with the times of photos (`omniedit.sources.file_identity`) and files set aside as damaged are left out.
    """
    results = root / "results/small"
    files = (path for stage in SAME_BYTES for path in (results / stage).rglob("*") if path.is_file())
    return {file.relative_to(root).as_posix(): digest(file) for file in files if not file.name.endswith(OWN)}
