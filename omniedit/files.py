"""Files that are either whole or absent, and a lock that ends with its process."""

import errno
import fcntl
import glob
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omniedit.errors import UserError, alive

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""Beginning of the text file that Git leaves in the place of a file that Git LFS has not fetched."""
LFS_REMEDY = "a Git LFS pointer, not the file itself; run git lfs pull"
ABANDONED_S = 86_400.0
_HOST = socket.gethostname().split(".")[0]
_UMASK = os.umask(0o022)
os.umask(_UMASK)


@contextmanager
def replaced(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends well and removed when it does not.

    A file is flushed to disk before the rename, so a killed job leaves the old file or none, never a half one. What it
    left of its temporary one goes when `path` is written again: at once on the same machine, on another when nothing
    has been written to it for a day. Files get the mode that the umask leaves, whoever wrote them: safetensors gives
    its own to the owner alone, which shuts out who shares the results.
    Works for a folder too: an existing folder at `path` is replaced.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.*.tmp"):
        if _is_left_behind(left):
            _remove(left)
    temporary = path.with_name(f".{path.name}.{_HOST}.{os.getpid()}.tmp")
    try:
        yield temporary
        for written in [temporary, *temporary.rglob("*")]:
            if written.is_file():
                written.chmod(0o666 & ~_UMASK)
        if temporary.is_dir():
            _remove(path)
        else:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        _remove(temporary)


def check_writable(path: str | Path) -> None:
    """To be asked before the work whose result `path` is to hold; what is there stays.

    Raises:
        UserError: no file can be written there.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.{_HOST}.{os.getpid()}.tmp")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"{str(path)[:200]}: cannot be written: {error.strerror}; name another place") from None


def write_changed(path: str | Path, text: str) -> None:
    """Write a text file where it is missing or holds another text."""
    if not Path(path).is_file() or Path(path).read_text() != text:
        with replaced(path) as temporary:
            temporary.write_text(text)


def _is_left_behind(temporary: Path) -> bool:
    """Whether it was written by this process, by one of this machine that is gone, or on another one so long ago that
    its writer is."""
    host, pid = temporary.name.split(".")[-3:-1]
    if host == _HOST:
        return pid.isdecimal() and (int(pid) == os.getpid() or not alive(int(pid)))
    try:
        newest = max(path.stat().st_mtime for path in [temporary, *temporary.rglob("*")])
    except FileNotFoundError:  # its writer is at work: it just renamed or removed what was listed
        return False
    return newest < time.time() - ABANDONED_S


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


_HELD: dict[Path, int] = {}


def hold_lock(path: str | Path, at_work: str = "another run is at work in this folder") -> bool:
    """Hold the lock file `path` until this process ends, however it ends; a process may ask for its own again.

    Returns:
        False where the file system has no locks: that is told on standard error, and nothing is held.

    Raises:
        UserError: another live process holds it; the text says that it is `at_work`, its process id and machine.
    """
    path = Path(path).absolute()
    if path in _HELD:
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid, _, host = os.read(descriptor, 256).decode().partition(" ")
        os.close(descriptor)
        raise UserError(f"{path}: {at_work} (process {pid} on {host}); wait for it or stop it") from None
    except OSError as error:
        os.close(descriptor)
        print(f"{path}: no lock here ({error.strerror}); let no second one work beside this", file=sys.stderr)
        return False
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()} {_HOST}".encode())
    _HELD[path] = descriptor
    return True
