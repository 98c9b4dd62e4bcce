"""Wrapper of programs. A user's mistake ends a program with one line, and no program outlives its run."""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from omniedit.errors import DamagedFile, UserError, error_line
from omniedit.storage.atomic import full_disk_code
from omniedit.storage.processes import exit_with_launcher
from omniedit.storage.quarantine import record_damage

NEW_OBJECTS = 10_000
"""Number of new objects after which garbage is collected in a job; Python's default is 700."""


def run_program(main: Callable[[], None]) -> None:
    """Run a program's `main`; a `UserError` or a full disk becomes one line on standard error and exit status 2.

    A `DamagedFile` is noted for the next run. Ctrl-C gives one line too. The program ends with the run that started it
    (`exit_with_launcher`).
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
    except Exception as error:
        if full_disk_code(error) is None:
            raise
        location = getattr(error, "filename", None) or f"working folder {Path.cwd()}"
        print(f"error: {error_line(f'{location}: {error}')}; free some space and run again", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        # Python itself ends the process by SIGINT, as shells expect; only the traceback is replaced.
        sys.excepthook = lambda *_: print("error: interrupted", file=sys.stderr)
        raise


def _collect_garbage() -> None:
    """Enable garbage collection after the imports of a job (scripts/run.sh), and exclude the imported modules from it.

    Collections during the imports of torch and transformers find nothing and take a sixth of their time. Some jobs
    import them later, so the threshold of a collection is higher than Python's.
    """
    if os.environ.pop("OMNIEDIT_JOB", None):
        gc.freeze()
        gc.set_threshold(NEW_OBJECTS)
        gc.enable()
