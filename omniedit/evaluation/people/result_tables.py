"""Results of ratings as Markdown, CSV and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import nan
from typing import Any

from omniedit.evaluation.people.differences import ScoreDifference
from omniedit.evaluation.people.rating_results import (
    ALPHAS,
    RATED_SCORES,
    SCORE_LABELS,
    EditorScores,
    Estimate,
    RaterStats,
    RatingResults,
)
from omniedit.evaluation.table3 import Interval
from omniedit.plain_text import markdown_cell, markdown_table
from omniedit.tasks import ALL_TASKS

PAPER_RATERS = 4
"""Number of people who rated every edit in the paper."""
COLUMNS = (
    *("editor", "task", "rank", "rank_low", "rank_high", "edits", "ratings"),
    *(f"{score}{end}" for score in SCORE_LABELS for end in ("", "_low", "_high")),
)


def format_estimate(estimate: Estimate) -> str:
    return str(Interval(nan if estimate.value is None else estimate.value, *(estimate.interval or ())))


def markdown(results: RatingResults) -> list[str]:
    """Format results as Markdown: editors, O by task, reliability, raters."""
    overall = [row for row in results.editors if row.task == ALL_TASKS]
    count = sum(rater.ratings > 0 for rater in results.raters)
    raters = "1 rater" if count == 1 else f"{count} raters"
    span = str(results.fewest) if results.fewest == results.most else f"{results.fewest} to {results.most}"
    reliability = {f"Krippendorff's alpha, {metric}": results.alphas[metric] for metric in ALPHAS}
    reliability["equal scores of two raters"] = results.equal
    return [
        f"{results.ratings:,} ratings of {results.edits:,} edits of {results.images:,} images by {raters}, "
        f"{span} for each edit; means over raters, then over edits [95 % bootstrap interval over images].",
        "",
        *markdown_table(("rank", "editor", *SCORE_LABELS.values(), "edits", "ratings"), map(_editor_cells, overall)),
        *_task_lines(results.editors, overall),
        *_difference_lines(results.differences),
        "",
        *markdown_table(
            ("agreement of raters", *(SCORE_LABELS[score] for score in RATED_SCORES)),
            [[name, *(format_estimate(each[score]) for score in RATED_SCORES)] for name, each in reliability.items()],
        ),
        "",
        *markdown_table(
            ("rater", "ratings", *SCORE_LABELS.values(), "same SC as others", "median seconds", "checks failed"),
            map(_rater_cells, results.raters),
        ),
        "",
        *([f"Edits have fewer than the paper's {PAPER_RATERS} raters."] if results.fewest < PAPER_RATERS else []),
        *describe_excluded(results.unable, results.outdated),
    ]


def describe_excluded(unable: Mapping[str, int], outdated: int) -> list[str]:
    """Return lines with the answers that do not count.

    Args:
        unable: number of answers of raters who could not judge, by problem.
        outdated: number of answers about other edits.
    """
    reasons = ", ".join(f"{count:,} {markdown_cell(problem)}" for problem, count in unable.items())
    lines = [f"Cannot be judged, by raters' reasons: {reasons}."] if unable else []
    note = f"{outdated:,} answers are about edits that are not selected or have changed, and are left out."
    return lines + ([note] if outdated else [])


def csv_rows(editors: Sequence[EditorScores]) -> list[dict[str, Any]]:
    """Return a row of `COLUMNS` for each editor and task."""
    rows = []
    for row in editors:
        facts: dict[str, Any] = {"editor": row.editor, "task": row.task, "edits": row.edits, "ratings": row.ratings}
        facts |= zip(("rank", "rank_low", "rank_high"), (row.rank, *(row.ranks or (None, None))), strict=True)
        for score, estimate in row.scores.items():
            ends = estimate.interval or (None, None)
            facts |= {score: estimate.value, f"{score}_low": ends[0], f"{score}_high": ends[1]}
        rows.append(facts)
    return rows


def to_json(results: RatingResults) -> dict[str, Any]:
    """Return results for `--json`."""
    return asdict(results)


def _editor_cells(row: EditorScores) -> list[str]:
    spread = "" if row.ranks is None or len(set(row.ranks)) == 1 else f" [{row.ranks[0]}, {row.ranks[1]}]"
    cells = [format_estimate(row.scores[score]) for score in SCORE_LABELS]
    return [f"{row.rank}{spread}", markdown_cell(row.editor), *cells, str(row.edits), str(row.ratings)]


def _task_lines(rows: Sequence[EditorScores], overall: Sequence[EditorScores]) -> list[str]:
    """Return a table of O by task, or nothing for a single task."""
    tasks = dict.fromkeys(row.task for row in rows if row.task != ALL_TASKS)
    if not tasks:
        return []
    rows_by_task = []
    for task in tasks:
        by_editor = {row.editor: format_estimate(row.scores["o"]) for row in rows if row.task == task}
        cells = [by_editor.get(row.editor, "-") for row in overall]
        rows_by_task.append([markdown_cell(task), *cells])
    return ["", *markdown_table(("O by task", *(markdown_cell(row.editor) for row in overall)), rows_by_task)]


def _difference_lines(differences: Sequence[ScoreDifference]) -> list[str]:
    """Return a table of paired differences, or nothing for a single editor."""
    if not differences:
        return []
    rows = []
    for difference in differences:
        names = f"{markdown_cell(difference.first)} - {markdown_cell(difference.second)}"
        value = format_estimate(Estimate(difference.value, difference.interval))
        p, corrected = ("-" if figure is None else f"{figure:.4f}" for figure in (difference.p, difference.corrected))
        rows.append([names, SCORE_LABELS[difference.score], value, str(difference.items), p, corrected])
    count = sum(difference.score == differences[0].score for difference in differences)
    note = (
        "Differences are computed over the items for which both editors have ratings. p is the p-value of a "
        f"two-sided sign-flip test over images, corrected by Holm's method for the comparisons of a score ({count})."
    )
    head = ("first - second", "score", "difference", "items", "p", "p, corrected")
    return ["", *markdown_table(head, rows), "", note]


def _rater_cells(rater: RaterStats) -> list[str]:
    means = [f"{rater.means[score]:.2f}" if rater.means else "-" for score in SCORE_LABELS]
    equal = "-" if rater.equal is None else f"{100 * rater.equal:.0f} %"
    seconds = "-" if rater.seconds is None else f"{rater.seconds:.1f}"
    checks = f"{rater.failed} of {rater.checks}" if rater.checks else "-"
    return [markdown_cell(rater.name), str(rater.ratings), *means, equal, seconds, checks]
