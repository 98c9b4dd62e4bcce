"""What Slurm's queue holds of the workflow in a folder, and an end for what a killed run left there."""

import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from omniedit.errors import UserError

OF_A_RUN = re.compile(r"(\w+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The name that Snakemake's plugin gives a job: of its run, not of the rule, which stands in the comment."""
RULE = re.compile(r"(?:rule|group)_(?P<rule>\w+?)(?:_wildcards_(?P<wildcards>.*))?")
OVER = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
}
PATIENCE_S = 600.0
"""A job that was told to end gets Slurm's KillWait, 30 s by default; its node may be slow to say so."""


@dataclass(frozen=True)
class QueuedJob:
    """A job that has not ended; `wildcards` are their values, joined by '_' as the plugin does."""

    id: str
    state: str
    rule: str
    wildcards: str


def queued_jobs(folder: Path) -> list[QueuedJob]:
    """This user's jobs that Snakemake submitted in a folder and that have not ended; none where there is no squeue.

    Raises:
        UserError: squeue gives no answer.
    """
    if not shutil.which("squeue"):
        return []
    command = ["squeue", "--me", "--noheader", "--states=all", "--format=%i|%T|%j|%k|%Z"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        raise UserError("squeue: no answer in a minute") from None
    if done.returncode:
        raise UserError(f"squeue: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    jobs = []
    for line in done.stdout.splitlines():
        number, state, name, comment, workdir = line.split("|", 4)
        what = RULE.fullmatch(comment)
        if what and state not in OVER and OF_A_RUN.fullmatch(name) and Path(workdir).resolve() == folder.resolve():
            jobs.append(QueuedJob(number, state, what["rule"], what["wildcards"] or ""))
    return jobs


def cancel_left_behind(folder: Path) -> None:
    """Cancel what a killed run left in the queue, a line on standard error each, and wait until all of it has ended.

    For who holds the folder's lock: then no run is behind these jobs, and they would write beside their successors.

    Raises:
        UserError: they do not end, or squeue gives no answer.
    """
    left = queued_jobs(folder)
    if not left:
        return
    for job in left:
        what = " ".join(filter(None, [job.rule, job.wildcards]))
        print(f"Slurm job {job.id} ({what}, {job.state}): left behind by a killed run; cancelled", file=sys.stderr)
    told = subprocess.run(["scancel", *(job.id for job in left)], capture_output=True, text=True).stderr
    deadline = time.monotonic() + PATIENCE_S
    while left := queued_jobs(folder):
        if time.monotonic() > deadline:
            names = ", ".join(f"{job.id} ({job.state})" for job in left)
            told = f" ({told.strip()})" if told else ""
            raise UserError(f"Slurm jobs of a killed run do not end: {names}{told}; start again when they are gone")
        time.sleep(1)
