"""Table of the states of a run's jobs and its last log lines: `omniedit status RUN`."""

import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from omniedit.plain_text import clean_line
from omniedit.run.job_states import MAX_NAME_LENGTH, Job, JobState, read_run_state
from omniedit.storage.atomic import is_file

MAX_JOBS = 20
TASK_WIDTH = 14
WINDOW_S = 3600.0
"""Window of the hourly rate."""
LIVENESS = {
    True: "a workflow is running",
    False: "no workflow is running",
    None: "unknown whether a workflow is running",
}


def last_line(log: Path) -> str:
    """Return the last line of a job's log as printable text; '' if there is no log.

    An overwritten progress line counts as a line.
    """
    if not is_file(log):
        return ""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            text = file.read(8192).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    lines = (clean_line(line, MAX_NAME_LENGTH) for line in re.split(r"[\r\n]", text))
    return next((line for line in reversed(list(lines)) if line), "")


def report(run: str, root: Path = Path(), now: float | None = None) -> list[str]:
    """Return the lines to print: stages, stages by task, then running and failed jobs with their last log line.

    Args:
        run: name of the run, or its folder, such as results/mini.
    """
    now = time.time() if now is None else now
    if (folder := Path(run)).parent.name == "results":
        run, root = folder.name, root / folder.parent.parent
    run_state = read_run_state(run, root)
    jobs = run_state.jobs
    lines = [f"run {run}: {LIVENESS[run_state.live]}"]
    lines += [f"{clean_line(str(path), MAX_NAME_LENGTH)}: {why}" for path, why in run_state.unread.items()][:MAX_JOBS]
    lines += ["", _row("", [*JobState, "per hour", "left"])]
    for rule in dict.fromkeys(job.rule for job in jobs):
        rule_jobs = [job for job in jobs if job.rule == rule]
        counts = Counter(job.state for job in rule_jobs)
        rate = hourly_rate([job.finished for job in rule_jobs if job.finished is not None], now)
        todo = len(rule_jobs) - counts[JobState.DONE]
        pace = [f"{rate:,.0f}", _duration(todo / rate)] if todo and rate else ["", ""]
        lines.append(_row(rule, [*(f"{counts[state]:,}" if counts[state] else "" for state in JobState), *pace]))
    lines += ["", *_by_task(jobs)]
    for state in (JobState.RUNNING, JobState.FAILED):
        lines += _with_last_lines(state, [job for job in jobs if job.state is state], root)
    return lines


def _by_task(jobs: Sequence[Job]) -> list[str]:
    """Return a table with a row for each stage that has tasks, and a column for each task: the numbers of done, all and
    failed jobs.
    """
    counts: dict[tuple[str, str], Counter[JobState]] = defaultdict(Counter)
    for job in jobs:
        if "task" in job.wildcards:
            counts[job.rule, job.wildcards["task"]][job.state] += 1
    rules, tasks = (list(dict.fromkeys(names)) for names in zip(*counts, strict=True))
    first, _, second = zip(*(task.partition("_") for task in tasks), strict=True)
    lines = [_row("done/total", first, TASK_WIDTH), _row("(failed)", second, TASK_WIDTH)]
    return lines + [_row(rule, [_share(counts[rule, task]) for task in tasks], TASK_WIDTH) for rule in rules]


def _share(counts: Counter[JobState]) -> str:
    failed = counts[JobState.FAILED]
    return f"{counts[JobState.DONE]:,}/{counts.total():,}" + (f" ({failed:,})" if failed else "")


def _with_last_lines(title: str, jobs: Sequence[Job], root: Path) -> list[str]:
    if not jobs:
        return []
    shown = [
        f"  {' '.join([job.rule, *job.wildcards.values()])}: {last_line(root / job.log)}  ({job.log})"
        for job in jobs[:MAX_JOBS]
    ]
    more = [f"  and {len(jobs) - MAX_JOBS} more"] if len(jobs) > MAX_JOBS else []
    return ["", f"{title}:", *shown, *more]


def hourly_rate(finished: Sequence[float], now: float) -> float:
    """Compute the jobs finished per hour, over the last hour or since the first one ended; 0 if no job has finished."""
    recent = [end for end in finished if end > now - WINDOW_S]
    if not recent:
        return 0.0
    since = min(WINDOW_S, now - min(finished))
    return len(recent) / max(since, 1.0) * 3600


def _row(name: str, cells: Sequence[str], width: int = 9) -> str:
    return f"{name:<18}" + "".join(f"{cell:>{width}}" for cell in cells)


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{60 * hours:.0f} min" if hours >= 1 / 60 else f"{3600 * hours:.0f} s"
