"""Caches that speed up Snakemake's planning."""

import functools
from collections.abc import Callable, Hashable
from types import ModuleType
from typing import Any


def cache_planning() -> None:
    """Make Snakemake look up the signature of each function, and the rules for each file, only once."""
    _cache_signatures()
    _cache_producers()


def _cache_signatures() -> None:
    """Cache the signatures of functions.

    Snakemake inspects the functions of every job (inputs, params, resources). This takes a sixth of the time
    to plan many jobs.
    """
    import snakemake.common
    import snakemake.rules

    modules: tuple[ModuleType, ...] = (snakemake.common, snakemake.rules)
    inspected = snakemake.common.get_function_params
    cached = functools.cache(inspected)

    def get_function_params(function: Callable[..., Any]) -> Any:
        return cached(function) if isinstance(function, Hashable) else inspected(function)

    for module in modules:
        module.get_function_params = get_function_params  # type: ignore[attr-defined]


def _cache_producers() -> None:
    """Cache the rules that make a file.

    Snakemake tries all rules each time a job requires the file. This takes a tenth of the time to plan many jobs.
    """
    from snakemake.output_index import OutputIndex

    find = OutputIndex.match_producers
    if hasattr(find, "__wrapped__"):  # cached by an earlier workflow in this process
        return

    @functools.wraps(find)
    def match_producers(index: Any, targetfile: str) -> set[Any]:
        cache = index.__dict__.setdefault("_producers", {})
        if str(targetfile) not in cache:
            cache[str(targetfile)] = find(index, targetfile)
        return set(cache[str(targetfile)])

    OutputIndex.match_producers = match_producers
