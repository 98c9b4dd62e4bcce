"""Identity and lifetime of processes; jobs and ranks end with the process that started them."""

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LAUNCHER = "OMNIEDIT_LAUNCHER"
"""Environment variable with the process that starts the jobs, as `describe_launcher` writes it."""
TORCHRUN = "OMNIEDIT_TORCHRUN"
"""Environment variable with the process id of the torchrun that scripts/launch_ranks.sh becomes."""
HOST = socket.gethostname().split(".")[0]
PR_SET_PDEATHSIG = 1
POLL_S = 0.5
"""Seconds between checks for changes that the system does not announce."""


@dataclass(frozen=True)
class Process:
    """Identity of a process, unique over time, machines and containers.

    Args:
        boot, namespace: ids of its kernel's boot and of its PID namespace; '' if unknown.
        started: clock ticks from the boot to its start; '' if unknown.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    @property
    def is_visible(self) -> bool:
        """Return whether the process id means the same process here: same kernel, same PID namespace."""
        return (self.host, self.boot, self.namespace) == (HOST, boot_id(), pid_namespace())

    @property
    def is_gone(self) -> bool:
        """Return whether a visible process has ended; a zombie has."""
        if not self.is_visible:
            return False
        state, started = _stat(self.pid)
        return state in ("Z", "X") or started != self.started if state else not is_alive(self.pid)


def this_process() -> Process:
    return Process(HOST, boot_id(), pid_namespace(), os.getpid(), _stat(os.getpid())[1])


def to_process(fields: Mapping[str, Any]) -> Process:
    """Return the process that `asdict` turned into `fields`.

    Raises:
        ValueError, TypeError: the fields do not describe a process.
    """
    process = Process(**fields)
    texts = (process.host, process.boot, process.namespace, process.started)
    if (
        not all(isinstance(text, str) for text in texts)
        or not isinstance(process.pid, int)
        or not 0 < process.pid < 2**31
    ):
        raise ValueError(f"not a process: {fields}")
    return process


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _stat(pid: int) -> tuple[str, str]:
    """Return the state and start time of a process from /proc, or '' for both if unavailable."""
    try:
        # The program's name comes first, in parentheses, and can contain anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0].decode(), fields[19].decode()
    except (OSError, IndexError):
        return "", ""


def is_alive(pid: int) -> bool:
    """Return whether a process id is in use in this PID namespace."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def describe_launcher(lock: Path | None = None) -> str:
    """Return the value of OMNIEDIT_LAUNCHER for this process.

    Args:
        lock: a lock file that this process holds until it ends, if any.
    """
    return json.dumps({"process": asdict(this_process()), "lock": str(lock.absolute()) if lock else None})


def exit_with_launcher() -> None:
    """End this process when the launcher that OMNIEDIT_LAUNCHER describes is gone.

    Otherwise a job of a killed run would write to the same files as the job that replaces it. A job in another PID
    namespace cannot see the launcher's id and watches its lock. A job on another machine watches nothing.
    """
    try:
        described = json.loads(os.environ.get(LAUNCHER, "null"))
        launcher, lock = to_process(described["process"]), described["lock"]
    except (ValueError, TypeError, KeyError):
        return
    if (launcher.host, launcher.boot) == (HOST, boot_id()) and (launcher.is_visible or lock):
        threading.Thread(target=_end_after, args=(launcher, lock), daemon=True).start()


def _end_after(launcher: Process, lock: str | None) -> None:
    if launcher.is_visible:
        wait_for_end(launcher)
    elif lock:
        while not _launcher_is_gone(launcher, lock):
            time.sleep(POLL_S)
    print(f"process {launcher.pid}, which started this job, is gone; stopping", file=sys.stderr, flush=True)
    os._exit(1)


def _launcher_is_gone(launcher: Process, lock: str) -> bool:
    """Return whether a launcher has released its lock: the lock is free, or its file names another process."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return to_process(json.loads(os.read(descriptor, 4096))["process"]) != launcher
        except (ValueError, TypeError, KeyError):
            return False
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def wait_for_end(process: Process) -> None:
    """Wait until a process is gone; return at once if it is not visible."""
    while process.is_visible and not process.is_gone:
        try:
            descriptor = os.pidfd_open(process.pid)
        except (AttributeError, OSError):
            time.sleep(POLL_S)
            continue
        try:
            if not process.is_gone:  # otherwise the descriptor may belong to a later process with the same id
                select.select([descriptor], [], [])
        finally:
            os.close(descriptor)


def exit_with_torchrun() -> None:
    """Kill this rank when the torchrun that started it ends.

    torchrun starts each rank in its own session. Without this, ranks outlive a killed torchrun and write to the same
    files as their successors.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_end_as_orphan, args=(parent,), daemon=True).start()
    # torchrun may have ended before the kernel could watch it.
    if os.getppid() != int(os.environ.get(TORCHRUN, parent)):
        sys.exit("torchrun, which started this rank, is gone; stopping")


def _end_as_orphan(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)
