"""Files that are either whole or absent."""

import errno
import glob
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omniedit.errors import UserError
from omniedit.storage.processes import HOST, boot_id, is_alive, pid_namespace

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""First bytes of the text file that Git leaves in place of a file that Git LFS has not fetched."""
LFS_REMEDY = "a Git LFS pointer, not the file itself; run git lfs pull"
ABANDONED_S = 86_400.0
_WRITER = f"{HOST}-{hashlib.sha256(f'{boot_id()} {pid_namespace()}'.encode()).hexdigest()[:8]}"
"""Scope of a process id. Containers may share a host's name, but each numbers its own processes."""
_UMASK = os.umask(0o022)
os.umask(_UMASK)


@contextmanager
def replace_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; rename it to `path` if the block succeeds, remove it if the block fails.

    A file is flushed to disk before the rename, so a killed job leaves the old file or none, never a partial one. On a
    full disk, the error is an OSError that names `path`.

    Temporary files of killed jobs are removed when `path` is written again: at once if the writer is known to be gone,
    else (another machine or container, or an earlier boot) after a day without changes.

    Files get the mode of the umask, whoever wrote them, because safetensors makes its files readable by the owner only,
    which locks out others who share the results. Folders work too: an existing folder at `path` is replaced.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.*.tmp"):
        if _is_left_behind(leftover):
            _remove(leftover)
    temporary = path.with_name(f".{path.name}.{_WRITER}.{os.getpid()}.tmp")
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
    except Exception as error:
        code = full_disk_code(error)
        if code is None or isinstance(error, UserError):
            raise
        raise OSError(code, os.strerror(code), str(path)) from error  # many libraries do not name the file
    finally:
        _remove(temporary)


def full_disk_code(error: Exception) -> int | None:
    """Return the error code of a full disk or quota, from the exception of any library; None for another error.

    HDF5 and safetensors give the code only in the text of the exception.
    """
    codes, own = (errno.ENOSPC, errno.EDQUOT), getattr(error, "errno", None)
    return next((code for code in codes if own == code or os.strerror(code) in str(error)), None)


def is_file(path: Path) -> bool:
    """Return whether a path is a file that this user can see; False if the system does not allow such a name."""
    try:
        return path.is_file()
    except OSError:
        return False


def file_version(path: Path) -> tuple[int, int] | None:
    """Return a value that changes when a file is written or replaced; None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size ^ (status.st_ino << 40)


def link_file(source: Path, target: Path) -> bool:
    """Link a file and return True; copy it if the file system has no hard links or `target` is on another one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        return False
    return True


def check_writable(path: str | Path) -> None:
    """Check that a result can be written to `path`, before the work that produces it. An existing file is not changed.

    Raises:
        UserError: no file can be written there.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.{_WRITER}.{os.getpid()}.tmp")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"{str(path)[:200]}: cannot be written: {error.strerror}; give another path") from None


def write_text(path: str | Path, text: str) -> None:
    """Write or replace a text file, as `replace_file` does."""
    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_changed(path: str | Path, text: str) -> None:
    """Write a text file if it is missing or has other content."""
    if not Path(path).is_file() or Path(path).read_text() != text:
        write_text(path, text)


def _is_left_behind(temporary: Path) -> bool:
    """Return whether a temporary file's writer is this process, is gone, or is elsewhere and idle for `ABANDONED_S`."""
    writer, pid = temporary.name.split(".")[-3:-1]
    if writer == _WRITER:
        return pid.isdecimal() and (int(pid) == os.getpid() or not is_alive(int(pid)))
    try:
        newest = max(path.stat().st_mtime for path in [temporary, *temporary.rglob("*")])
    except FileNotFoundError:  # its writer is active: it just renamed or removed a listed file
        return False
    return newest < time.time() - ABANDONED_S


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
