"""Tables of a bench, built from its results."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, isnan, nan
from statistics import fmean

from omniedit.evaluation.agreement.ratings import Rating
from omniedit.evaluation.bench.edit_records import EDITED, describe_missing
from omniedit.evaluation.bench.scores import SCORED, UNSCORABLE
from omniedit.evaluation.bench.statistics import Difference, cluster_mean, compare_editors
from omniedit.evaluation.bench.tables.grid import METRIC_DIGITS, FigureColumn, FigureRow, Figures
from omniedit.evaluation.bench.tables.results import BenchResults, EditorResult
from omniedit.evaluation.metrics.registry import METRICS
from omniedit.evaluation.table3 import Interval

SCORES = {"pq_score": "PQ", "sc_score": "SC", "o_score": "O"}
HUMAN_LABELS = {"pq": "PQ", "sc": "SC", "o": "O", "acc": "Acc"}
SIGNIFICANCE_LEVEL = 0.05
"""Corrected p-value below which a difference is marked."""
DIFFERENCE_ROW = "Difference to the best baseline"
DIFFERENCE_COLUMNS = (
    FigureColumn("", "first minus second", sign=0, signed=True),
    FigureColumn("", "items", 0, 0),
    FigureColumn("", "p", 4, 0),
    FigureColumn("", "p, corrected", 4, 0),
    FigureColumn("", f"below {SIGNIFICANCE_LEVEL:g}", 0, 0),
)


def build_table3(results: BenchResults, ours: str | None) -> Figures:
    """Return the paper's Table 3: PQ, SC and O by each judge and by people, and the lead over the best baseline.

    Args:
        ours: editor of the last row's lead; None for no such row.
    """
    columns = [FigureColumn(judge, label) for judge in results.judges for label in SCORES.values()]
    columns += [FigureColumn("people", label) for label in HUMAN_LABELS.values()] if results.ratings else []
    rows = [_editor_row(editor, _table3_cells(results, editor)) for editor in results.editors]
    names = [editor.name for editor in results.editors]
    if ours in names and (row := _lead_row(rows, names.index(ours))):
        rows.append(row)
    scales = ["scores from 0 to 10"] * bool(results.judges) + ["people's from 0 to 1"] * bool(results.ratings)
    return Figures(f"{results.bench}: {', '.join(scales)}", columns, rows)


def build_table3_normalised(results: BenchResults, ours: str | None) -> Figures:
    """Return Table 3 with the judges' scores scaled to the range 0 to 1 of people's ratings."""
    judged = BenchResults(results.bench, results.version, results.items, results.editors, {}, results.seed)
    return build_table3(judged, ours).scale(0.1, f"{results.bench}: the same scores from 0 to 1", 3)


def build_groups(results: BenchResults, judge: str, key: str) -> Figures:
    """Return O of each editor by task or by ratio.

    Args:
        key: column of the items.
    """
    groups = results.groups(key)
    rows = []
    for editor in results.editors:
        scored = editor.scored(judge)
        cells = [results.mean([row for row in scored if row[key] == group], "o_score") for group in groups]
        rows.append(_editor_row(editor, cells))
    counts = ", ".join(f"{group} {sum(row[key] == group for row in results.items)}" for group in groups)
    return Figures(
        f"O by {key}, {judge}", [FigureColumn("", str(group)) for group in groups], rows, notes=[f"Items: {counts}."]
    )


def build_counts(results: BenchResults) -> Figures:
    """Return, for each editor, the numbers of edited items, failures and refusals, and of edits without a score."""
    columns = [FigureColumn("", name, 0, 0) for name in ("items", "edited", "failures", "refusals", "not run")]
    columns += [FigureColumn(judge, name, 0, 0) for judge in results.judges for name in ("scored", "unscorable")]
    rows = [_editor_row(editor, list(_count_cells(results, editor))) for editor in results.editors]
    note = "Items without an edit or without a score are left out of all means, never counted as 0."
    return Figures("Items", columns, rows, notes=[note, *_describe_gaps(results)])


def _describe_gaps(results: BenchResults) -> Iterator[str]:
    """Yield the first reason of each editor's missing edits, and of its edits that a judge could not score."""
    items = [row["item_id"] for row in results.items]
    for editor in results.editors:
        if gaps := describe_missing(editor.records, items):
            yield f"{editor.label}: {gaps}."
        for judge, rows in editor.scores.items():
            if first := next((row for row in rows if row["status"] == UNSCORABLE), None):
                yield f"{editor.label}: {judge} could not score {first['item_id']}: {first['reasoning']}."


def build_metrics(results: BenchResults) -> Figures:
    """Return the mean of each metric, over the items where it is finite, and the metrics of the whole set."""
    names = [name for name in METRICS if any(_has_metric(editor, name) for editor in results.editors)]
    columns = [
        FigureColumn("", METRICS[name].label, METRIC_DIGITS, 1 if METRICS[name].higher_is_better else -1)
        for name in names
    ]
    rows = [_editor_row(editor, [_mean_metric(results, editor, name) for name in names]) for editor in results.editors]
    reasons = {
        name: reason for editor in results.editors for name, reason in editor.measured.get("unavailable", {}).items()
    }
    notes = [f"{name} is not available: {reason}" for name, reason in reasons.items()]
    note = "Means leave out items without a value of the metric, and the infinite PSNR of equal images."
    return Figures("Metrics", columns, rows, notes=[note, *notes])


def _has_metric(editor: EditorResult, name: str) -> bool:
    return name in editor.measured.get("sets", {}) or any(name in values for values in editor.metrics.values())


def _mean_metric(results: BenchResults, editor: EditorResult, name: str) -> Interval | None:
    set_value = editor.measured.get("sets", {}).get(name)
    if set_value is not None:
        return Interval(set_value)
    finite = {item: values[name] for item, values in editor.metrics.items() if isfinite(values.get(name, nan))}
    names = [results.clusters[item] for item in finite]
    return cluster_mean(list(finite.values()), names, results.seed) if finite else None


def build_differences(results: BenchResults, judge: str) -> Figures:
    """Return the differences in O between each pair of editors, on the items for which both have scores."""
    editors = [editor for editor in results.editors if editor.scored(judge)]
    scores = {editor.label: {row["item_id"]: row["o_score"] for row in editor.scored(judge)} for editor in editors}
    differences = compare_editors(scores, results.clusters, results.seed)
    columns = [FigureColumn("", "O, first minus second", sign=0, signed=True), *DIFFERENCE_COLUMNS[1:]]
    note = (
        f"Two-sided sign-flip test over images, corrected by Holm's method (comparisons: {len(differences)}). "
        "Only items for which both editors have scores count."
    )
    return Figures(
        f"Paired differences, {judge}",
        columns,
        [difference_row(each) for each in differences],
        "editors",
        [note],
    )


def _editor_row(editor: EditorResult, cells: Sequence[Interval | str | None]) -> FigureRow:
    return FigureRow(editor.label, cells, editor.section, not editor.is_baseline)


def _table3_cells(results: BenchResults, editor: EditorResult) -> list[Interval | str | None]:
    judged = [results.mean(editor.scored(judge), score) for judge in results.judges for score in SCORES]
    ratings = results.ratings.get(editor.name, ())
    return [*judged, *([_human_mean(results, ratings, score) for score in HUMAN_LABELS] if results.ratings else [])]


def _human_mean(results: BenchResults, ratings: Sequence[Rating], score: str) -> Interval | None:
    """Return the mean over edits of the mean over raters; Acc is the share of ratings with SC = 1."""
    edits: Mapping[str, list[float]] = defaultdict(list)
    for rating in ratings:
        value = float(rating.scores["sc"] == 1) if score == "acc" else rating.scores[score]
        edits[rating.key[0]].append(value)
    known = {item: fmean(values) for item, values in edits.items() if item in results.clusters}
    if not known:
        return None
    return cluster_mean(list(known.values()), [results.clusters[item] for item in known], results.seed)


def _lead_row(rows: Sequence[FigureRow], ours: int) -> FigureRow | None:
    """Return the lead of one row over the best other ranked figure in each column."""
    others = [row for number, row in enumerate(rows) if number != ours and row.is_ranked]
    if not others:
        return None
    cells = [
        _lead(rows[ours].cells[place], [row.cells[place] for row in others]) for place in range(len(rows[0].cells))
    ]
    return FigureRow(DIFFERENCE_ROW, cells, rows[-1].section, False, True)


def _lead(mine: Interval | str | None, others: Sequence[Interval | str | None]) -> Interval | None:
    known = [cell.mean for cell in others if isinstance(cell, Interval) and not isnan(cell.mean)]
    if not known or not isinstance(mine, Interval):
        return None
    return Interval(mine.mean - max(known))


def _count_cells(results: BenchResults, editor: EditorResult) -> Iterator[str]:
    edits = editor.count()
    yield str(len(results.items))
    yield from (str(edits[status]) for status in (EDITED, "failure", "refusal"))
    yield str(len(results.items) - edits.total())
    for judge in results.judges:
        scores = editor.count(judge)
        yield from (str(scores[status]) for status in (SCORED, UNSCORABLE))


def difference_row(each: Difference, section: str = "") -> FigureRow:
    """Return a row of `DIFFERENCE_COLUMNS`."""
    is_below = "yes" if each.corrected < SIGNIFICANCE_LEVEL else "no"
    cells = (each.mean, str(each.items), Interval(each.p), Interval(each.corrected), is_below)
    return FigureRow(f"{each.first} - {each.second}", cells, section, is_ranked=False)
