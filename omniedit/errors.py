"""Errors that a user can fix, and the line that reports them."""

from pathlib import Path

from omniedit.plain_text import clean_line
from omniedit.redaction import redact

MAX_LINE_LENGTH = 1200
"""Length limit of an error line in characters. Its beginning names the place, its end the remedy."""


class UserError(Exception):
    """Mistake in a config, file or argument. The message names the place and the remedy; no traceback is shown."""


class DamagedFile(UserError):
    """File of a run that has changed since it was written. `run_program` records it, and the next run remakes it.

    A file that is only temporarily unreadable is no `DamagedFile`, because a storage failure must not discard a shard.
    """

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"{path}: damaged: {' '.join(problem.split())}")
        self.path = Path(path)


Damaged = DamagedFile
"""Earlier name of `DamagedFile`."""


def error_line(error: object) -> str:
    """Return an error as one printable line without secrets; if too long, it is cut in the middle."""
    line = redact(clean_line(str(error)))
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[: MAX_LINE_LENGTH - 300]} [...] {line[-290:]}"


def one_line(error: BaseException, limit: int | None = None) -> str:
    """Return the text of another library's error in one line of at most `limit` characters, or its type if it has no
    text.
    """
    return " ".join(str(error).split())[:limit] or type(error).__name__


def missing(path: str | Path) -> UserError:
    """Return the error for a missing file of a run."""
    return UserError(f"{path}: no such file; run snakemake with this path as the target")
