"""A copy of sealed buckets on a node's own disk: training reads pictures at random, which shared storage does badly."""

import shutil
from pathlib import Path

from omniedit.buckets.seal import read_sealed
from omniedit.errors import Damaged
from omniedit.files import replaced
from omniedit.manifest import MANIFEST, checksum, lost_files
from omniedit.progress import Progress


def copy_of(buckets: Path, scratch: Path) -> Path:
    """Where the copy of these very buckets is, or would be: another manifest, another folder."""
    digest = str(checksum(buckets / MANIFEST)["sha256"])
    return scratch / f"omniedit-buckets-{digest[:16]}"


def stage(buckets: Path, scratch: Path) -> None:
    """Make `copy_of(buckets, scratch)` where it is not there and there is room; one process a node calls this.

    Raises:
        Damaged: a file of the buckets is not as their manifest says.
        UserError: the buckets are not sealed.
    """
    copy, files = copy_of(buckets, scratch), read_sealed(buckets)["files"]
    if (copy / MANIFEST).is_file() and not lost_files(copy):
        return
    needed, free = sum(known["bytes"] for known in files.values()), _free_bytes(scratch)
    if free < needed:
        print(f"{scratch}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed; reading {buckets}", flush=True)
        return
    with replaced(copy) as temporary, Progress("files to scratch", total=len(files)) as progress:
        for file, known in files.items():
            (temporary / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(buckets / file, temporary / file)
            if checksum(temporary / file) != known:
                raise Damaged(buckets / file, f"its checksum is not that of {buckets / MANIFEST}")
            progress.advance()
        shutil.copyfile(buckets / MANIFEST, temporary / MANIFEST)


def staged(buckets: Path, scratch: Path) -> Path:
    """The copy where there is a whole one, else the buckets themselves."""
    copy = copy_of(buckets, scratch)
    return copy if (copy / MANIFEST).is_file() else buckets


def _free_bytes(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free
