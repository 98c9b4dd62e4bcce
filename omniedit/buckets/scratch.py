"""A copy of sealed buckets on a node's own disk: training reads pictures at random, which shared storage does badly."""

import fcntl
import os
import shutil
from pathlib import Path

from omniedit.buckets.seal import read_sealed
from omniedit.errors import Damaged
from omniedit.files import replaced
from omniedit.manifest import MANIFEST, checksum, lost_files
from omniedit.progress import Progress

NAME = "omniedit-buckets-"


def copy_of(buckets: Path, scratch: Path) -> Path:
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
    scratch.mkdir(parents=True, exist_ok=True)
    copy = copy_of(buckets, scratch)
    may_write = hold_copy(copy)
    remove_unheld(scratch, copy)
    if may_write and not is_whole(copy):
        make(buckets, copy)
    hold_copy(copy, to_write=False)


def make(buckets: Path, copy: Path) -> None:
    """Copy and compare every file, where there is room."""
    files = read_sealed(buckets)["files"]
    needed, free = sum(known["bytes"] for known in files.values()), shutil.disk_usage(copy.parent).free
    if free < needed:
        print(f"{copy.parent}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed; reading {buckets}", flush=True)
        return
    with replaced(copy) as temporary, Progress("files to scratch", total=len(files)) as progress:
        for file, known in files.items():
            (temporary / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(buckets / file, temporary / file)
            if checksum(temporary / file) != known:
                raise Damaged(buckets / file, f"its checksum is not that of {buckets / MANIFEST}")
            progress.advance()
        shutil.copyfile(buckets / MANIFEST, temporary / MANIFEST)


def is_whole(copy: Path) -> bool:
    return (copy / MANIFEST).is_file() and not lost_files(copy)


def hold_copy(copy: Path, to_write: bool = True) -> bool:
    """Hold a copy until this process ends: for writing where nobody else does and that is wanted, else with others that
    read it, once it is written. Whether it is held for writing."""
    if copy not in _HELD:
        _HELD[copy] = os.open(_lock_of(copy), os.O_RDWR | os.O_CREAT, 0o666)
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
        descriptor = os.open(_lock_of(whole), os.O_RDWR | os.O_CREAT, 0o666)
        if _try_to_hold(descriptor):
            shutil.rmtree(other)
            print(f"{other}: a copy that nothing reads any more; removed", flush=True)
        os.close(descriptor)


_HELD: dict[Path, int] = {}


def _lock_of(copy: Path) -> Path:
    return copy.with_name(f".{copy.name}.lock")


def _try_to_hold(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def staged(buckets: Path, scratch: Path) -> Path:
    """The copy where there is a whole one, else the buckets themselves."""
    copy = copy_of(buckets, scratch)
    return copy if is_whole(copy) else buckets
