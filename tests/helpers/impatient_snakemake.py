"""Snakemake that checks its Slurm jobs every second.

After each check without a finished job, its Slurm plugin (2.8.0) waits ten seconds longer, up to three minutes. That
suits jobs of hours, but would take most of the time of a test.
"""

import os
import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

SECONDS = 1
Executor.next_seconds_between_status_checks = property(lambda executor: SECONDS, lambda executor, proposed: None)

if __name__ == "__main__":
    if folder := os.environ.get("PRELOADED_JOBS"):
        sys.executable = f"{folder}/python"  # runs Snakemake in jobs
    main()
