"""How a program ends: a user's mistake in one line, and no job that outlives the run that started it."""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from omniedit.damage import note_damage


class UserError(Exception):
    """A mistake in a config, file or argument. Its text names the place and the remedy; no traceback is shown."""


class Damaged(UserError):
    """A file of a run that is not as it was written; `run_program` notes it, and the next run makes it again.

    Never for one that cannot be read just now: storage that hiccups must not cost a shard.
    """

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"{path}: damaged: {' '.join(problem.split())}")
        self.path = Path(path)


def missing(path: str | Path) -> UserError:
    """What to raise where a file of a run is not there."""
    return UserError(f"{path}: no such file; ask snakemake for it by this name")


def run_program(main: Callable[[], None]) -> None:
    """Run a program's `main`; a `UserError` becomes one line on standard error and exit status 2.

    A `Damaged` file is noted for the next run.

    Where the environment's OMNIEDIT_CONTROLLER names a process of this machine as host:pid, the program ends when
    that process is gone: a job of a killed run must not write beside the job that replaces it.
    """
    host, _, pid = os.environ.get("OMNIEDIT_CONTROLLER", "").rpartition(":")
    if host == socket.gethostname() and pid.isdecimal():
        end_with(int(pid))
    try:
        main()
    except Damaged as error:
        remedy = "run the same snakemake command again" if note_damage(error.path) else "delete it"
        print(f"error: {error}; {remedy} to make it anew", file=sys.stderr)
        sys.exit(2)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def end_with(pid: int) -> None:
    """Let this program end when a process of this machine is gone, which looks after it."""
    threading.Thread(target=_wait_for_the_end_of, args=(pid,), daemon=True).start()


def _wait_for_the_end_of(pid: int) -> None:
    while alive(pid):
        time.sleep(0.5)
    print(f"process {pid}, which started this job, is gone; stopping", file=sys.stderr, flush=True)
    os._exit(1)


def alive(pid: int) -> bool:
    """Whether a process of this machine is at work."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
