"""Student judge page: its agreement with the teacher on held-out photos."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from omniedit.imaging.images import decode_image
from omniedit.reporting.figure_style import BLUE, INK, LINE, ORANGE, PALE, panels, report_style
from omniedit.reporting.page import NO_VALUE, PageRow, image_uri, number, percent, render
from omniedit.scoring.student.agreement import PRECISIONS, proposal, scored_rows
from omniedit.tasks import Task

SCORE_NAMES = {
    "sc_score_1": "edit succeeded",
    "sc_score_2": "nothing else changed",
    "sc_score": "SC",
    "pq_score": "PQ",
    "o_score": "O",
}
SHOWN_PHOTOS = 20
REPLY_PIXELS = 60_000
"""Largest area of an image next to replies."""
UNDAMAGED = "none"
"""Name in agreement.json for pairs without a defect."""


def agreement_page(
    run: str,
    figures: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    judge: str,
    min_score: float,
    replies: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Render the student judge page.

    Args:
        figures: agreement.json for `min_score`.
        rows: rows of agreement.parquet, one for each held-out lesson.
        judge: judge whose scores the run's filter uses.
        min_score: the filter's threshold.
        replies: rows of replies.parquet; empty to leave the replies out.
    """
    read = scored_rows(rows)
    with report_style():
        values = {
            "title": "Student judge",
            "run": run,
            "judge": judge,
            "teacher": figures["teacher"],
            "photos": _choose_examples(figures["held_out_photos"]),
            "facts": _facts(figures),
            "scatter": scatter(read) if read else None,
            "defects": defect_bars(figures["by_defect"]) if read else None,
            "scores": [score_row(name, figures) for name in SCORE_NAMES],
            "thresholds": [threshold_row(*item) for item in figures["at_threshold"].items()],
            "min_score": min_score,
            "before_and_after": training_rows(figures),
            "replies": [reply_card(row) for row in replies],
            "groups": group_rows(figures),
            "calibration": calibration_curve(figures["calibration"]) if read else None,
            "proposals": [proposal_row(rows, min_score, precision) for precision in PRECISIONS],
        }
        return render("agreement", values)


def _facts(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("training pairs", f"{figures['learnt_from']:,}"),
        ("held-out pairs", f"{figures['held_out']:,}"),
        ("unscorable", f"{figures['unscorable']:,}"),
        ("Spearman of O", number(figures["spearman"]["o_score"])),
        ("mean absolute error of O", number(figures["mean_absolute_error"]["o_score"])),
    ]


def _choose_examples(photos: Sequence[str]) -> list[str]:
    more = [f"and {len(photos) - SHOWN_PHOTOS:,} more"] if len(photos) > SHOWN_PHOTOS else []
    return [*photos[:SHOWN_PHOTOS], *more]


def reply_card(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of one pair that the page shows: its images, and the scores and rationale of teacher and
    student."""
    images = {side: image_uri(decode_image(row[side], row["pair_id"]), REPLY_PIXELS) for side in ("source", "edited")}
    names = {name: SCORE_NAMES.get(name, name) for name in ("sc_score_1", "sc_score_2", "pq_score", "o_score")}
    columns = [
        {
            "who": judge,
            "scores": [(label, number(row[f"{judge}_{name}"], 1)) for name, label in names.items()],
            "is_scored": row[f"{judge}_o_score"] is not None,
            "reasoning": row[f"{judge}_reasoning"],
        }
        for judge in ("teacher", "student")
    ]
    about = {"task": Task(row["task"]).label, "defect": (row["defect"] or "").replace("_", " ")}
    return {**about, **images, "instruction": row["instruction"], "columns": columns}


def score_row(score: str, figures: Mapping[str, Any]) -> PageRow:
    cells = [number(figures[measure][score]) for measure in ("spearman", "mean_absolute_error")]
    return PageRow([SCORE_NAMES[score], *cells])


def threshold_row(threshold: str, choice: Mapping[str, Any]) -> PageRow:
    counts = [f"{choice[key]:,}" for key in ("teacher_keeps", "student_keeps")]
    shares = [percent(choice[measure]) for measure in ("precision", "recall", "f1")]
    return PageRow([f"at least {float(threshold):g}", *counts, *shares])


def training_rows(figures: Mapping[str, Any]) -> list[PageRow]:
    """Return a row for the agreement before training and one for that after it."""
    return [
        PageRow([name, f"{of['unscorable']:,} of {of['held_out']:,}", *format_measures(of["overall"])])
        for name, of in (("before training", figures["before"]), ("after training", figures))
    ]


def group_rows(figures: Mapping[str, Any]) -> list[PageRow]:
    """Return a row for each task, a row for each aspect ratio, and a row for all pairs."""
    tasks = {Task(name).label: of_task for name, of_task in figures["by_task"].items()}
    ratios = {name.replace("x", ":"): of_ratio for name, of_ratio in figures["by_ratio"].items()}
    groups = {**tasks, **ratios, "All": figures["overall"]}
    return [
        PageRow([name, f"{of['pairs']:,}", *format_measures(of)], total=name == "All") for name, of in groups.items()
    ]


def format_measures(overall: Mapping[str, Any]) -> list[str]:
    """Format each measure of O with its interval, such as '0.56 (0.31 to 0.74)'."""
    return [_with_interval(overall[name], interval) for name, interval in overall["intervals"].items()]


def _with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None or interval is None:
        return number(value)
    return f"{number(value)} ({number(interval[0])} to {number(interval[1])})"


def proposal_row(rows: Sequence[Mapping[str, Any]], min_score: float, precision: float) -> PageRow:
    proposed = proposal(rows, min_score, precision)
    if proposed is None:
        return PageRow([percent(precision), NO_VALUE, NO_VALUE, NO_VALUE, NO_VALUE])
    reached = [percent(proposed["precision"]), percent(proposed["recall"]), f"{proposed['student_keeps']:,}"]
    return PageRow([percent(precision), number(proposed["threshold"]), *reached])


def calibration_curve(bins: Sequence[Mapping[str, float]]) -> Figure:
    """Plot the teacher's mean O over the student's; the area of a dot grows with its number of pairs."""
    figure, (axis,) = panels(1, 1, 4.6, 4.2)
    student, teacher, pairs = ([of_bin[name] for of_bin in bins] for name in ("student", "teacher", "pairs"))
    axis.plot([0, 10], [0, 10], color=LINE, linewidth=1)
    axis.plot(student, teacher, color=BLUE, linewidth=1.2)
    axis.scatter(student, teacher, s=[16 + 240 * count / sum(pairs) for count in pairs], color=BLUE, zorder=3)
    for x, y, count in zip(student, teacher, pairs, strict=True):
        axis.annotate(f"{count:,}", (x, y), (7, -11), textcoords="offset points", color=INK, fontsize=8)
    axis.set(xlim=(-0.3, 10.3), ylim=(-0.3, 10.3), xlabel="student's O", ylabel="teacher's mean O", aspect="equal")
    axis.grid(True, axis="both")
    return figure


def scatter(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Plot the student's SC, PQ and O over the teacher's: pairs without a defect in colour, known defects in grey."""
    figure, axes = panels(1, 3, 9.4, 3.9)
    as_made = np.array([row["defect"] == "" for row in rows])
    for axis, score in zip(axes, ("sc_score", "pq_score", "o_score"), strict=True):
        teacher, student = (np.array([row[f"{judge}_{score}"] for row in rows]) for judge in ("teacher", "student"))
        axis.plot([0, 10], [0, 10], color=LINE, linewidth=1)
        for chosen, colour, label in ((~as_made, PALE, "known defect"), (as_made, BLUE, "no defect")):
            axis.plot(teacher[chosen], student[chosen], "o", color=colour, markersize=4, alpha=0.75, mew=0, label=label)
        axis.set(xlim=(-0.3, 10.3), ylim=(-0.3, 10.3), title=SCORE_NAMES[score], xlabel="teacher", aspect="equal")
        axis.grid(True, axis="both")
    axes[0].set_ylabel("student", color=INK)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2)
    return figure


def defect_bars(by_defect: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Plot the mean O of teacher and student for pairs without a defect and for each known defect."""
    names = [name for name in by_defect if by_defect[name]["teacher"] is not None]
    names.sort(key=lambda name: (name != UNDAMAGED, -by_defect[name]["teacher"]))
    heights = np.arange(len(names))
    figure, (axis,) = panels(1, 1, 9.4, 0.9 + 0.42 * len(names))
    for judge, offset, colour in (("teacher", -0.19, PALE), ("student", 0.19, ORANGE)):
        means = [by_defect[name][judge] for name in names]
        axis.barh(heights + offset, means, 0.34, color=colour, label=judge)
    labels = ["no defect" if name == UNDAMAGED else name.replace("_", " ") for name in names]
    axis.set_yticks(
        heights, [f"{label} ({by_defect[name]['pairs']})" for label, name in zip(labels, names, strict=True)]
    )
    axis.set(xlim=(0, 10), xlabel="mean O")
    axis.grid(True, axis="x")
    axis.grid(False, axis="y")
    axis.invert_yaxis()
    figure.legend(loc="outside upper right", ncols=2)
    return figure
