"""States of a run's jobs (done, running, failed, deleted, waiting), derived only from its files."""

import base64
import contextlib
import fnmatch
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from pathlib import Path
from string import Formatter

from omniedit.architectures import BASELINES
from omniedit.config.schema import Config
from omniedit.errors import UserError
from omniedit.plain_text import clean_line
from omniedit.run.slurm_queue import list_queued_jobs
from omniedit.run.stages import Stage, select_stages
from omniedit.storage.atomic import is_file
from omniedit.storage.locks import is_held, read_holder, run_lock
from omniedit.storage.shard_paths import number_of_blocks

SNAKEMAKE_NOTES = Path(".snakemake")
"""Folder of Snakemake's notes on jobs, below its working folder."""
CONFIG_BYTES = 1 << 20
MAX_NAME_LENGTH = 200
"""Maximum number of characters of a file's text to show on a line."""


class JobState(StrEnum):
    DONE = "done"
    RUNNING = "running"
    STOPPED = "stopped"
    """Started by a run that is gone: the next run remakes it."""
    FAILED = "failed"
    DELETED = "deleted"
    """Its job succeeded and its file is gone: the next run remakes it."""
    WAITING = "waiting"


@dataclass(frozen=True)
class Job:
    rule: str
    wildcards: Mapping[str, str]
    state: JobState
    finished: float | None
    """End of a job that is done, in seconds since the epoch."""
    log: Path


@dataclass(frozen=True)
class RunState:
    """State of a run, from files that only need to be readable.

    Args:
        live: whether a workflow is running it; None if unknown.
        unread: paths that cannot be read -> reason.
    """

    jobs: list[Job]
    live: bool | None
    unread: Mapping[Path, str]


def read_run_state(run: str, root: Path = Path()) -> RunState:
    """Read the state of every job of a run; `root` is the folder of results/ and logs/.

    Raises:
        UserError: no run of this name was started here, or its config is unreadable or from another version.
    """
    config = _read_config(run, root)
    lock = root / run_lock(run)
    live, holder = is_held(lock), read_holder(lock)
    # Another checkout that shares results/ may make the run, and then holds Snakemake's notes.
    folders = [root, *([holder.folder] if holder and holder.folder != root.absolute() else [])]
    unread: dict[Path, str] = {lock: "cannot be read"} if live is None else {}
    begun = {output for folder in folders for output in list_started_outputs(folder, unread)}
    jobs = [job for stage in select_stages(config) for job in _jobs(stage, run, config, folders, begun, live, unread)]
    if live is not False and (pending := pending_in_slurm(folders)):
        jobs = [
            replace(job, state=JobState.WAITING)
            if job.state is JobState.RUNNING and (job.rule, "_".join([run, *job.wildcards.values()])) in pending
            else job
            for job in jobs
        ]
    return RunState(jobs, live, unread)


def _read_config(run: str, root: Path) -> Config:
    file = root / "results" / run / "config.json"
    try:
        if file.exists() and not file.is_file():
            raise UserError(f"{file}: is not a file")
        with file.open("rb") as opened:
            text = opened.read(CONFIG_BYTES)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        known = sorted(clean_line(path.parent.name, MAX_NAME_LENGTH) for path in root.glob("results/*/config.json"))
        raise UserError(
            f"results/{clean_line(run, MAX_NAME_LENGTH)}: no run of this name was started here; available: "
            f"{', '.join(known) or 'none'}"
        ) from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    try:
        return Config.model_validate_json(text)
    except (ValueError, RecursionError) as error:
        problem = clean_line(str(error), MAX_NAME_LENGTH)
        raise UserError(f"{file}: not a config of this version ({problem}); start the run again") from None


def pending_in_slurm(folders: Sequence[Path]) -> set[tuple[str, str]]:
    """Return the rule and the joined wildcards of each job that waits in Slurm's queue.

    If squeue does not answer, the set is empty and a message is printed.
    """
    try:
        return {(job.rule, job.wildcards) for job in list_queued_jobs(*folders) if job.state == "PENDING"}
    except UserError as error:
        print(
            f"{clean_line(str(error), MAX_NAME_LENGTH)}; jobs that wait in Slurm's queue count as running",
            file=sys.stderr,
        )
        return set()


def list_started_outputs(folder: Path, unread: dict[Path, str] | None = None) -> set[str]:
    """Return the outputs of jobs that have started and not ended. Snakemake's marks encode them as file names.

    Args:
        unread: collects the marks that cannot be read, with the reason.
    """
    marks = folder / SNAKEMAKE_NOTES / "incomplete"

    def note(error: OSError) -> None:
        if unread is not None and not isinstance(error, FileNotFoundError | NotADirectoryError):
            unread[Path(error.filename)] = str(error.strerror)

    begun = set()
    for parent, _, names in os.walk(marks, onerror=note):
        parts = Path(parent).relative_to(marks).parts
        for name in names:
            # Remains of deleted files on a network file system, and any other files, are not marks.
            with contextlib.suppress(ValueError):
                mark = "".join(part.removeprefix("@") for part in (*parts, name))
                begun.add(base64.b64decode(mark, altchars=b"-_", validate=True).decode())
    return begun


def _succeeded(log: Path, root: Path) -> bool:
    """Return whether the last job with a log succeeded. Only then does Snakemake write its benchmark file, after the
    last line of the log.

    Snakemake's own records prove nothing, because it also writes them for failed jobs.
    """
    benchmark = Path("benchmarks", *log.parts[1:]).with_suffix(".tsv")
    try:
        return (root / benchmark).stat().st_mtime >= (root / log).stat().st_mtime
    except OSError:
        return False


def _jobs(
    stage: Stage,
    run: str,
    config: Config,
    folders: Sequence[Path],
    begun: Set[str],
    live: bool | None,
    unread: dict[Path, str],
) -> Iterator[Job]:
    root, results = folders[0], folders[0] / "results" / run
    finished = dict(_read_times(results, stage.output, unread))
    for wildcards in _combinations(stage, config):
        output = stage.output.format(**wildcards)
        log = Path("logs", run, stage.log.format(**wildcards))
        if f"results/{run}/{output}" in begun:
            state = JobState.STOPPED if live is False else JobState.RUNNING
        elif output in finished:
            state = JobState.DONE
        elif (unread and not unread.keys().isdisjoint((results / output).parents)) or not is_file(root / log):
            state = JobState.WAITING
        else:
            # A job that dies at once leaves an empty log.
            state = JobState.DELETED if _succeeded(log, root) else JobState.FAILED
        yield Job(stage.rule, wildcards, state, finished.get(output) if state is JobState.DONE else None, log)


def _combinations(stage: Stage, config: Config) -> Iterator[dict[str, str]]:
    """Yield all combinations of values of the wildcards in a stage's output."""
    shards = [f"{shard:05d}" for shard in range(config.sources.shards)]
    values = {
        "task": [str(task) for task in stage.tasks(config)],
        "shard": shards,
        "judge": stage.judges(config),
        "teacher_shard": shards[: config.scoring.teacher_shards],
        "photos": [*shards, "bench"],
        "block": [f"{block:05d}" for block in range(number_of_blocks(config.sources.shards))],
        "part": [f"{part:05d}" for part in range(config.buckets.parts)],
        "editor": config.train.editors,
        "format": config.export.formats,
        "model": (*config.train.editors, *BASELINES),
        "comparison": list(config.bench.sets),
        "entry": config.compared_editors,
        "bench_judge": config.bench.judge_names,
        "portion": config.bench.portions,
    }
    names = [name for _, name, _, _ in Formatter().parse(stage.output) if name]
    for chosen in product(*(values[name] for name in names)):
        yield dict(zip(names, chosen, strict=True))


def _read_times(results: Path, pattern: str, unread: dict[Path, str]) -> Iterator[tuple[str, float]]:
    """Yield the path below `results` and the modification time of each file that matches a pattern.

    Each folder is read once. Files that disappear in the meantime are skipped; folders that cannot be read are added to
    `unread`.
    """
    anything = {name: "*" for _, name, _, _ in Formatter().parse(pattern) if name}
    *folders, last = pattern.format(**anything).split("/")
    pending = [results]
    for part in folders:
        pending = [folder / name for folder in pending for name in _names(folder, part, unread)]
    for folder in pending:
        for name in _names(folder, last, unread):
            try:
                status = (folder / name).stat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                unread[folder] = str(error.strerror)
                continue
            if stat.S_ISREG(status.st_mode):
                yield (folder / name).relative_to(results).as_posix(), status.st_mtime


def _names(folder: Path, pattern: str, unread: dict[Path, str]) -> list[str]:
    """Return the names in a folder that match a pattern with '*', hidden ones excluded."""
    if "*" not in pattern:
        return [pattern]
    try:
        names = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        unread[folder] = str(error.strerror)
        return []
    return [name for name in fnmatch.filter(names, pattern) if not name.startswith(".")]
