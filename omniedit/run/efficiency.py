"""Efficiency page: resources that a run's jobs requested from Slurm and used, from `sacct`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from omniedit.reporting.figure_style import BLUE, PALE, panels, report_style
from omniedit.reporting.page import NO_VALUE, PageRow, percent, render
from omniedit.reporting.throughput import duration
from omniedit.run.accounting import Attempt, RuleUse, by_rule, core_seconds

PROFILE = "profiles/slurm/config.yaml"
ADVICE_FACTOR = 1.25
"""Factor by which the advised request exceeds the largest use."""


def efficiency_page(run: str, attempts: Sequence[Attempt], trouble: str = "") -> str:
    """Render the efficiency page.

    Args:
        trouble: reason for missing attempts, if known.
    """
    uses = by_rule(attempts)
    with report_style():
        values = {
            "title": "Requested and used",
            "run": run,
            "trouble": trouble or "Slurm's accounting has no finished job of this run: its jobs ran elsewhere.",
            "facts": summary_facts(attempts),
            "figure": share_bars(uses) if any(use.done for use in uses) else None,
            "rows": [rule_row(use) for use in uses],
            "gpus_known": any(use.gpu_busy is not None for use in uses),
            "gpus": any(use.gpus for use in uses),
            "lost": failure_rows(uses),
            "advice": [PageRow(list(line)) for use in rules_to_advise(uses) for line in advice(use)],
            "profile": PROFILE,
        }
        return render("efficiency", values)


def summary_facts(attempts: Sequence[Attempt]) -> list[tuple[str, str]]:
    failed = [attempt for attempt in attempts if attempt.state != "COMPLETED"]
    gpu_s = sum(attempt.gpus * attempt.ran_s for attempt in attempts)
    return [
        ("jobs", f"{len({(attempt.rule, attempt.part) for attempt in attempts}):,}"),
        ("attempts", f"{len(attempts):,}"),
        ("core hours allocated", f"{core_seconds(attempts) / 3600:,.1f}"),
        ("GPU hours allocated", f"{gpu_s / 3600:,.1f}"),
        ("core hours lost", f"{core_seconds(failed) / 3600:,.1f}"),
    ]


def rule_row(use: RuleUse) -> PageRow:
    ran = [attempt.ran_s for attempt in use.done]
    return PageRow(
        [
            use.rule,
            f"{len({attempt.part for attempt in use.attempts}):,}",
            f"{use.failed:,}" if use.failed else "",
            f"{use.preempted:,}" if use.preempted else "",
            duration(median(attempt.waited_s for attempt in use.attempts)),
            duration(use.limit_s) if use.limit_s else NO_VALUE,
            duration(median(ran)) if ran else NO_VALUE,
            duration(max(ran)) if ran else NO_VALUE,
            f"{use.cores}",
            percent(use.cores_busy),
            gigabytes(use.memory_mb),
            gigabytes(use.peak_mb),
            f"{use.gpus}" if use.gpus else "",
            percent(use.gpu_busy) if use.gpus else "",
        ]
    )


def gigabytes(mebibytes: float) -> str:
    """Format memory in the profile's unit of 1000 MiB."""
    return f"{mebibytes / 1000:,.1f} GB" if mebibytes else NO_VALUE


def failure_rows(uses: Sequence[RuleUse]) -> list[PageRow]:
    """Return (rule, final state, count, core hours) of the attempts that did not complete."""
    rows = []
    for use in uses:
        for state, count in Counter(attempt.state for attempt in use.attempts).most_common():
            if state != "COMPLETED":
                reserved_s = core_seconds(attempt for attempt in use.attempts if attempt.state == state)
                rows.append(
                    PageRow([use.rule, state.lower().replace("_", " "), f"{count:,}", f"{reserved_s / 3600:,.2f}"])
                )
    return rows


def rules_to_advise(uses: Sequence[RuleUse]) -> list[RuleUse]:
    """Return the rules with failed attempts, or with at least 1 % of the run's core time."""
    reserved_s = sum(core_seconds(use.attempts) for use in uses)
    return [use for use in uses if use.failed or core_seconds(use.attempts) >= reserved_s / 100]


def advice(use: RuleUse) -> list[tuple[str, str]]:
    """Return (change to make, key in the profile or config) for one rule."""
    return [*_memory_advice(use), *_time_advice(use), *_core_advice(use), *_queue_advice(use)]


def _memory_advice(use: RuleUse) -> Iterator[tuple[str, str]]:
    key = f"set-resources: {use.rule}: GB"
    killed = sum(attempt.state == "OUT_OF_MEMORY" for attempt in use.attempts)
    suggested_gb = max(1, ceil(ADVICE_FACTOR * use.peak_mb / 1000))
    if killed:
        yield f"{use.rule} ran out of memory {times(killed)} at {gigabytes(use.memory_mb)}; request more.", key
    elif use.done and use.peak_mb and 2 * suggested_gb <= use.memory_mb / 1000:
        memory, used = gigabytes(use.memory_mb), gigabytes(use.peak_mb)
        yield (
            f"{use.rule} requests {memory} per node and never used more than {used}; "
            f"{suggested_gb} GB would be enough.",
            key,
        )


def _time_advice(use: RuleUse) -> Iterator[tuple[str, str]]:
    key = f"set-resources: {use.rule}: minutes"
    over = sum(attempt.state == "TIMEOUT" for attempt in use.attempts)
    enough_s = 60 * max(10, ceil(ADVICE_FACTOR * use.longest_s / 60))
    if not use.limit_s:
        return
    if over:
        yield f"{use.rule} reached its time limit of {duration(use.limit_s)} {times(over)}; request more.", key
    elif use.done and 2 * enough_s <= use.limit_s:
        text = f"{use.rule} requests {duration(use.limit_s)} and took at most {duration(use.longest_s)}; "
        yield f"{text}{enough_s // 60} minutes would be enough, and short jobs start sooner.", key


def _core_advice(use: RuleUse) -> Iterator[tuple[str, str]]:
    if use.cores_busy is None or use.cores < 2:
        return
    busy = use.cores * use.cores_busy
    if 2 * max(1, ceil(busy)) <= use.cores:
        text = f"{use.rule} requests {use.cores} cores and used {busy:.1f} of them; "
        yield f"{text}{max(1, ceil(busy))} would be enough.", f"set-threads: {use.rule}"


def _queue_advice(use: RuleUse) -> Iterator[tuple[str, str]]:
    if len(use.done) < 5:
        return
    waited, ran = median(attempt.waited_s for attempt in use.attempts), median(attempt.ran_s for attempt in use.done)
    if waited > 60 and waited > ran:
        text = f"{use.rule} waited {duration(waited)} to run {duration(ran)} (medians); fewer, larger jobs wait less."
        yield text, "in the config: sources.shards"


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def share_bars(uses: Sequence[RuleUse]) -> Figure:
    """Plot each rule's longest time, busy cores and peak memory, as shares of its requests."""
    measured = [use for use in uses if use.done]
    shares: list[tuple[str, list[Any]]] = [
        ("longest time", [use.longest_s / use.limit_s if use.limit_s else 0 for use in measured]),
        ("busy cores", [use.cores_busy or 0 for use in measured]),
        ("peak memory", [use.peak_mb / use.memory_mb if use.memory_mb else 0 for use in measured]),
    ]
    figure, axes = panels(1, 3, 9.4, 0.7 + 0.25 * len(measured))
    for axis, (title, values) in zip(axes, shares, strict=True):
        names = [use.rule for use in measured]
        axis.barh(names, [1] * len(measured), 0.62, color=PALE, alpha=0.4)
        bars = axis.barh(names, [min(value, 1) for value in values], 0.62, color=BLUE)
        axis.bar_label(bars, [percent(value) if value else NO_VALUE for value in values], padding=4, fontsize=8)
        axis.set_title(title, loc="left")
        axis.invert_yaxis()
        axis.grid(False)
        axis.spines["bottom"].set_visible(False)
        axis.set_xticks([])
        axis.set_xlim(0, 1.18)
        if axis is not axes[0]:
            axis.set_yticks([])
    return figure
