"""Errors that a user can mend, and the one line that they are shown as."""

from pathlib import Path

from omniedit.plain_text import clean_line
from omniedit.redaction import redact

LONGEST_LINE = 1200
"""Characters of an error's line: its beginning names the place, its end the remedy."""


class UserError(Exception):
    """A mistake in a config, file or argument. Its text names the place and the remedy; no traceback is shown."""


class Damaged(UserError):
    """A file of a run that is not as it was written; `run_program` notes it, and the next run makes it again.

    Never for one that cannot be read just now: storage that hiccups must not cost a shard.
    """

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"{path}: damaged: {' '.join(problem.split())}")
        self.path = Path(path)


def error_line(error: object) -> str:
    """Return an error as it is shown: one printable line without secrets, its middle cut where it is too long."""
    line = redact(clean_line(str(error)))
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 300]} [...] {line[-290:]}"


def missing(path: str | Path) -> UserError:
    """What to raise where a file of a run is not there."""
    return UserError(f"{path}: no such file; ask snakemake for it by this name")
