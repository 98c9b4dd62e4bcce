"""Efficiency page: resources that a run's jobs requested from Slurm and used, from `sacct`."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from omniedit.reporting.page import DASH, percent, render
from omniedit.reporting.style import BLUE, PALE, panels, styled
from omniedit.reporting.tabular import TableRow
from omniedit.reporting.throughput import duration
from omniedit.run.slurm import ask

FIELDS = (
    *("JobID", "State", "ElapsedRaw", "TimelimitRaw", "AllocCPUS", "TotalCPU", "NNodes", "AllocTRES", "MaxRSS"),
    *("TRESUsageInAve", "Submit", "Start", "WorkDir", "SubmitLine"),
)
PATIENCE_S = 600.0
TARGET = re.compile(r"--target-jobs '?(?P<rule>\w+):(?P<wildcards>[^' ]*)")
"""Workflow job in the command with which Snakemake's plugin submits it to Slurm."""
LIVE = ("PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING")
PREEMPTED = ("PREEMPTED", "REQUEUED")
PROFILE = "profiles/slurm/config.yaml"
ROOM = 1.25
"""Factor by which advice exceeds the largest use."""


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
        UserError: sacct gives no answer.
    """
    options = ["--noheader", "--duplicates", f"--user={os.getuid()}", f"--starttime={since:%Y-%m-%dT%H:%M:%S}"]
    return [dict(zip(FIELDS, values, strict=True)) for values in ask("sacct", options, FIELDS, PATIENCE_S)]


def read_attempts(rows: Iterable[dict[str, str]], run: str, workdir: Path) -> list[Attempt]:
    """Select the attempts at jobs of one run from the rows of `accounting`.

    A run's jobs were submitted from `workdir` with the wildcard {run}. Waiting and running jobs are left out.
    """
    found, folder = [], workdir.resolve()
    for job, steps in with_steps(rows):
        target = TARGET.search(job["SubmitLine"])
        wildcards = target["wildcards"].split(",") if target else []
        if target is None or f"run={run}" not in wildcards or job["State"] in LIVE:
            continue
        if Path(job["WorkDir"]).resolve() == folder:
            wildcards.remove(f"run={run}")
            found.append(_attempt(target["rule"], ",".join(wildcards), job, steps))
    return found


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
        return sum(attempt.state in PREEMPTED for attempt in self.attempts)

    @property
    def failed(self) -> int:
        return len(self.attempts) - len(self.done) - self.preempted

    @property
    def limit_s(self) -> float | None:
        """Time limit of a first attempt: retries request more."""
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
        """Busy share of the cores' time over completed attempts: Slurm may not know it for a killed one."""
        held = sum(attempt.cores * attempt.ran_s for attempt in self.done)
        return sum(attempt.cpu_s for attempt in self.done) / held if held else None

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
    uses = [RuleUse(rule, tuple(found)) for rule, found in grouped.items()]
    return sorted(uses, key=lambda use: -core_seconds(use.attempts))


def core_seconds(attempts: Iterable[Attempt]) -> float:
    return sum(attempt.cores * attempt.ran_s for attempt in attempts)


def efficiency_page(run: str, attempts: Sequence[Attempt], trouble: str = "") -> str:
    """Render the efficiency page.

    Args:
        trouble: reason for missing attempts, if known.
    """
    uses = by_rule(attempts)
    with styled():
        values = {
            "title": "Requested and used",
            "run": run,
            "trouble": trouble or "Slurm's accounting has no finished job of this run: its jobs ran elsewhere.",
            "facts": summary_facts(attempts),
            "figure": share_bars(uses) if any(use.done for use in uses) else None,
            "rows": [rule_row(use) for use in uses],
            "gpus_known": any(use.gpu_busy is not None for use in uses),
            "gpus": any(use.gpus for use in uses),
            "lost": lost_rows(uses),
            "advice": [TableRow(list(line)) for use in worth_advice(uses) for line in advice(use)],
            "profile": PROFILE,
        }
        return render("efficiency", values)


def summary_facts(attempts: Sequence[Attempt]) -> list[tuple[str, str]]:
    lost = [attempt for attempt in attempts if attempt.state != "COMPLETED"]
    gpu_s = sum(attempt.gpus * attempt.ran_s for attempt in attempts)
    return [
        ("jobs", f"{len({(attempt.rule, attempt.part) for attempt in attempts}):,}"),
        ("attempts", f"{len(attempts):,}"),
        ("core hours allocated", f"{core_seconds(attempts) / 3600:,.1f}"),
        ("GPU hours allocated", f"{gpu_s / 3600:,.1f}"),
        ("core hours lost", f"{core_seconds(lost) / 3600:,.1f}"),
    ]


def rule_row(use: RuleUse) -> TableRow:
    ran = [attempt.ran_s for attempt in use.done]
    return TableRow(
        [
            use.rule,
            f"{len({attempt.part for attempt in use.attempts}):,}",
            f"{use.failed:,}" if use.failed else "",
            f"{use.preempted:,}" if use.preempted else "",
            duration(median(attempt.waited_s for attempt in use.attempts)),
            duration(use.limit_s) if use.limit_s else DASH,
            duration(median(ran)) if ran else DASH,
            duration(max(ran)) if ran else DASH,
            f"{use.cores}",
            percent(use.cores_busy),
            gigabytes(use.memory_mb),
            gigabytes(use.peak_mb),
            f"{use.gpus}" if use.gpus else "",
            percent(use.gpu_busy) if use.gpus else "",
        ]
    )


def gigabytes(mebibytes: float) -> str:
    """Format memory in the profile's unit of 1000 MiB."""
    return f"{mebibytes / 1000:,.1f} GB" if mebibytes else DASH


def lost_rows(uses: Sequence[RuleUse]) -> list[TableRow]:
    """Return (rule, final state, count, core hours) of the attempts that did not complete."""
    rows = []
    for use in uses:
        for state, count in Counter(attempt.state for attempt in use.attempts).most_common():
            if state != "COMPLETED":
                held = core_seconds(attempt for attempt in use.attempts if attempt.state == state)
                rows.append(TableRow([use.rule, state.lower().replace("_", " "), f"{count:,}", f"{held / 3600:,.2f}"]))
    return rows


def worth_advice(uses: Sequence[RuleUse]) -> list[RuleUse]:
    """Return the rules with failed attempts, or with at least 1 % of the run's core time."""
    held = sum(core_seconds(use.attempts) for use in uses)
    return [use for use in uses if use.failed or core_seconds(use.attempts) >= held / 100]


def advice(use: RuleUse) -> list[tuple[str, str]]:
    """Return (change to make, key in the profile or config) for one rule."""
    return [*_memory_advice(use), *_time_advice(use), *_core_advice(use), *_queue_advice(use)]


def _memory_advice(use: RuleUse) -> Iterator[tuple[str, str]]:
    key = f"set-resources: {use.rule}: GB"
    killed = sum(attempt.state == "OUT_OF_MEMORY" for attempt in use.attempts)
    enough = max(1, ceil(ROOM * use.peak_mb / 1000))
    if killed:
        yield f"{use.rule} ran out of memory {times(killed)} at {gigabytes(use.memory_mb)}; request more.", key
    elif use.done and use.peak_mb and 2 * enough <= use.memory_mb / 1000:
        asked, used = gigabytes(use.memory_mb), gigabytes(use.peak_mb)
        yield f"{use.rule} requests {asked} per node and never used more than {used}; {enough} GB would be enough.", key


def _time_advice(use: RuleUse) -> Iterator[tuple[str, str]]:
    key = f"set-resources: {use.rule}: minutes"
    over = sum(attempt.state == "TIMEOUT" for attempt in use.attempts)
    enough_s = 60 * max(10, ceil(ROOM * use.longest_s / 60))
    if not use.limit_s:
        return
    if over:
        yield f"{use.rule} reached its time limit of {duration(use.limit_s)} {times(over)}; request more.", key
    elif use.done and 2 * enough_s <= use.limit_s:
        text = f"{use.rule} requests {duration(use.limit_s)} and took at most {duration(use.longest_s)}; "
        yield f"{text}{enough_s // 60} minutes would be enough, and short jobs start sooner.", key


def _core_advice(use: RuleUse) -> Iterator[tuple[str, str]]:
    if use.cores_busy is None or use.cores < 2:
        return
    busy = use.cores * use.cores_busy
    if 2 * max(1, ceil(busy)) <= use.cores:
        text = f"{use.rule} requests {use.cores} cores and used {busy:.1f} of them; "
        yield f"{text}{max(1, ceil(busy))} would be enough.", f"set-threads: {use.rule}"


def _queue_advice(use: RuleUse) -> Iterator[tuple[str, str]]:
    if len(use.done) < 5:
        return
    waited, ran = median(attempt.waited_s for attempt in use.attempts), median(attempt.ran_s for attempt in use.done)
    if waited > 60 and waited > ran:
        text = f"{use.rule} waited {duration(waited)} to run {duration(ran)} (medians); fewer, larger jobs wait less."
        yield text, "in the config: sources.shards"


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def share_bars(uses: Sequence[RuleUse]) -> Figure:
    """Plot each rule's longest time, busy cores and peak memory, as shares of its requests."""
    shown = [use for use in uses if use.done]
    shares: list[tuple[str, list[Any]]] = [
        ("longest time", [use.longest_s / use.limit_s if use.limit_s else 0 for use in shown]),
        ("busy cores", [use.cores_busy or 0 for use in shown]),
        ("peak memory", [use.peak_mb / use.memory_mb if use.memory_mb else 0 for use in shown]),
    ]
    figure, axes = panels(1, 3, 9.4, 0.7 + 0.25 * len(shown))
    for axis, (title, values) in zip(axes, shares, strict=True):
        names = [use.rule for use in shown]
        axis.barh(names, [1] * len(shown), 0.62, color=PALE, alpha=0.4)
        bars = axis.barh(names, [min(value, 1) for value in values], 0.62, color=BLUE)
        axis.bar_label(bars, [percent(value) if value else DASH for value in values], padding=4, fontsize=8)
        axis.set_title(title, loc="left")
        axis.invert_yaxis()
        axis.grid(False)
        axis.spines["bottom"].set_visible(False)
        axis.set_xticks([])
        axis.set_xlim(0, 1.18)
        if axis is not axes[0]:
            axis.set_yticks([])
    return figure
