"""Snakemake that looks at its Slurm jobs every second.

Its plugin (2.8.0) waits ten seconds longer after each look at which none had ended, up to three minutes: right for
jobs of hours, and most of the time of a test.
"""

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

SECONDS = 1
Executor.next_seconds_between_status_checks = property(lambda executor: SECONDS, lambda executor, proposed: None)

if __name__ == "__main__":
    main()
