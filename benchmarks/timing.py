"""Times of runs that take turns, and peak memory of this process."""

import resource
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch


def time_in_turns(
    runs: Mapping[str, Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Return the seconds of each run, without the first round, and its last result. Runs take turns."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    given: dict[str, Any] = {}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = clock()
            given[name] = run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken[name].append(clock() - start)
    return {name: seconds[1:] for name, seconds in taken.items()}, given


def median_in_turns(
    runs: Mapping[str, Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Return the median seconds of each run. Runs take turns; the first round warms up."""
    return {name: statistics.median(seconds) for name, seconds in time_in_turns(runs, rounds, clock)[0].items()}


def peak_gb() -> float:
    """Return the peak resident memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
