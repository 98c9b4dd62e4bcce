"""Damaged files of a run: a job that meets one notes it, and the next run sets it aside and makes it again.

The job itself leaves it: others may be reading it, and a retry that misses an input says less than one that is told.
"""

from pathlib import Path

NOTES = "damaged.txt"
"""In results/{run}/: a path a line, relative to that folder."""
BUCKETS, PARTS = "buckets", "buckets/parts"
"""Sealing links the parts' files into the buckets: one file of two names, where the file system has links."""


def note_damage(path: Path) -> bool:
    """Add a file to the notes of its run; False where it belongs to none."""
    # By the layout alone: the folders of models hold a config.json too, as the run's does.
    run = next((folder for folder in path.absolute().parents if folder.parent.name == "results"), None)
    if run is None:
        return False
    with (run / NOTES).open("a") as notes:
        notes.write(f"{path.absolute().relative_to(run).as_posix()}\n")
    return True


def set_aside_damaged(run: Path) -> list[Path]:
    """Rename the files that were noted, under all their names, to {name}.damaged, forget the notes, and return what
    is to be made again."""
    notes = run / NOTES
    if not notes.is_file():
        return []
    noted = [run / line for line in notes.read_text().splitlines()]
    present = [path for path in dict.fromkeys(noted) if path.is_file()]
    present += [name for path in present for name in _other_names(run, path) if name not in present]
    for path in present:
        path.replace(path.with_name(f"{path.name}.damaged"))
    notes.unlink()
    return present


def _other_names(run: Path, path: Path) -> list[Path]:
    """Of a sealed bucket's file: those in the parts that are the same file."""
    if not path.is_relative_to(run / BUCKETS) or path.is_relative_to(run / PARTS):
        return []
    file = path.relative_to(run / BUCKETS).as_posix()
    return [name for name in sorted((run / PARTS).glob(f"*/{file}")) if name.samefile(path)]
