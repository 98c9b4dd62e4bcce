"""Copy of sealed buckets on a node's local disk: training reads images at random, which is slow on shared storage."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omniedit.buckets.seal import read_sealed
from omniedit.errors import DamagedFile, UserError
from omniedit.storage.atomic import replace_file
from omniedit.storage.manifest import MANIFEST, checksum, missing_files
from omniedit.storage.progress import Progress

PREFIX = "omniedit-buckets-"
UNUSABLE_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
"""`errno` values of a scratch folder that this user may not write to, or that is read-only or full."""


class DamagedCopy(UserError):
    """Error for a copied file that differs from its original. The buckets themselves are intact."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path}: the copy on this node's disk is damaged ({problem}); rerun the command to replace it"
        )
        self.path = path


@contextmanager
def discard_damaged() -> Iterator[None]:
    """Delete the file that a `DamagedCopy` names, so that the next run copies it again."""
    try:
        yield
    except DamagedCopy as error:
        error.path.unlink(missing_ok=True)
        raise


def copy_path(buckets: Path, scratch: Path) -> Path:
    """Return the path of the copy of these buckets, named after their manifest's digest. It may not exist."""
    digest = str(checksum(buckets / MANIFEST)["sha256"])
    return scratch / f"{PREFIX}{digest[:16]}"


def is_copy(buckets: Path) -> bool:
    return buckets.name.startswith(PREFIX)


def copy_to_scratch(buckets: Path, scratch: Path) -> None:
    """Copy the buckets to `copy_path(buckets, scratch)` if the copy is missing and there is room.

    One process per node calls this, and holds the copy's lock until it exits. A second training run waits for the copy
    and shares it. A training run on other buckets removes copies that no process has locked.

    Raises:
        DamagedFile: a file of the buckets differs from their manifest.
        UserError: the buckets are not sealed.
    """
    copy = copy_path(buckets, scratch)
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # the path may also be a file, or a link to an unmounted disk
        _report_unusable(error, buckets, scratch)
        return
    try:
        may_write = lock_copy(copy)
        remove_unused_copies(scratch, copy)
        if may_write and not is_complete(copy):
            copy_files(buckets, copy)
        elif not is_complete(copy):
            print(
                f"{copy}: incomplete and locked by another process, or not readable; reading {buckets} instead",
                flush=True,
            )
        lock_copy(copy, to_write=False)
    except OSError as error:
        if error.errno not in UNUSABLE_ERRORS:
            raise
        _report_unusable(error, buckets, scratch)


def _report_unusable(error: OSError, buckets: Path, scratch: Path) -> None:
    print(f"{error.filename or scratch}: {error.strerror}; not copied; reading {buckets} instead", flush=True)


def copy_files(buckets: Path, copy: Path) -> None:
    """Copy and verify every file, if there is room."""
    files = read_sealed(buckets)["files"]
    needed, free = sum(expected["bytes"] for expected in files.values()), shutil.disk_usage(copy.parent).free
    if free < needed:
        print(
            f"{copy.parent}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed; reading {buckets} instead",
            flush=True,
        )
        return
    with replace_file(copy) as temporary, Progress("files to scratch", total=len(files)) as progress:
        for file, expected in files.items():
            (temporary / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(buckets / file, temporary / file)
            if checksum(temporary / file) != expected:
                raise DamagedFile(buckets / file, f"its checksum differs from {buckets / MANIFEST}")
            progress.advance()
        shutil.copyfile(buckets / MANIFEST, temporary / MANIFEST)


def is_complete(copy: Path) -> bool:
    """Return whether a copy exists with all its files and this user may read them."""
    try:
        return (copy / MANIFEST).is_file() and not missing_files(copy)
    except PermissionError:
        return False


def lock_copy(copy: Path, to_write: bool = True) -> bool:
    """Lock a copy until this process ends, and return whether the lock is exclusive.

    It is exclusive if `to_write` is set and no other process holds a lock. Otherwise the call waits for the writer to
    finish and shares the lock with other readers.
    """
    if copy not in _LOCKS:
        _LOCKS[copy] = _open_lock(copy)
    descriptor = _LOCKS[copy]
    if to_write and _try_lock(descriptor):
        return True
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    # The previous writer may have been killed before the copy was complete.
    return to_write and not is_complete(copy) and _try_lock(descriptor)


def remove_unused_copies(scratch: Path, copy: Path) -> None:
    """Remove this user's other copies, complete or partial, that no process has locked."""
    for other in [*scratch.glob(f"{PREFIX}*"), *scratch.glob(f".{PREFIX}*.tmp")]:
        final_path = scratch / other.name.lstrip(".").partition(".")[0]
        if final_path == copy or other.stat().st_uid != os.getuid():
            continue
        try:
            descriptor = _open_lock(final_path)
        except PermissionError:  # the lock belongs to another user, who may be using the copy
            continue
        if _try_lock(descriptor):
            shutil.rmtree(other)
            print(f"{other}: removed; no process was using this copy", flush=True)
        os.close(descriptor)


_LOCKS: dict[Path, int] = {}


def _lock_path(copy: Path) -> Path:
    return copy.with_name(f".{copy.name}.lock")


def _open_lock(copy: Path) -> int:
    """Open a copy's lock file. Fall back to read-only for another user's file; flock needs no write permission.

    Raises:
        PermissionError: the file may not be read, or it is missing and may not be created.
    """
    try:
        return os.open(_lock_path(copy), os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError as error:
        try:
            return os.open(_lock_path(copy), os.O_RDONLY)
        except FileNotFoundError:
            raise error from None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def find_copy(buckets: Path, scratch: Path) -> Path:
    """Return the copy if it is complete and this process can lock it, else the buckets themselves."""
    copy = copy_path(buckets, scratch)
    # A copy that this process cannot lock may be removed by its owner at any time.
    return copy if is_complete(copy) and os.access(_lock_path(copy), os.R_OK) else buckets
