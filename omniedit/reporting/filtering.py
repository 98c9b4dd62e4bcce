"""Filter page: score histograms, the table before and after the filter, and accepted pairs by aspect ratio."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from omniedit.aspect import RATIOS
from omniedit.exchange.candidates import NOT_BEST
from omniedit.pairs import Rejection
from omniedit.reporting.candidates import ALL_RATIOS, Columns
from omniedit.reporting.figure_style import INK, KEPT, MUTED, REJECTED, SEQUENCE, panels, report_style
from omniedit.reporting.gallery import by_reason
from omniedit.reporting.page import PageRow, number, percent, render
from omniedit.scoring.filter import BY_HAND
from omniedit.tasks import OMNIEDIT_TASKS, UNREGISTERED, Task, order_tasks

SCORE_NAMES = {"sc_score": "SC", "pq_score": "PQ", "o_score": "O"}
WIDENING = sorted(RATIOS, key=lambda ratio: RATIOS[ratio])
"""Aspect ratios from tall to wide."""
BINS = [half / 2 for half in range(21)]


def filter_page(
    run: str,
    candidates: Columns,
    rejections: dict[Task, list[Rejection]],
    min_score: float,
    min_scores: Mapping[str, float] | None = None,
) -> str:
    """Return the page.

    Args:
        min_scores: thresholds of individual tasks in place of `min_score`.
    """
    tasks = list_tasks(candidates, rejections)
    made_here = any(group in OMNIEDIT_TASKS for group in rejections)
    with report_style():
        values = {
            "title": "Scores and filter",
            "run": run,
            "judge": ", ".join(candidates.judges) or "none",
            "min_score": min_score,
            "facts": _facts(candidates),
            "table4": table4(tasks, candidates),
            "thresholds": [PageRow([Task(task).label, number(own, 1)]) for task, own in (min_scores or {}).items()],
            "histograms": histograms(candidates, min_score, min_scores) if len(candidates) else None,
            "ratios": ratio_bars(tasks, candidates) if candidates.kept.any() else None,
            "ratio_rows": ratio_rows(tasks, candidates),
            "ratio_heads": ["task", *[ratio.replace("x", ":") for ratio in WIDENING], "all"],
            "by_hand": count_by_hand(candidates),
            "has_lesser": any(reason.startswith(NOT_BEST) for reason in candidates.reasons),
            "reasons": reason_rows(candidates),
            "off": [task.label for task in OMNIEDIT_TASKS if task not in tasks and made_here],
            "rejections": [(group.label, by_reason(rejections[group])) for group in order_tasks(rejections)],
        }
        return render("filter", values)


def list_tasks(candidates: Columns, groups: Iterable[Task]) -> list[Task]:
    """Return the tasks of the candidates, and the groups that are registered tasks, because the name of a data set is
    not a task.
    """
    return order_tasks({*candidates.tasks, *(group for group in groups if group.family != UNREGISTERED)})


def _facts(candidates: Columns) -> list[tuple[str, str]]:
    accepted = int(candidates.kept.sum())
    return [
        ("candidates", f"{len(candidates):,}"),
        ("accepted", f"{accepted:,}"),
        ("accepted share", percent(accepted / len(candidates) if len(candidates) else None)),
        *((reason, f"{count:,}") for reason, count in count_by_hand(candidates).items()),
        ("unscorable", f"{np.isnan(candidates.o_score).sum():,}"),
        ("judge", ", ".join(candidates.judges) or "none"),
    ]


def count_by_hand(candidates: Columns) -> dict[str, int]:
    """Count the decisions by hand by their reasons; reasons without a pair are left out."""
    counts = {reason: int(candidates.has_reason(reason).sum()) for reason in BY_HAND.values()}
    return {reason: count for reason, count in counts.items() if count}


def table4(tasks: Sequence[Task], candidates: Columns) -> list[PageRow]:
    """Return each task's counts and mean scores before and after the filter (the paper's Table 4), and the totals."""
    rows = [_filter_row(task.label, candidates, candidates.is_task(task)) for task in tasks]
    return [*rows, _filter_row("All tasks", candidates, np.full(len(candidates), True), total=True)]


def _filter_row(name: str, candidates: Columns, those_N: NDArray[np.bool_], total: bool = False) -> PageRow:
    accepted_N = those_N & candidates.kept
    count, accepted = int(those_N.sum()), int(accepted_N.sum())
    cells = [name, f"{count:,}", f"{accepted:,}", percent(accepted / count if count else None)]
    for score in SCORE_NAMES:
        cells += [number(mean_score(candidates, score, some_N)) for some_N in (those_N, accepted_N)]
    return PageRow(cells, total)


def mean_score(candidates: Columns, score: str, those_N: NDArray[np.bool_]) -> float | None:
    """Return the mean of a score over the selected candidates that have one, or None."""
    scores = available_scores(candidates, score, those_N)
    return float(scores.mean()) if len(scores) else None


def available_scores(candidates: Columns, score: str, those_N: NDArray[np.bool_]) -> NDArray[np.float64]:
    values = getattr(candidates, score)[those_N]
    return values[~np.isnan(values)]


def histograms(candidates: Columns, min_score: float, min_scores: Mapping[str, float] | None = None) -> Figure:
    """Plot histograms of SC, PQ and O, a row for each task with pairs: accepted pairs in colour, the threshold on O as
    a line.
    """
    tasks = order_tasks({task for task in candidates.tasks if candidates.is_task(task).any()})
    figure, axes = panels(len(tasks), 3, 9.4, 0.55 + 1.25 * len(tasks), sharex=True)
    for row, task in enumerate(tasks):
        of_task, accepted = candidates.is_task(task), candidates.kept
        for column, (score, name) in enumerate(SCORE_NAMES.items()):
            axis = axes[3 * row + column]
            values = [available_scores(candidates, score, of_task & some) for some in (accepted, ~accepted)]
            axis.hist(values, BINS, stacked=True, color=[KEPT, REJECTED], label=["accepted", "rejected"], rwidth=0.9)
            axis.set_xlim(0, 10)
            axis.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
            if row == 0:
                axis.set_title(name, loc="center", color=MUTED)
            if column == 0:
                axis.set_ylabel(task.label, rotation=0, ha="right", va="center", color=INK, fontsize=9)
            if score == "o_score":
                axis.axvline((min_scores or {}).get(task, min_score), color=INK, linewidth=1, linestyle=(0, (4, 3)))
    handles, labels = axes[0].get_legend_handles_labels()
    for axis in axes[-3:]:
        axis.set_xlabel("score")
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def ratio_bars(tasks: Sequence[Task], candidates: Columns) -> Figure:
    """Plot the accepted pairs by aspect ratio, stacked by task."""
    counts = accepted_by_ratio(candidates)
    figure, (axis,) = panels(1, 1, 9.4, 3.0)
    floor = np.zeros(len(WIDENING))
    for task, colour in zip(tasks, cycle(SEQUENCE), strict=False):
        heights = np.array([counts[task, ratio] for ratio in WIDENING])
        if not heights.any():
            continue
        axis.bar([ratio.replace("x", ":") for ratio in WIDENING], heights, 0.62, floor, color=colour, label=task.label)
        floor += heights
    axis.set_ylabel("accepted pairs")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("width : height")
    figure.legend(loc="outside right upper")
    return figure


def accepted_by_ratio(candidates: Columns) -> Counter[tuple[Task, str]]:
    places = zip(candidates.task[candidates.kept], candidates.ratio[candidates.kept], strict=True)
    counts = Counter((int(task), int(ratio)) for task, ratio in places)
    return Counter({(candidates.tasks[task], ALL_RATIOS[ratio]): count for (task, ratio), count in counts.items()})


def ratio_rows(tasks: Sequence[Task], candidates: Columns) -> list[PageRow]:
    counts = accepted_by_ratio(candidates)
    by_task = {task: [counts[task, ratio] for ratio in WIDENING] for task in tasks}
    rows = [PageRow([task.label, *map(str, line), str(sum(line))]) for task, line in by_task.items()]
    totals = [sum(column) for column in zip(*by_task.values(), strict=True)] if by_task else []
    return [*rows, PageRow(["All tasks", *map(str, totals), str(sum(totals))], total=True)]


def reason_rows(candidates: Columns) -> list[PageRow]:
    """Count the reasons of rejection; duplicates of different pairs share one reason."""
    counts = np.bincount(candidates.reason[~candidates.kept], minlength=len(candidates.reasons))
    reasons = Counter({reason: int(n) for reason, n in zip(candidates.reasons, counts, strict=True) if n})
    return [PageRow([reason, f"{count:,}"]) for reason, count in reasons.most_common()]
