"""Files of a run's pairs, found by their names: a run may be half finished, or imported from another data set."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omniedit.errors import UserError
from omniedit.plain_text import clean_line
from omniedit.scoring.human_decisions import FILE
from omniedit.tasks import TASKS

KINDS = {"candidates": ".h5", "scores": ".parquet", "decisions": ".parquet"}
"""Folders of a run that list its pairs, and the suffix of their files."""
GATHERED = "gathered"
"""Folder in decisions/ that gathers the decisions of several shards."""
MAX_NAME_LENGTH = 200


@dataclass(frozen=True)
class ShardFiles:
    """Files of one shard; any of them may be missing.

    Args:
        run: the run's folder.
        folder: name of the shard's folder: a task, or an imported data set.
    """

    run: Path
    folder: str
    shard: str

    def path(self, kind: str) -> Path:
        """Return the file of a kind: candidates, scores, decisions or teacher."""
        return self.run / kind / self.folder / f"{self.shard}{KINDS.get(kind, '.parquet')}"

    @property
    def candidates(self) -> Path:
        return self.path("candidates")


def find_run(run: str | Path, root: Path = Path()) -> Path:
    """Return the folder of a run, given its name or its folder.

    Raises:
        UserError: there is none; the message lists the runs that exist.
    """
    named, folder = root / "results" / run, Path(run)
    for candidate in (named, folder):
        if any((candidate / kind).is_dir() for kind in KINDS):
            return candidate
    known = sorted(clean_line(path.parent.name, MAX_NAME_LENGTH) for path in root.glob("results/*/candidates"))
    place = named if named.is_dir() or not folder.is_dir() else folder
    problem = "has no candidates yet" if place.is_dir() else "no such run"
    raise UserError(
        f"{clean_line(str(place), MAX_NAME_LENGTH)}: {problem}; give a run's name or its folder; available: "
        f"{', '.join(known) or 'none'}"
    )


def list_shards(run: Path) -> list[ShardFiles]:
    """Return all shards for which candidates, scores or decisions exist, registered tasks first.

    Raises:
        UserError: a folder cannot be read.
    """
    try:
        keys = {(path.parent.name, path.stem) for kind in KINDS for path in _files(run, kind)}
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from None
    ordered = sorted(keys, key=lambda names: (task_place(names[0]), *names))
    return [ShardFiles(run, folder, shard) for folder, shard in ordered]


def task_place(name: str) -> int:
    """Return a task's index among the registered tasks. Any other name gets their number, so that it comes last."""
    return TASKS.index(name) if name in TASKS else len(TASKS)


def _files(run: Path, kind: str) -> Iterator[Path]:
    if not (run / kind).is_dir():
        return
    for folder in (run / kind).iterdir():
        if folder.name.startswith(".") or folder.name == GATHERED or not folder.is_dir():
            continue
        yield from (file for file in folder.iterdir() if file.suffix == KINDS[kind] and not file.name.startswith("."))


def decisions_file(run: Path) -> Path:
    """Return the file of decisions by hand."""
    return run / FILE
