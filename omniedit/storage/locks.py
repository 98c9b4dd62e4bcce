"""Lock files of runs, working folders and checkpoints. A lock ends with its process."""

import contextlib
import fcntl
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from omniedit.errors import UserError
from omniedit.storage.processes import Process, this_process, to_process

WORKING_FOLDER = Path(".snakemake/omniedit.lock")
"""Held by the Snakemake process in a working folder, which owns the folder's .snakemake records and Slurm jobs."""
RUN_LOCK_NAME = "omniedit.lock"
"""File in results/{run}/, held by the Snakemake process that makes the run, wherever it was started."""
PATIENCE_S = 2.0
"""Seconds to retry a lock, because a process that only checks it also holds it for an instant."""

_HELD: dict[Path, int] = {}


@dataclass(frozen=True)
class Holder:
    """Current or last holder of a lock.

    Args:
        folder: absolute path of its working folder.
    """

    process: Process
    folder: Path


@dataclass(frozen=True)
class Locks:
    """Locks that a workflow holds.

    Args:
        held: False if the file system has no locks.
        folders: the working folder and, if no Snakemake works there now, the folder where the run was made before.
    """

    held: bool
    folders: tuple[Path, ...]


def run_lock(run: str) -> Path:
    return Path("results", run, RUN_LOCK_NAME)


def hold_run(run: str) -> Locks:
    """Hold a run and the working folder until this process ends.

    Raises:
        UserError: another live process holds one of the two, or a lock file cannot be written.
    """
    last = read_holder(run_lock(run))
    locks = [hold_lock(WORKING_FOLDER), hold_lock(run_lock(run), "another Snakemake is making this run")]
    before = [last.folder] if last and is_held(last.folder / WORKING_FOLDER) is False else []
    return Locks(all(locks), tuple(dict.fromkeys([Path.cwd(), *before])))


def hold_lock(path: str | Path, at_work: str = "another run is using this folder") -> bool:
    """Hold the lock file `path` until this process ends, for any reason. A process may call this again for its lock.

    Returns:
        False if the file system has no locks: a message goes to standard error, and nothing is held.

    Raises:
        UserError: another live process, named in the message, holds the lock, or the file cannot be written.
    """
    path = Path(path).absolute()
    if path in _HELD:
        return True
    deadline = time.monotonic() + PATIENCE_S
    while True:
        descriptor = _open(path)
        is_locked = _try_to_lock(descriptor, path)
        if is_locked:
            _write_holder(descriptor)
            _HELD[path] = descriptor
            return True
        holder = read_holder(path)
        if is_locked is None and not _is_at_work(holder):
            _write_holder(descriptor)
            os.close(descriptor)
            print(f"{path}: this file system has no locks; do not start a second run here", file=sys.stderr)
            return False
        os.close(descriptor)
        if is_locked is None or time.monotonic() > deadline:
            by = f" (process {holder.process.pid} on {holder.process.host}, in {holder.folder})" if holder else ""
            raise UserError(f"{path}: {at_work}{by}; wait for it or stop it")
        time.sleep(0.05)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; make its folder writable") from None


def _try_to_lock(descriptor: int, path: Path) -> bool | None:
    """Return whether this process holds the lock now, or None if the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        return None


def _is_at_work(holder: Holder | None) -> bool:
    """Return whether the recorded holder is another process that is visible and alive. If the file system has no locks,
    this is all that can be checked.
    """
    if holder is None or not holder.process.is_visible:
        return False
    return holder.process != this_process() and not holder.process.is_gone


def _write_holder(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # the lock is held even on a full disk
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"process": asdict(this_process()), "folder": str(Path.cwd())}).encode(), 0)


def read_holder(path: Path) -> Holder | None:
    """Return the current or last holder of a lock as recorded in its file, or None."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # a pipe must not block
            fields = json.loads(file.read(4096) or b"")
        return Holder(to_process(fields["process"]), Path(fields["folder"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def is_held(path: Path) -> bool | None:
    """Return whether a process holds a lock, or None if unknown. The file need not be writable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        holder = read_holder(path)
        return not holder.process.is_gone if holder and holder.process.is_visible else None
    finally:
        os.close(descriptor)
    return False
