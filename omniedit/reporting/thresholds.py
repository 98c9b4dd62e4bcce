"""Page "What the scores are worth": agreement with people, effect of thresholds, missing scores, drift of the judge.

For each threshold it shows how many pairs are accepted, how diverse they are, and how well the choice matches the
teacher's.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from omniedit.evaluation.agreement.ratings import SCORES
from omniedit.evaluation.agreement.run_ratings import RunRatings
from omniedit.evaluation.agreement.task_agreement import Agreement
from omniedit.evaluation.agreement.thresholds import MIN_GOOD_O, PUBLISHED, PUBLISHED_SOURCE, Threshold
from omniedit.reporting.candidates import Columns
from omniedit.reporting.figure_style import BLUE, GREEN, INK, MUTED, PALE, SEQUENCE, VERMILION, panels, report_style
from omniedit.reporting.page import PageRow, number, percent, render
from omniedit.reporting.trust import Trust
from omniedit.scoring.diversity import effective_number, effective_number_by_chance
from omniedit.scoring.student.agreement import choice
from omniedit.tasks import ALL_TASKS, OMNIEDIT_TASKS, order_tasks

STEPS = np.arange(0, 10.01, 0.5)
TASK_STEPS = (7.0, 8.0, 9.0, 9.5)
"""Thresholds whose accepted shares are shown for each task."""
TABLE_THRESHOLDS = (0.0, 5.0, 6.0, 7.0, 8.0, 8.5, 9.0, 9.5, 10.0)
LINES = ("-", "--", ":", "-.")
"""Line styles. Together with the colours, they distinguish 28 tasks, which is the maximum in a figure."""
DIVERSITIES = {"thing": "objects", "instruction": "instructions", "ratio": "aspect ratios"}


def thresholds_page(
    run: str,
    candidates: Columns,
    canaries: Sequence[Mapping[str, Any]],
    min_score: float,
    people: RunRatings | None = None,
    trust: Trust | None = None,
    min_scores: Mapping[str, float] | None = None,
) -> str:
    """Render the page.

    Args:
        canaries: canary.json of each judge; empty without a canary.
        min_score: the filter's threshold, which the figures mark.
        people: comparison of the scores with people's ratings of the run's pairs; if it is None, a published table is
            cited.
        trust: refusals and biases of the judges; None to leave them out.
        min_scores: thresholds of individual tasks in place of `min_score`.
    """
    eligible_N = candidates.has_reason("kept", "below threshold")
    compared_N = eligible_N & ~np.isnan(candidates.teacher)
    with report_style():
        values = {
            "title": "What the scores are worth",
            "run": run,
            "min_score": min_score,
            "judge": ", ".join(candidates.judges) or "none",
            **_people_values(people),
            "source": PUBLISHED_SOURCE,
            "good": MIN_GOOD_O,
            **_figures(candidates, eligible_N, compared_N, min_score),
            "rows": [threshold_row(candidates, eligible_N, threshold) for threshold in TABLE_THRESHOLDS],
            "task_rows": task_rows(candidates, eligible_N, min_score, min_scores or {}),
            "task_steps": [f"{step:g}" for step in TASK_STEPS],
            "compared": int(compared_N.sum()),
            "missing": missing_rows(candidates),
            "trust": trust.values() if trust and trust.judges else None,
            "canaries": [{**canary, "rows": canary_rows(canary)} for canary in canaries],
        }
        return render("thresholds", values)


def _figures(
    candidates: Columns, eligible_N: NDArray[np.bool_], compared_N: NDArray[np.bool_], min_score: float
) -> dict[str, Figure | None]:
    some = bool(eligible_N.any())
    return {
        "kept": acceptance_curves(candidates, eligible_N, min_score) if some else None,
        "diversity": diversity_curves(candidates, eligible_N, min_score) if some else None,
        "agreement": agreement_curves(candidates, compared_N, min_score) if compared_N.any() else None,
    }


def _people_values(people: RunRatings | None) -> dict[str, Any]:
    return {
        "people": [people_row(row) for row in (people.thresholds if people else PUBLISHED) if row.task == ALL_TASKS],
        "agreement_rows": [agreement_row(row) for row in people.agreement] if people else None,
        "rated": people.thresholds[0].images if people else None,
    }


def threshold_row(candidates: Columns, eligible_N: NDArray[np.bool_], threshold: float) -> PageRow:
    accepted_N = eligible_N & (candidates.o_score >= threshold)
    share = percent(accepted_N.sum() / eligible_N.sum()) if eligible_N.any() else percent(None)
    diverse = [number(effective_number(encode_categories(candidates, name, accepted_N)), 1) for name in DIVERSITIES]
    return PageRow([f"at least {threshold:g}", f"{accepted_N.sum():,}", share, *diverse])


def task_rows(
    candidates: Columns, eligible_N: NDArray[np.bool_], min_score: float, min_scores: Mapping[str, float]
) -> list[PageRow]:
    """Return each task's threshold, the share of scored pairs that it accepts, and the shares of other thresholds."""
    rows = []
    for task in candidates.tasks:
        scores = candidates.o_score[eligible_N & candidates.is_task(task)]
        own = min_scores.get(task, min_score)
        shares = [percent((scores >= step).mean() if len(scores) else None) for step in (own, *TASK_STEPS)]
        rows.append(PageRow([task.label, number(own, 1), f"{len(scores):,}", f"{(scores >= own).sum():,}", *shares]))
    return rows


def people_row(row: Threshold) -> PageRow:
    counts = [f"{row.kept:,} of {row.images:,}", percent(row.share), f"{row.kept_good:,}", percent(row.precision)]
    return PageRow([f"at least {row.threshold:g}", *counts, percent(row.recall)])


def agreement_row(row: Agreement) -> PageRow:
    """Return the rank correlations of SC, PQ and O: the judge with people, then people among themselves."""
    cells = [number(values[score], 2) for values in (row.judge, row.people) for score in SCORES]
    interval = row.judge_intervals.get("o")
    interval_text = f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "-"
    return PageRow([row.task, f"{row.images:,}", *cells, interval_text])


def missing_rows(candidates: Columns) -> list[PageRow]:
    """Count each task's candidates without a score, and all of its candidates."""
    missing_N = np.isnan(candidates.o_score)
    tasks = [(task.label, candidates.is_task(task)) for task in candidates.tasks]
    rows = []
    for name, those_N in [*tasks, ("All tasks", np.full(len(candidates), True))]:
        count, missing = int(those_N.sum()), int((those_N & missing_N).sum())
        cells = [name, f"{count:,}", f"{missing:,}", percent(missing / count if count else None)]
        rows.append(PageRow(cells, total=name == "All tasks"))
    return rows


def encode_categories(candidates: Columns, name: str, those_N: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the codes of the selected candidates, without -1: edits of a whole image have no object."""
    codes = getattr(candidates, name)[those_N].astype(np.int64)
    return codes[codes >= 0]


def acceptance_curves(candidates: Columns, eligible_N: NDArray[np.bool_], min_score: float) -> Figure:
    """Plot the accepted share over the threshold, of all candidates and of each task."""
    figure, (axis,) = panels(1, 1, 9.4, 3.4)
    tasks = order_tasks({*OMNIEDIT_TASKS, *candidates.tasks})
    for task, (line, colour) in zip(tasks, product(LINES, SEQUENCE), strict=False):
        of_task = eligible_N & candidates.is_task(task)
        if of_task.any():
            shares = acceptance_shares(candidates.o_score[of_task])
            axis.plot(STEPS, shares, color=colour, linestyle=line, label=task.label)
    axis.plot(STEPS, acceptance_shares(candidates.o_score[eligible_N]), color=INK, linewidth=2.4, label="all")
    axis.axvline(min_score, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axis.set(xlim=(0, 10), ylim=(0, 1.02), xlabel="threshold on O", ylabel="accepted share")
    figure.legend(loc="outside right upper")
    return figure


def acceptance_shares(scores: NDArray[np.float64]) -> list[float]:
    return [float((scores >= threshold).mean()) for threshold in STEPS]


def diversity_curves(candidates: Columns, eligible_N: NDArray[np.bool_], min_score: float) -> Figure:
    """Plot effective numbers over the threshold, next to those of the same number of random pairs.

    If no object is known, there is no panel of objects.
    """
    shown = {name: label for name, label in DIVERSITIES.items() if (getattr(candidates, name)[eligible_N] >= 0).any()}
    figure, axes = panels(1, len(shown), 9.4, 3.0)
    for axis, (name, label) in zip(axes, shown.items(), strict=True):
        having_N = eligible_N & (getattr(candidates, name) >= 0)
        codes, scores = encode_categories(candidates, name, having_N), candidates.o_score[having_N]
        rng = np.random.default_rng(0)
        steps = [step for step in STEPS if (scores >= step).any()]
        by_chance = [effective_number_by_chance(codes, int((scores >= step).sum()), rng) for step in steps]
        axis.plot(steps, by_chance, color=PALE, linewidth=3, label="random pairs, same number")
        axis.plot(steps, [effective_number(codes[scores >= step]) for step in steps], color=BLUE, label="accepted")
        axis.axvline(min_score, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axis.set(xlim=(0, 10), xlabel="threshold on O")
        axis.set_ylim(bottom=0)
        axis.set_title(label, color=MUTED)
    axes[0].set_ylabel("effective number")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def agreement_curves(candidates: Columns, compared_N: NDArray[np.bool_], min_score: float) -> Figure:
    """Plot how well the judge's choice at each threshold matches the teacher's choice at `min_score`."""
    figure, (axis,) = panels(1, 1, 9.4, 3.0)
    expected, scores = candidates.teacher[compared_N] >= min_score, candidates.o_score[compared_N]
    choices = [choice(expected, scores >= threshold) for threshold in STEPS]
    for name, label, colour in (("precision", "precision", BLUE), ("recall", "recall", GREEN), ("f1", "F1", VERMILION)):
        axis.plot(STEPS, [np.nan if c[name] is None else c[name] for c in choices], color=colour, label=label)
    axis.axvline(min_score, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axis.set(xlim=(0, 10), ylim=(0, 1.02), xlabel="threshold on the judge's O")
    figure.legend(loc="outside right upper")
    return figure


def canary_rows(canary: Mapping[str, Any]) -> list[PageRow]:
    facts = [
        ("run that scored it first", canary["first_run"]),
        ("pairs with scores", f"{canary['scored']:,} of {canary['pairs']:,}"),
        ("pairs with scores in one run only", f"{canary['scored_in_one_only']:,}"),
        ("mean absolute change of O", number(canary["moved"], 3)),
        ("mean change of O", number(canary["bias"], 3)),
        ("largest change of O", number(canary["largest_move"], 3)),
        ("difference between two passes of one run", number(canary["noise"], 3)),
        ("alarm threshold", number(canary["limit"], 3)),
    ]
    return [PageRow([name, value]) for name, value in facts]
