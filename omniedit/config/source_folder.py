"""Find files of the workflow's source; a working folder may have its own copy of them."""

import os
from pathlib import Path

SOURCE = "OMNIEDIT_SOURCE"
"""Environment variable with the workflow's folder, which the workflow sets for its jobs."""


def source_file(path: str | Path) -> Path:
    """Return `path` if it exists in the working folder, else its location in the workflow's source.

    Outside a workflow the source is the checkout that this package is imported from. If the file exists in neither,
    `path` is returned unchanged.
    """
    source = Path(os.environ.get(SOURCE, Path(__file__).parents[2]), path)
    return source if source.exists() and not Path(path).exists() else Path(path)
