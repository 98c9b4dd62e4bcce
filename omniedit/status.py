"""What of a run is done, at work, failed or waiting, read from its files alone: `omniedit status RUN`."""

import base64
import fcntl
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from pathlib import Path
from string import Formatter

from omniedit.config import Config
from omniedit.errors import UserError
from omniedit.shards import number_of_blocks
from omniedit.slurm import queued_jobs
from omniedit.specialists.learned.roles import trains_inpainting

LOCK = Path(".snakemake/omniedit.lock")
"""Held by the process that runs the workflow."""
BASELINES = ("no_edit", "specialist")
"""What the benchmark compares the run's editors with."""
SHOWN = 20
TASK_WIDTH = 14
WINDOW_S = 3600.0
"""The rate is that of the last hour."""


@dataclass(frozen=True)
class Stage:
    """A rule's jobs. `output` is below results/{run}, `log` below logs/{run}; both name the wildcards that tell jobs
    apart."""

    rule: str
    output: str
    log: str


OF_FILES = (
    Stage("index_sources", "sources/index.parquet", "index_sources.log"),
    Stage("pack_sources", "sources/{photos}.tar", "pack_sources/{photos}.log"),
)
OF_ARCHIVES = (
    Stage("stream_sources", "sources/index/{shard}.parquet", "stream_sources/{shard}.log"),
    Stage("gather_index", "sources/index.parquet", "gather_index.log"),
)
OF_LEARNED = (Stage("propose_shard", "proposals/{photos}.parquet", "propose/{photos}.log"),)
STAGES = (
    Stage("ground_shard", "objects/{photos}.parquet", "ground/{photos}.log"),
    Stage("synthesize_shard", "candidates/{task}/{shard}.h5", "synthesize/{task}/{shard}.log"),
    Stage("score_shard", "scores/{task}/{shard}.parquet", "score/{task}/{shard}.log"),
    Stage("score_canary", "canary.json", "score_canary.log"),
    Stage("decide_shard", "decisions/{task}/{shard}.parquet", "decide/{task}/{shard}.log"),
    Stage("gather_decisions", "decisions/gathered/{block}.parquet", "gather_decisions/{block}.log"),
    Stage("teach_shard", "teacher/{task}/{taught}.parquet", "teach/{task}/{taught}.log"),
    Stage("train_student", "scorer/manifest.json", "train_student.log"),
    Stage("plan_buckets", "buckets/plan.parquet", "plan_buckets.log"),
    Stage("write_buckets", "buckets/parts/{part}/manifest.json", "write_buckets/{part}.log"),
    Stage("seal_buckets", "buckets/manifest.json", "seal_buckets.log"),
    Stage("pretrain_base", "train/base/manifest.json", "pretrain_base.log"),
    Stage("train_inpainting", "train/inpainting/manifest.json", "train_inpainting.log"),
    Stage("encode_pairs", "train/encoded/{part}/manifest.json", "encode_pairs/{part}.log"),
    Stage("train_editor", "train/{editor}/manifest.json", "train_editor/{editor}.log"),
    Stage("synthesize_bench", "bench/set/{task}.h5", "synthesize_bench/{task}.log"),
    Stage("bench_edit", "bench/{model}/{task}.h5", "bench_edit/{model}.log"),
    Stage("bench_score", "bench/{model}/{task}.parquet", "bench_score/{model}.log"),
    Stage("bench_table", "bench/table3.parquet", "bench_table.log"),
    Stage("model_card", "train/{editor}/README.md", "model_card/{editor}.log"),
    Stage("report_gallery", "report/gallery.{task}.html", "report_gallery/{task}.log"),
    Stage("report_throughput", "report/throughput.html", "report_throughput.log"),
)


class State(StrEnum):
    DONE = "done"
    RUNNING = "running"
    STOPPED = "stopped"
    """Begun by a run that is gone: the next run makes it again."""
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True)
class Job:
    rule: str
    wildcards: Mapping[str, str]
    state: State
    finished: float | None
    """Seconds since the epoch, of a job that is done."""
    log: Path


def jobs_of(run: str, root: Path = Path()) -> list[Job]:
    """Every job of a run as its files tell; `root` is the folder of results/ and logs/.

    Raises:
        UserError: no run of that name was ever started here.
    """
    config_file = root / "results" / run / "config.json"
    if not config_file.is_file():
        known = sorted(path.parent.name for path in root.glob("results/*/config.json"))
        raise UserError(f"results/{run}: no run of this name was started here; there are: {', '.join(known) or 'none'}")
    try:
        config = Config.model_validate_json(config_file.read_text())
    except ValueError as error:
        told = " ".join(str(error).split())[:200]
        raise UserError(f"{config_file}: no config of this version ({told}); start the run again") from None
    begun, live = begun_outputs(root), is_live(root)
    sources = OF_ARCHIVES if config.sources.are_archives else OF_FILES
    stages = [*sources, *(OF_LEARNED if config.tasks.learned else ()), *STAGES]
    if config.scoring.judge == "api":
        stages = [replace(stage, rule="ask_shard") if stage.rule == "score_shard" else stage for stage in stages]
    if config.scoring.teacher == "api":
        stages = [replace(stage, rule="ask_teacher") if stage.rule == "teach_shard" else stage for stage in stages]
    if config.scoring.finetune.model:
        stages = [
            replace(stage, rule="finetune_student") if stage.rule == "train_student" else stage for stage in stages
        ]
    asking = {"api": "ask_for_proposals", "local": "generate_proposals"}
    if rule := asking.get(config.proposals.source):
        stages = [replace(stage, rule=rule) if stage.rule == "propose_shard" else stage for stage in stages]
    left_out = {"pretrain_base"} if config.train.base.model else set()
    left_out |= set() if trains_inpainting(config) else {"train_inpainting"}
    left_out |= set() if config.train.encode_once else {"encode_pairs"}
    left_out |= set() if config.scoring.canary else {"score_canary"}
    left_out |= set() if config.trains_student else {"teach_shard", "train_student", "finetune_student"}
    wanted = [stage for stage in stages if stage.rule not in left_out]
    pending = pending_in_slurm(root) if live else set()
    jobs = [job for stage in wanted for job in _jobs(stage, run, config, root, begun, live)]
    return [
        replace(job, state=State.WAITING)
        if job.state is State.RUNNING and (job.rule, "_".join([run, *job.wildcards.values()])) in pending
        else job
        for job in jobs
    ]


def pending_in_slurm(root: Path) -> set[tuple[str, str]]:
    """Rules, with the values of their wildcards joined, of jobs that wait in Slurm's queue, where it answers."""
    try:
        return {(job.rule, job.wildcards) for job in queued_jobs(root) if job.state == "PENDING"}
    except UserError as error:
        print(f"{error}; jobs that wait in Slurm's queue count as running", file=sys.stderr)
        return set()


def is_live(root: Path) -> bool:
    """Whether a workflow is at work in the folder: its lock is held."""
    try:
        descriptor = os.open(root / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def begun_outputs(root: Path) -> set[str]:
    """Outputs of jobs that were begun and have not ended, as Snakemake marks them: in the names of files."""
    folder = root / ".snakemake/incomplete"
    marks = (path.relative_to(folder).parts for path in folder.rglob("*") if path.is_file())
    names = ("".join(part.removeprefix("@") for part in mark) for mark in marks)
    return {base64.urlsafe_b64decode(name).decode() for name in names if len(name) % 4 == 0}


def _jobs(stage: Stage, run: str, config: Config, root: Path, begun: set[str], live: bool) -> Iterator[Job]:
    finished = _times(root / "results" / run, stage.output)
    for wildcards in _combinations(stage.output, config):
        output = stage.output.format(**wildcards)
        log = Path("logs", run, stage.log.format(**wildcards))
        if f"results/{run}/{output}" in begun:
            state = State.RUNNING if live else State.STOPPED
        elif output in finished:
            state = State.DONE
        else:
            # A job that died at once leaves an empty log.
            state = State.FAILED if (root / log).is_file() else State.WAITING
        yield Job(stage.rule, wildcards, state, finished.get(output) if state is State.DONE else None, log)


def _combinations(pattern: str, config: Config) -> Iterator[dict[str, str]]:
    """All values of the wildcards in a pattern."""
    shards = [f"{shard:05d}" for shard in range(config.sources.shards)]
    values = {
        "task": [str(task) for task in config.tasks.enabled],
        "shard": shards,
        "taught": shards[: config.scoring.teacher_shards],
        "photos": [*shards, "bench"],
        "block": [f"{block:05d}" for block in range(number_of_blocks(config.sources.shards))],
        "part": [f"{part:05d}" for part in range(config.buckets.parts)],
        "editor": config.train.editors,
        "model": (*config.train.editors, *BASELINES),
    }
    names = [name for _, name, _, _ in Formatter().parse(pattern) if name]
    for chosen in product(*(values[name] for name in names)):
        yield dict(zip(names, chosen, strict=True))


def _times(results: Path, pattern: str) -> dict[str, float]:
    """Path below `results` -> time of the last write, of the files that fit a pattern: a folder is read once."""
    anything = {name: "*" for _, name, _, _ in Formatter().parse(pattern) if name}
    return {
        path.relative_to(results).as_posix(): path.stat().st_mtime for path in results.glob(pattern.format(**anything))
    }


def last_line(log: Path) -> str:
    """Of a job's log; a progress line that was written over counts as a line. '' where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def report(run: str, root: Path = Path(), now: float | None = None) -> list[str]:
    """Lines to print: stages, stages by tasks, then jobs at work and those that failed with their logs' last lines."""
    now = time.time() if now is None else now
    jobs = jobs_of(run, root)
    lines = [f"run {run}: " + ("at work" if is_live(root) else "no workflow is at work here"), ""]
    lines.append(_row("", [*State, "an hour", "left"]))
    for rule in dict.fromkeys(job.rule for job in jobs):
        of_rule = [job for job in jobs if job.rule == rule]
        counts = Counter(job.state for job in of_rule)
        rate = hourly_rate([job.finished for job in of_rule if job.finished is not None], now)
        todo = len(of_rule) - counts[State.DONE]
        pace = [f"{rate:,.0f}", _duration(todo / rate)] if todo and rate else ["", ""]
        lines.append(_row(rule, [*(f"{counts[state]:,}" if counts[state] else "" for state in State), *pace]))
    lines += ["", *_by_task(jobs)]
    for state in (State.RUNNING, State.FAILED):
        lines += _with_last_lines(state, [job for job in jobs if job.state is state], root)
    return lines


def _by_task(jobs: Sequence[Job]) -> list[str]:
    """A row for each stage whose jobs have a task, a column for each task: done of all, and how many failed."""
    counts: dict[tuple[str, str], Counter[State]] = defaultdict(Counter)
    for job in jobs:
        if "task" in job.wildcards:
            counts[job.rule, job.wildcards["task"]][job.state] += 1
    rules, tasks = (list(dict.fromkeys(names)) for names in zip(*counts, strict=True))
    first, second = zip(*(task.split("_") for task in tasks), strict=True)
    lines = [_row("done of all", first, TASK_WIDTH), _row("(failed)", second, TASK_WIDTH)]
    return lines + [_row(rule, [_share(counts[rule, task]) for task in tasks], TASK_WIDTH) for rule in rules]


def _share(counts: Counter[State]) -> str:
    failed = counts[State.FAILED]
    return f"{counts[State.DONE]:,}/{counts.total():,}" + (f" ({failed:,})" if failed else "")


def _with_last_lines(title: str, jobs: Sequence[Job], root: Path) -> list[str]:
    if not jobs:
        return []
    names = (" ".join([job.rule, *job.wildcards.values()]) for job in jobs)
    shown = [f"  {name}: {last_line(root / job.log)}  ({job.log})" for name, job in zip(names, jobs, strict=True)]
    more = [f"  and {len(jobs) - SHOWN} more"] if len(jobs) > SHOWN else []
    return ["", f"{title}:", *shown[:SHOWN], *more]


def hourly_rate(finished: Sequence[float], now: float) -> float:
    """Jobs an hour, over the last hour or since the first of them ended; 0 where none ended in that time."""
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
