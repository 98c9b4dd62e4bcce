"""Throughput page: time and memory from Snakemake's benchmark files, items and waiting time from the logs."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from omniedit.reporting.figure_style import BLUE, panels, report_style
from omniedit.reporting.page import NO_VALUE, PageRow, number, percent, render

_DONE_LINE = re.compile(
    r"^(?:\[\d+\] )?done: (?P<items>\d+)(?:/\d+)? (?P<unit>.+?), (?P<rate>[\d.]+) .+?/s, (?P<seconds>[\d.]+) s"
    r"(?:, [\d.]+ s left)?(?:, (?P<waiting>\d+) % waiting)?"
)
"""Last line of `omniedit.storage.progress.Progress`; torchrun adds the rank in front."""

_BUSY_LINE = re.compile(r"^device busy (?P<busy>\d+)% of (?P<seconds>[\d,]+) s", re.MULTILINE)
"""Last line of a job of learned specialists: `omniedit.specialists.learned.device_share.DeviceClock`."""

READERS = ("report_throughput", "report_efficiency")
"""Pages about the jobs of the run. They are made last, in parallel."""


@dataclass(frozen=True)
class Loop:
    """Loop of a program: items in a unit, seconds, and the part of them spent waiting (None if not measured)."""

    unit: str
    items: int
    seconds: float
    waiting_s: float | None


@dataclass(frozen=True)
class TimedJob:
    """Job of a stage.

    Args:
        part: task, model, shard or page that distinguishes it from the stage's other jobs; '' for a single job.
        wall_s, cpu_s: seconds, including the start of the program.
        max_rss_mb: largest resident memory in MiB, 0 if the job was too short to be sampled.
        loops: loops in its log, in order.
        device: seconds from the first network pass to the last, and seconds in which the device computed; None if the
            log has no such line.
    """

    stage: str
    part: str
    wall_s: float
    cpu_s: float
    max_rss_mb: float
    loops: tuple[Loop, ...] = ()
    device: tuple[float, float] | None = None


def read_jobs(benchmarks: Path, logs: Path) -> list[TimedJob]:
    """Read the jobs with a file in benchmarks/{run}/; the log of `a/b.tsv` is `a/b.log` in logs/{run}/.

    The report's pages are parts of one stage. The jobs of `READERS` are left out, including the job of this page.
    """
    names = sorted(path.relative_to(benchmarks) for path in benchmarks.rglob("*.tsv"))
    return [_read_job(name, benchmarks, logs) for name in names if name.stem not in READERS]


def _read_job(name: Path, benchmarks: Path, logs: Path) -> TimedJob:
    with (benchmarks / name).open(newline="") as file:
        *_, row = csv.DictReader(file, delimiter="\t")
    stage, part, *_ = *name.with_suffix("").parts, ""
    if stage.startswith("report_"):
        stage, part = "report", stage.removeprefix("report_")
    path = logs / name.with_suffix(".log")
    log = path.read_text(errors="replace") if path.exists() else ""
    return TimedJob(
        stage,
        part,
        _float(row["s"]),
        _float(row["cpu_time"]),
        _float(row["max_rss"]),
        read_loops(log),
        read_device(log),
    )


def read_device(log: str) -> tuple[float, float] | None:
    """Return seconds from the first network pass to the last, and busy seconds of the device; None without the line."""
    if not (busy_line := _BUSY_LINE.search(log)):
        return None
    seconds = float(busy_line["seconds"].replace(",", ""))
    return seconds, seconds * int(busy_line["busy"]) / 100


def read_loops(log: str) -> tuple[Loop, ...]:
    """Return the loops of a log; 'edits of object_swap' and 'edits of style_transfer' become one loop over edits."""
    loops = [_loop(match) for line in log.splitlines() if (match := _DONE_LINE.match(line))]
    return merge_loops(loops)


def _loop(line: re.Match[str]) -> Loop:
    """Parse a loop. Seconds are printed with one digit, so those of a short loop are computed from its rate."""
    items, rate, seconds = int(line["items"]), float(line["rate"]), float(line["seconds"])
    if seconds < 1 and rate:
        seconds = items / rate
    waiting_s = None if line["waiting"] is None else seconds * int(line["waiting"]) / 100
    return Loop(line["unit"].split(" of ")[0], items, seconds, waiting_s)


def merge_loops(loops: Iterable[Loop]) -> tuple[Loop, ...]:
    """Add up the loops that count the same unit, in the order in which units appear."""
    sums: dict[str, Loop] = {}
    for loop in loops:
        sofar = sums.get(loop.unit, Loop(loop.unit, 0, 0.0, 0.0))
        measured = sofar.waiting_s is not None and loop.waiting_s is not None
        waiting_s = sofar.waiting_s + loop.waiting_s if measured else None  # type: ignore[operator]
        sums[loop.unit] = Loop(loop.unit, sofar.items + loop.items, sofar.seconds + loop.seconds, waiting_s)
    return tuple(sums.values())


def _float(text: str) -> float:
    """Parse a number; return 0 for '-' or 'NA', which Snakemake writes for a missing measurement."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def throughput_page(run: str, jobs: list[TimedJob]) -> str:
    stages = list(dict.fromkeys(job.stage for job in jobs))
    stages.sort(key=lambda stage: -sum(job.wall_s for job in jobs if job.stage == stage))
    by_stage = {stage: [job for job in jobs if job.stage == stage] for stage in stages}
    with report_style():
        values = {
            "title": "Throughput",
            "run": run,
            "facts": [
                ("jobs", f"{len(jobs):,}"),
                ("total job time", duration(sum(job.wall_s for job in jobs))),
                ("peak memory of a job", memory(max((job.max_rss_mb for job in jobs), default=0.0))),
            ],
            "figure": stage_bars(stages, jobs) if jobs else None,
            "rows": [row for stage in stages for row in job_rows(describe_loop(stage), by_stage[stage])],
            "parts": [(describe_loop(stage), rows) for stage in stages if (rows := part_rows(by_stage[stage]))],
        }
        return render("throughput", values)


def job_rows(name: str, jobs: Sequence[TimedJob]) -> list[PageRow]:
    """Return a row with time and memory of the jobs and their first loop, and a row for each further loop."""
    wall = sum(job.wall_s for job in jobs)
    head = [
        name,
        f"{len(jobs):,}",
        duration(wall),
        number(sum(job.cpu_s for job in jobs) / wall if wall else None, 1),
        memory(max(job.max_rss_mb for job in jobs)),
    ]
    first, *others = [_loop_cells(loop) for loop in merge_loops(loop for job in jobs for loop in job.loops)] or [
        [NO_VALUE] * 3
    ]
    rest = [PageRow([""] * len(head) + [*cells, ""]) for cells in others]
    return [PageRow([*head, *first, percent(busy_share(jobs))]), *rest]


def busy_share(jobs: Sequence[TimedJob]) -> float | None:
    """Return the share of time in which devices were busy, over the jobs that report it; None if no job does."""
    known = [job.device for job in jobs if job.device is not None]
    seconds = sum(whole for whole, _ in known)
    return sum(busy for _, busy in known) / seconds if seconds else None


def _loop_cells(loop: Loop) -> list[str]:
    rate = f"{number(loop.items / loop.seconds)} / s" if loop.seconds else NO_VALUE
    waiting = None if loop.waiting_s is None or not loop.seconds else loop.waiting_s / loop.seconds
    return [f"{loop.items:,} {loop.unit}", rate, percent(waiting)]


def part_rows(jobs: Sequence[TimedJob]) -> list[PageRow]:
    """Return rows for each task, model or page of a stage; empty for a stage with one part or with shards as parts."""
    parts = list(dict.fromkeys(job.part for job in jobs))
    if len(parts) < 2 or any(job.part.isdecimal() for job in jobs):
        return []
    return [row for part in parts for row in job_rows(describe_loop(part), [job for job in jobs if job.part == part])]


def describe_loop(name: str) -> str:
    return name.replace("_", " ")


def stage_bars(stages: list[str], jobs: list[TimedJob]) -> Figure:
    """Plot the total time of each stage's jobs, the longest on top."""
    seconds = [sum(job.wall_s for job in jobs if job.stage == stage) for stage in stages]
    figure, (axis,) = panels(1, 1, 9.4, 0.6 + 0.27 * len(stages))
    bars = axis.barh([describe_loop(stage) for stage in stages], seconds, 0.62, color=BLUE)
    axis.bar_label(bars, [duration(value) for value in seconds], padding=4, fontsize=8)
    axis.invert_yaxis()
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)
    axis.set_xticks([])
    axis.margins(x=0.1)
    return figure


def duration(seconds: float) -> str:
    """Format a duration, such as '7.3 s', '4 min 05 s' or '2 h 10 min'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def memory(mebibytes: float) -> str:
    if not mebibytes:
        return NO_VALUE
    return f"{mebibytes / 1024:.2f} GiB" if mebibytes >= 1024 else f"{mebibytes:.0f} MiB"
