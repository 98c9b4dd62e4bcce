"""Find files of the workflow's source: a working folder may hold a copy of its own, or none."""

import os
from pathlib import Path

SOURCE = "OMNIEDIT_SOURCE"
"""Environment variable: the folder that the workflow is in, as the workflow gives it to its jobs."""


def source_file(path: str | Path) -> Path:
    """Return `path` as it is if it exists in the working folder, else where it is in the source.

    Outside a workflow the source is the checkout that this package is imported from. The path of a file that is nowhere
    stays as it is.
    """
    source = Path(os.environ.get(SOURCE, Path(__file__).parents[1]), path)
    return source if source.exists() and not Path(path).exists() else Path(path)
