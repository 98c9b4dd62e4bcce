"""Slurm's accounting of a run's jobs, from `sacct`: resources requested and used, by attempt and by rule."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from omniedit.run.slurm_queue import ask

FIELDS = (
    *("JobID", "State", "ElapsedRaw", "TimelimitRaw", "AllocCPUS", "TotalCPU", "NNodes", "AllocTRES", "MaxRSS"),
    *("TRESUsageInAve", "Submit", "Start", "WorkDir", "SubmitLine"),
)
PATIENCE_S = 600.0
TARGET_JOB = re.compile(r"--target-jobs '?(?P<rule>\w+):(?P<wildcards>[^' ]*)")
"""Pattern of the workflow's job in the command with which Snakemake's plugin submits it to Slurm."""
UNFINISHED_STATES = ("PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING")
PREEMPTED_STATES = ("PREEMPTED", "REQUEUED")


@dataclass(frozen=True)
class Attempt:
    """Execution of a job by Slurm. A retry or a requeue is another attempt.

    Args:
        part: wildcards other than the run, which distinguish the job from the rule's other jobs.
        waited_s: time in the queue.
        limit_s: time limit; None if the partition sets none.
        memory_mb, peak_mb: requested and peak resident memory on one node, in MiB; a peak of 0 was not sampled.
        gpu_busy: mean busy share of its GPUs' time; None if the site does not record it.
    """

    rule: str
    part: str
    state: str
    waited_s: float
    ran_s: float
    limit_s: float | None
    cores: int
    cpu_s: float
    memory_mb: float
    peak_mb: float
    gpus: int
    gpu_busy: float | None


def accounting(since: datetime) -> list[dict[str, str]]:
    """Return sacct's records of this user's jobs that ended after `since` or have not ended, one for each requeue.

    Raises:
        UserError: sacct does not answer.
    """
    options = ["--noheader", "--duplicates", f"--user={os.getuid()}", f"--starttime={since:%Y-%m-%dT%H:%M:%S}"]
    return [dict(zip(FIELDS, values, strict=True)) for values in ask("sacct", options, FIELDS, PATIENCE_S)]


def read_attempts(rows: Iterable[dict[str, str]], run: str, workdir: Path) -> list[Attempt]:
    """Select the attempts of one run's jobs from the rows of `accounting`.

    A run's jobs were submitted from `workdir` with the wildcard {run}. Waiting and running jobs are left out.
    """
    attempts, folder = [], workdir.resolve()
    for job, steps in with_steps(rows):
        target = TARGET_JOB.search(job["SubmitLine"])
        wildcards = target["wildcards"].split(",") if target else []
        if target is None or f"run={run}" not in wildcards or job["State"] in UNFINISHED_STATES:
            continue
        if Path(job["WorkDir"]).resolve() == folder:
            wildcards.remove(f"run={run}")
            attempts.append(_attempt(target["rule"], ",".join(wildcards), job, steps))
    return attempts


def with_steps(rows: Iterable[dict[str, str]]) -> Iterator[tuple[dict[str, str], list[dict[str, str]]]]:
    """Yield each job's own row with the rows of its steps, which follow it."""
    job, steps = None, []
    for row in rows:
        if "." in row["JobID"]:
            steps.append(row)
            continue
        if job:
            yield job, steps
        job, steps = row, []
    if job:
        yield job, steps


def _attempt(rule: str, part: str, job: dict[str, str], steps: Sequence[dict[str, str]]) -> Attempt:
    granted, nodes = resources(job["AllocTRES"]), int(job["NNodes"] or 1)
    busy = [used for step in steps if (used := resources(step["TRESUsageInAve"]).get("gres/gpuutil"))]
    return Attempt(
        rule,
        part,
        job["State"].split()[0],
        _queue_seconds(job["Submit"], job["Start"]),
        float(job["ElapsedRaw"] or 0),
        60 * float(job["TimelimitRaw"]) if job["TimelimitRaw"].isdecimal() else None,
        int(job["AllocCPUS"] or 0),
        seconds(job["TotalCPU"]),
        mebibytes(granted.get("mem", "")) / max(nodes, 1),
        _peak(steps),
        int(granted.get("gres/gpu", 0)),
        max(map(float, busy)) / 100 if busy else None,
    )


def _peak(steps: Sequence[dict[str, str]]) -> float:
    """Return the MiB of the batch step plus its largest child step, because both share the job's memory limit."""
    batch = [mebibytes(step["MaxRSS"]) for step in steps if step["JobID"].endswith(".batch")]
    started = [mebibytes(step["MaxRSS"]) for step in steps if not step["JobID"].endswith(".batch")]
    return max(batch, default=0.0) + max(started, default=0.0)


def _queue_seconds(submitted: str, started: str) -> float:
    """Return the seconds in the queue; 0 if sacct writes 'Unknown' or 'None' for a missing time."""
    try:
        return (datetime.fromisoformat(started) - datetime.fromisoformat(submitted)).total_seconds()
    except ValueError:
        return 0.0


def resources(text: str) -> dict[str, str]:
    """Parse resources such as 'cpu=8,gres/gpu=1,mem=48000M' by name."""
    return dict(item.split("=", 1) for item in text.split(",") if "=" in item)


def seconds(text: str) -> float:
    """Convert sacct's [days-][hours:]minutes:seconds to seconds."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = 60 * total + float(part or 0)
    return total + 86400 * float(days or 0)


def mebibytes(text: str) -> float:
    """Convert '3000K', '1.50G' or '48000M' to MiB; a number without a letter is in bytes."""
    number = re.match(r"[\d.]+", text)
    if not number:
        return 0.0
    power = " KMGTP".find(text[number.end() :][:1] or " ")
    return float(number[0]) * 1024.0 ** (power - 2)


@dataclass(frozen=True)
class RuleUse:
    """Attempts at the jobs of a rule."""

    rule: str
    attempts: tuple[Attempt, ...]

    @property
    def done(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.state == "COMPLETED"]

    @property
    def preempted(self) -> int:
        return sum(attempt.state in PREEMPTED_STATES for attempt in self.attempts)

    @property
    def failed(self) -> int:
        return len(self.attempts) - len(self.done) - self.preempted

    @property
    def limit_s(self) -> float | None:
        """Time limit of a first attempt, because retries request more."""
        return min((attempt.limit_s for attempt in self.attempts if attempt.limit_s), default=None)

    @property
    def memory_mb(self) -> float:
        return min(attempt.memory_mb for attempt in self.attempts)

    @property
    def peak_mb(self) -> float:
        return max(attempt.peak_mb for attempt in self.attempts)

    @property
    def longest_s(self) -> float:
        return max((attempt.ran_s for attempt in self.done), default=0.0)

    @property
    def cores(self) -> int:
        return max(attempt.cores for attempt in self.attempts)

    @property
    def cores_busy(self) -> float | None:
        """Busy share of the cores' time over completed attempts, because Slurm may not know it for killed ones."""
        reserved_s = sum(attempt.cores * attempt.ran_s for attempt in self.done)
        return sum(attempt.cpu_s for attempt in self.done) / reserved_s if reserved_s else None

    @property
    def gpus(self) -> int:
        return max(attempt.gpus for attempt in self.attempts)

    @property
    def gpu_busy(self) -> float | None:
        known = [(attempt.gpu_busy, attempt.ran_s) for attempt in self.done if attempt.gpu_busy is not None]
        ran = sum(ran_s for _, ran_s in known)
        return sum(busy * ran_s for busy, ran_s in known) / ran if ran else None


def by_rule(attempts: Iterable[Attempt]) -> list[RuleUse]:
    """Group attempts by rule, the rule with the most core time first."""
    grouped: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        grouped.setdefault(attempt.rule, []).append(attempt)
    uses = [RuleUse(rule, tuple(group)) for rule, group in grouped.items()]
    return sorted(uses, key=lambda use: -core_seconds(use.attempts))


def core_seconds(attempts: Iterable[Attempt]) -> float:
    return sum(attempt.cores * attempt.ran_s for attempt in attempts)
