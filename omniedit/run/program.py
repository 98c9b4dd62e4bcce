"""Wrapper of programs: a user's mistake ends one with a single line, and none outlives the run that started it."""

import gc
import os
import sys
from collections.abc import Callable

from omniedit.errors import Damaged, UserError, error_line
from omniedit.storage.processes import end_with_launcher
from omniedit.storage.quarantine import note_damage

NEW_OBJECTS = 10_000
"""Number of new objects after which garbage is collected in a job; Python's default is 700."""


def run_program(main: Callable[[], None]) -> None:
    """Run a program's `main`; a `UserError` becomes one line on standard error and exit status 2.

    A `Damaged` file is noted for the next run. The program ends with the run that started it (`end_with_launcher`).
    """
    _collect_garbage()
    end_with_launcher()
    if "pyarrow" in sys.modules:  # the program's own imports need it
        from omniedit.storage.parquet import convert_without_pandas

        convert_without_pandas()
    try:
        main()
    except Damaged as error:
        remedy = "run the same snakemake command again" if note_damage(error.path) else "delete it"
        print(f"error: {error_line(error)}; {remedy} to recreate it", file=sys.stderr)
        sys.exit(2)
    except UserError as error:
        print(f"error: {error_line(error)}", file=sys.stderr)
        sys.exit(2)


def _collect_garbage() -> None:
    """Enable garbage collection after the imports of a job (scripts/run.sh), without the modules.

    Collections during the imports of torch and transformers find nothing and take a sixth of their time. Some jobs
    import them later, so collections are rarer than Python's.
    """
    if os.environ.pop("OMNIEDIT_JOB", None):
        gc.freeze()
        gc.set_threshold(NEW_OBJECTS)
        gc.enable()
