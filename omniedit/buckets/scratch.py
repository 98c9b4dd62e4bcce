"""A copy of sealed buckets on a node's own disk: training reads pictures at random, which shared storage does badly."""

import errno
import fcntl
import os
import shutil
from pathlib import Path

from omniedit.buckets.seal import read_sealed
from omniedit.errors import Damaged
from omniedit.storage.atomic import replace_file
from omniedit.storage.manifest import MANIFEST, checksum, missing_files
from omniedit.storage.progress import Progress

NAME = "omniedit-buckets-"
UNUSABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
"""Errors of a scratch folder that is another user's, read-only or full."""


def copy_path(buckets: Path, scratch: Path) -> Path:
    """Where the copy of these very buckets is, or would be: another manifest, another folder."""
    digest = str(checksum(buckets / MANIFEST)["sha256"])
    return scratch / f"{NAME}{digest[:16]}"


def is_copy(buckets: Path) -> bool:
    return buckets.name.startswith(NAME)


def stage(buckets: Path, scratch: Path) -> None:
    """Make `copy_of(buckets, scratch)` where it is not there and there is room; one process a node calls this.

    That process holds the copy until it ends: a second training waits for the copy and shares it, and one of other
    buckets removes copies that no process holds.

    Raises:
        Damaged: a file of the buckets is not as their manifest says.
        UserError: the buckets are not sealed.
    """
    copy = copy_path(buckets, scratch)
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        may_write = hold_copy(copy)
        remove_unheld(scratch, copy)
        if may_write and not is_whole(copy):
            make(buckets, copy)
        elif not is_whole(copy):
            print(f"{copy}: in use and not whole, or not readable; reading {buckets}", flush=True)
        hold_copy(copy, to_write=False)
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        print(f"{error.filename or scratch}: {error.strerror}; no copy is made, reading {buckets}", flush=True)


def make(buckets: Path, copy: Path) -> None:
    """Copy and compare every file, where there is room."""
    files = read_sealed(buckets)["files"]
    needed, free = sum(known["bytes"] for known in files.values()), shutil.disk_usage(copy.parent).free
    if free < needed:
        print(f"{copy.parent}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed; reading {buckets}", flush=True)
        return
    with replace_file(copy) as temporary, Progress("files to scratch", total=len(files)) as progress:
        for file, known in files.items():
            (temporary / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(buckets / file, temporary / file)
            if checksum(temporary / file) != known:
                raise Damaged(buckets / file, f"its checksum is not that of {buckets / MANIFEST}")
            progress.advance()
        shutil.copyfile(buckets / MANIFEST, temporary / MANIFEST)


def is_whole(copy: Path) -> bool:
    """Return whether a copy is there with all its files, which this user may read."""
    try:
        return (copy / MANIFEST).is_file() and not missing_files(copy)
    except PermissionError:
        return False


def hold_copy(copy: Path, to_write: bool = True) -> bool:
    """Hold a copy until this process ends: for writing where nobody else does and that is wanted, else with others that
    read it, once it is written. Whether it is held for writing."""
    if copy not in _HELD:
        _HELD[copy] = _open_lock(copy)
    descriptor = _HELD[copy]
    if to_write and _try_to_hold(descriptor):
        return True
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    # Who wrote it may have been killed over it.
    return to_write and not is_whole(copy) and _try_to_hold(descriptor)


def remove_unheld(scratch: Path, copy: Path) -> None:
    """Remove other copies of this user's, half ones too, that no process holds."""
    for other in [*scratch.glob(f"{NAME}*"), *scratch.glob(f".{NAME}*.tmp")]:
        whole = scratch / other.name.lstrip(".").partition(".")[0]
        if whole == copy or other.stat().st_uid != os.getuid():
            continue
        try:
            descriptor = _open_lock(whole)
        except PermissionError:  # another user's, whose reader may be at work
            continue
        if _try_to_hold(descriptor):
            shutil.rmtree(other)
            print(f"{other}: a copy that nothing reads any more; removed", flush=True)
        os.close(descriptor)


_HELD: dict[Path, int] = {}


def _lock_path(copy: Path) -> Path:
    return copy.with_name(f".{copy.name}.lock")


def _open_lock(copy: Path) -> int:
    """Open a copy's lock file, which may belong to another user: to lock it one need not write it.

    Raises:
        PermissionError: it may not be read, or there is none and none may be made.
    """
    try:
        return os.open(_lock_path(copy), os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError as error:
        try:
            return os.open(_lock_path(copy), os.O_RDONLY)
        except FileNotFoundError:
            raise error from None


def _try_to_hold(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def find_copy(buckets: Path, scratch: Path) -> Path:
    """Return the copy where there is a whole one that can be held, else the buckets themselves."""
    copy = copy_path(buckets, scratch)
    # Where its lock could not be held, its owner may remove it at any time.
    return copy if is_whole(copy) and os.access(_lock_path(copy), os.R_OK) else buckets
