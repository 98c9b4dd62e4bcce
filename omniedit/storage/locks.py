"""Lock files of a run, of a working folder and of checkpoints; a lock ends with its process."""

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
"""Held by the Snakemake that works in a folder: what it notes in .snakemake, and its Slurm jobs, are that folder's."""
RUN = "omniedit.lock"
"""In results/{run}/, held by the Snakemake that makes the run, wherever it was started."""
PATIENCE_S = 2.0
"""Who looks whether a lock is held holds it for an instant."""

_HELD: dict[Path, int] = {}


@dataclass(frozen=True)
class Holder:
    """Holder of a lock, now or last.

    Args:
        folder: the absolute path of the working folder.
    """

    process: Process
    folder: Path


@dataclass(frozen=True)
class Locks:
    """Locks that a workflow holds.

    Args:
        held: False where the file system has no locks.
        folders: the working folder, and that where the run was made before if no Snakemake works there now.
    """

    held: bool
    folders: tuple[Path, ...]


def run_lock(run: str) -> Path:
    return Path("results", run, RUN)


def hold_run(run: str) -> Locks:
    """Hold a run and the working folder until this process ends.

    Raises:
        UserError: another live process holds one of them, or it cannot be written there.
    """
    last = read_holder(run_lock(run))
    held = [hold_lock(WORKING_FOLDER), hold_lock(run_lock(run), "another Snakemake makes this run")]
    before = [last.folder] if last and is_held(last.folder / WORKING_FOLDER) is False else []
    return Locks(all(held), tuple(dict.fromkeys([Path.cwd(), *before])))


def hold_lock(path: str | Path, at_work: str = "another run is at work in this folder") -> bool:
    """Hold the lock file `path` until this process ends, however it ends; a process may ask for its own again.

    Returns:
        False where the file system has no locks: a line on standard error says so, and nothing is held.

    Raises:
        UserError: another live process holds it, and the text says who; or the file cannot be written.
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
            print(f"{path}: no lock on this file system; let no second one work beside this", file=sys.stderr)
            return False
        os.close(descriptor)
        if is_locked is None or time.monotonic() > deadline:
            raise UserError(f"{path}: {at_work}{_who(holder)}; wait for it or stop it")
        time.sleep(0.05)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; make its folder writable") from None


def _try_to_lock(descriptor: int, path: Path) -> bool | None:
    """Return whether this process holds the lock now, None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        return None


def _is_at_work(holder: Holder | None) -> bool:
    """Return whether the recorded holder is another process, visible and alive: all that is known without locks."""
    if holder is None or not holder.process.is_visible:
        return False
    return holder.process != this_process() and not holder.process.is_gone


def _write_holder(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # on a full disk the lock is held all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"process": asdict(this_process()), "folder": str(Path.cwd())}).encode(), 0)


def read_holder(path: Path) -> Holder | None:
    """Return who holds a lock or held it last, as far as its file says."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(4096))
        return Holder(to_process(found["process"]), Path(found["folder"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _who(holder: Holder | None) -> str:
    return f" (process {holder.process.pid} on {holder.process.host}, in {holder.folder})" if holder else ""


def is_held(path: Path) -> bool | None:
    """Return whether a process holds a lock, None if unknown. The file need not be writable."""
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
