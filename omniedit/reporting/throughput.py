"""What every stage cost: time and memory from Snakemake's benchmark files, items and waiting from the logs."""

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from omniedit.reporting.page import number, render
from omniedit.reporting.style import BLUE, panels, styled
from omniedit.reporting.tabular import TableRow

_DONE = re.compile(
    r"^done: (?P<items>\d+)(?:/\d+)? (?P<unit>.+?), .*?(?P<seconds>[\d.]+) s, (?P<waiting>\d+) % waiting"
)
"""The last line of `omniedit.progress.Progress`."""


@dataclass(frozen=True)
class Job:
    """One job of a stage; of several loops of its program, those that count the same thing as the last one.

    Args:
        wall_s, cpu_s: seconds, start of the program included.
        max_rss_mb: largest resident memory in MiB, 0 where the job was too short to be sampled.
        items: done, in the job's unit; 0 where its log does not say.
        working_s, waiting_s: seconds of its main loop, and of these the ones spent waiting for input.
    """

    stage: str
    wall_s: float
    cpu_s: float
    max_rss_mb: float
    unit: str = ""
    items: int = 0
    working_s: float = 0.0
    waiting_s: float = 0.0


def read_jobs(benchmarks: Path, logs: Path) -> list[Job]:
    """Jobs with a file under benchmarks/{run}/; the log of `a/b.tsv` is `a/b.log` under logs/{run}/.

    The report's own jobs are left out: they are still running while this one reads.
    """
    paths = sorted(benchmarks.rglob("*.tsv"))
    jobs = [_read_job(path, path.relative_to(benchmarks), logs) for path in paths]
    return [job for job in jobs if not job.stage.startswith("report")]


def _read_job(path: Path, name: Path, logs: Path) -> Job:
    with path.open(newline="") as file:
        *_, row = csv.DictReader(file, delimiter="\t")
    job = Job(name.with_suffix("").parts[0], _float(row["s"]), _float(row["cpu_time"]), _float(row["max_rss"]))
    loops = _loops(logs / name.with_suffix(".log"))
    if not loops:
        return job
    unit = loops[-1].unit
    main = [loop for loop in loops if loop.unit == unit]
    return replace(
        job,
        unit=unit,
        items=sum(loop.items for loop in main),
        working_s=sum(loop.seconds for loop in main),
        waiting_s=sum(loop.waiting_s for loop in main),
    )


class _Loop(NamedTuple):
    """What the last line of a `Progress` says; 'edits of object_swap' are edits."""

    unit: str
    items: int
    seconds: float
    waiting_s: float


def _loops(log: Path) -> list[_Loop]:
    text = log.read_text(errors="replace") if log.exists() else ""
    found = [match for line in text.splitlines() if (match := _DONE.match(line))]
    return [
        _Loop(
            m["unit"].split(" of ")[0],
            int(m["items"]),
            float(m["seconds"]),
            float(m["seconds"]) * int(m["waiting"]) / 100,
        )
        for m in found
    ]


def _float(text: str) -> float:
    """Snakemake writes '-' or 'NA' for what it could not measure."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def throughput_page(run: str, jobs: list[Job]) -> str:
    stages = list(dict.fromkeys(job.stage for job in jobs))
    stages.sort(key=lambda stage: -sum(job.wall_s for job in jobs if job.stage == stage))
    with styled():
        values = {
            "title": "Throughput",
            "run": run,
            "facts": [
                ("jobs", f"{len(jobs):,}"),
                ("job time, all together", duration(sum(job.wall_s for job in jobs))),
                ("most memory in one job", memory(max((job.max_rss_mb for job in jobs), default=0.0))),
            ],
            "figure": stage_bars(stages, jobs) if jobs else None,
            "rows": [stage_row(stage, [job for job in jobs if job.stage == stage]) for stage in stages],
        }
        return render("throughput", values)


def stage_row(stage: str, jobs: list[Job]) -> TableRow:
    wall, working = sum(job.wall_s for job in jobs), sum(job.working_s for job in jobs)
    items, unit = sum(job.items for job in jobs), next((job.unit for job in jobs if job.unit), "")
    waiting = sum(job.waiting_s for job in jobs)
    return TableRow(
        [
            stage.replace("_", " "),
            f"{len(jobs):,}",
            duration(wall),
            number(sum(job.cpu_s for job in jobs) / wall if wall else None, 1),
            f"{items:,} {unit}" if unit else number(None),
            f"{number(items / working)} / s" if unit and working else number(None),
            f"{100 * waiting / working:.0f} %" if working else number(None),
            memory(max(job.max_rss_mb for job in jobs)),
        ]
    )


def stage_bars(stages: list[str], jobs: list[Job]) -> Figure:
    """Seconds of all jobs of each stage, the longest on top."""
    seconds = [sum(job.wall_s for job in jobs if job.stage == stage) for stage in stages]
    figure, (axis,) = panels(1, 1, 9.4, 0.6 + 0.27 * len(stages))
    bars = axis.barh([stage.replace("_", " ") for stage in stages], seconds, 0.62, color=BLUE)
    axis.bar_label(bars, [duration(value) for value in seconds], padding=4, fontsize=8)
    axis.invert_yaxis()
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)
    axis.set_xticks([])
    axis.margins(x=0.1)
    return figure


def duration(seconds: float) -> str:
    """'7.3 s', '4 min 05 s', '2 h 10 min'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def memory(mebibytes: float) -> str:
    if not mebibytes:
        return number(None)
    return f"{mebibytes / 1024:.2f} GiB" if mebibytes >= 1024 else f"{mebibytes:.0f} MiB"
