"""Wrapper of programs: a user's mistake ends one with a single line, and none outlives the run that started it."""

import gc
import os
import sys
from collections.abc import Callable

from omniedit.errors import DamagedFile, UserError, error_line
from omniedit.storage.processes import exit_with_launcher
from omniedit.storage.quarantine import record_damage


def run_program(main: Callable[[], None]) -> None:
    """Run a program's `main`; a `UserError` becomes one line on standard error and exit status 2.

    A `DamagedFile` is noted for the next run. The program ends with the run that started it (`exit_with_launcher`).
    """
    _collect_garbage()
    exit_with_launcher()
    if "pyarrow" in sys.modules:  # the program's own imports need it
        from omniedit.storage.parquet import convert_without_pandas

        convert_without_pandas()
    try:
        main()
    except DamagedFile as error:
        remedy = "run the same snakemake command again" if record_damage(error.path) else "delete it"
        print(f"error: {error_line(error)}; {remedy} to recreate it", file=sys.stderr)
        sys.exit(2)
    except UserError as error:
        print(f"error: {error_line(error)}", file=sys.stderr)
        sys.exit(2)


def _collect_garbage() -> None:
    """Enable garbage collection after the imports of a job (scripts/run.sh), without the modules.

    Collections during the imports of torch and transformers find nothing and take a sixth of their time.
    """
    if os.environ.pop("OMNIEDIT_JOB", None):
        gc.freeze()
        gc.enable()
