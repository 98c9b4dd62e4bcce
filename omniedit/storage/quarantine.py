"""Damaged files of a run: a job that finds one records it, and the next run sets it aside and remakes it.

The job leaves the file in place, because other jobs may be reading it, and because a retry that finds no input gives a
less helpful message than one that finds a damaged input.
"""

from pathlib import Path

DAMAGED_LIST = "damaged.txt"
"""File in results/{run}/ with one path per line, relative to that folder."""
BUCKETS, PARTS = "buckets", "buckets/parts"
"""Folders of the sealed buckets and of their parts. Where the file system has links, each file has a name in both."""


def record_damage(path: Path) -> bool:
    """Record a damaged file in its run's notes; return False if it belongs to no run."""
    # Found by the folder layout, because model folders also hold a config.json, as the run's folder does.
    run = next((folder for folder in path.absolute().parents if folder.parent.name == "results"), None)
    if run is None:
        return False
    with (run / DAMAGED_LIST).open("a") as notes:
        notes.write(f"{path.absolute().relative_to(run).as_posix()}\n")
    return True


def quarantine_damaged(run: Path) -> list[Path]:
    """Rename the recorded files, under all their names, to {name}.damaged and return the files to remake.

    The notes are deleted.
    """
    notes = run / DAMAGED_LIST
    if not notes.is_file():
        return []
    recorded = [run / line for line in notes.read_text().splitlines()]
    present = [path for path in dict.fromkeys(recorded) if path.is_file()]
    present += [name for path in present for name in _other_names(run, path) if name not in present]
    for path in present:
        path.replace(path.with_name(f"{path.name}.damaged"))
    notes.unlink()
    return present


def _other_names(run: Path, path: Path) -> list[Path]:
    """Return the names in the parts of a sealed bucket's file."""
    if not path.is_relative_to(run / BUCKETS) or path.is_relative_to(run / PARTS):
        return []
    file = path.relative_to(run / BUCKETS).as_posix()
    return [name for name in sorted((run / PARTS).glob(f"*/{file}")) if name.samefile(path)]
