"""The paper's ablations from runs of the chain: filtered or not (Table 6), and the architectures (Table 7)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from omniedit.architectures import ARCHITECTURES
from omniedit.errors import UserError
from omniedit.evaluation.bench.scores import SCORED
from omniedit.evaluation.bench.statistics import cluster_mean, compare_editors, warn_of_few
from omniedit.evaluation.bench.tables.ablation_runs import AblationRun, ScoreRow
from omniedit.evaluation.bench.tables.builders import DIFFERENCE_COLUMNS, SCORES, difference_row
from omniedit.evaluation.bench.tables.grid import FigureColumn, FigureRow, Figures
from omniedit.evaluation.bench.tables.write import write_grids
from omniedit.evaluation.table3 import Interval
from omniedit.plain_text import markdown_cell, markdown_table

NAME = "ablations"
"""Name of the files, without suffix."""
MAX_SETTINGS = 12
"""Number of differing settings that a note lists."""
TEST_NOTE = (
    "Only items for which both editors have scores count. Intervals are 95 % bootstrap intervals over images; p is the "
    "p-value of a two-sided sign-flip test over images, corrected by Holm's method for the comparisons of a score ({})."
)


def write_ablations(folder: Path, runs: Sequence[AblationRun], seed: int) -> list[Path]:
    """Write `ablations.md`, `.tex` and `.csv`, and return their paths.

    Args:
        runs: the first gives Table 7; Table 6 compares it with each of the others.

    Raises:
        UserError: the benchmarks or judges of the runs differ, or there is nothing to compare.
    """
    check_runs(runs)
    grids = [grid for judge in runs[0].scores for grid in build_ablations(runs, judge, seed)]
    if not grids:
        raise UserError(f"{runs[0].name}: has one editor, and no other run is given; set train.ablations or name a run")
    return write_grids(folder, NAME, ["# Ablations", "", *describe_runs(runs)], grids)


def check_runs(runs: Sequence[AblationRun]) -> None:
    """Check that all runs can share a table.

    Raises:
        UserError: the benchmark, a judge or its version differs between runs.
    """
    first = runs[0]
    for other in runs[1:]:
        if other.bench != first.bench:
            keys = "the same seed, sources, tasks and bench"
            raise UserError(f"{other.name}: its benchmark differs from that of {first.name}; make both with {keys}")
        if sorted(other.scores) != sorted(first.scores):
            judges = f"{', '.join(other.scores)}, not {', '.join(first.scores)}"
            raise UserError(f"{other.name}: was scored by {judges}; score both runs by the same judges")
    for judge in first.scores:
        versions = {version for run in runs for version in _judge_versions(run, judge)}
        if len(versions) > 1:
            raise UserError(f"{judge}: scored the runs with several versions or prompts; score them again with one")


def _judge_versions(run: AblationRun, judge: str) -> set[tuple[str, str]]:
    rows = [row for rows in run.scores[judge].values() for row in rows if row["status"] == SCORED]
    return {(row.get("judge_version") or "", row.get("prompt_hash") or "") for row in rows}


def describe_runs(runs: Sequence[AblationRun]) -> Iterator[str]:
    """Yield lines of Markdown: the runs with their filter and size, and other settings that differ."""
    sizes = ["unknown" if run.pairs is None else f"{run.pairs:,}" for run in runs]
    rows = [(run.name, describe_filter(run), size) for run, size in zip(runs, sizes, strict=True)]
    cells = [[markdown_cell(cell, 300) for cell in row] for row in rows]
    yield from markdown_table(("run", "filter", "training pairs"), cells)
    yield ""
    for judge in runs[0].scores:
        for version, prompt in sorted(_judge_versions(runs[0], judge)):
            yield f"Judge `{judge}`, version `{version or 'unknown'}`, prompt digest `{prompt[:16]}`."
            yield ""
    for other in runs[1:]:
        yield from _describe_differences(runs[0], other)
    for judge in runs[0].scores:
        if judge == runs[0].config.get("scoring", {}).get("judge"):
            yield f"The judge {judge} also filtered the training data, so its scores are not an independent measure."
            yield ""


def describe_filter(run: AblationRun) -> str:
    return f"filtered at O {run.min_score:g}" if run.is_filtered else "unfiltered"


def _describe_differences(first: AblationRun, other: AblationRun) -> Iterator[str]:
    """Yield a line for unequal sizes, and one for settings that differ besides the filter's threshold."""
    if first.pairs != other.pairs:
        yield (
            f"The runs {first.name} and {other.name} have different numbers of pairs, unlike those of Table 6 in the "
            "paper; set buckets.max_pairs of both to the smaller number."
        )
        yield ""
    keys = sorted({*first.settings, *other.settings})
    differing = [key for key in keys if first.settings.get(key) != other.settings.get(key)]
    if differing:
        more = f" and {len(differing) - MAX_SETTINGS} more" if len(differing) > MAX_SETTINGS else ""
        listed = ", ".join(f"`{key}`" for key in differing[:MAX_SETTINGS])
        yield f"Other settings of {other.name} that differ from {first.name}: {listed}{more}."
        yield ""


def build_ablations(runs: Sequence[AblationRun], judge: str, seed: int) -> Iterator[Figures]:
    """Yield Table 6 if there are several runs, and Table 7 if the first has several architectures, with differences.

    Raises:
        UserError: the runs have no architecture in common.
    """
    table, first, labels = _AblationTable(runs, judge, seed), runs[0], _label_filters(runs)
    if len(runs) > 1:
        shared = [name for name in ARCHITECTURES if all(name in run.scores[judge] for run in runs)]
        if not shared:
            raise UserError(f"{', '.join(run.name for run in runs)}: have no architecture in common")
        keys = [(run.name, name) for name in shared for run in runs]
        pairs = [((first.name, name), (run.name, name)) for name in shared for run in runs[1:]]
        yield table.means("Table 6, filtered and unfiltered training data", keys, labels)
        yield table.differences("Table 6, paired differences", pairs, labels)
    keys = [(first.name, name) for name in ARCHITECTURES if name in first.scores[judge]]
    if len(keys) > 1:
        yield table.means(f"Table 7, architectures, {first.name}", keys, {})
        yield table.differences(f"Table 7, paired differences, {first.name}", list(combinations(keys, 2)), {})


Key = tuple[str, str]
"""Run and architecture."""


def _label_filters(runs: Sequence[AblationRun]) -> dict[str, str]:
    """Return the part of a label that distinguishes each run: its filter, and its name if two have the same filter."""
    filters = [describe_filter(run) for run in runs]
    return {
        run.name: text if filters.count(text) == 1 else f"{text}, {run.name}"
        for run, text in zip(runs, filters, strict=True)
    }


class _AblationTable:
    """Builder of tables by one judge.

    Args:
        runs: with equal benchmarks.
    """

    def __init__(self, runs: Sequence[AblationRun], judge: str, seed: int) -> None:
        self.judge, self.seed = judge, seed
        self._rows: dict[Key, list[ScoreRow]] = {
            (run.name, name): [row for row in rows if row["status"] == SCORED]
            for run in runs
            for name, rows in run.scores[judge].items()
        }
        self._items = {row["item_id"]: row for run in runs for rows in run.scores[judge].values() for row in rows}
        self._clusters = {item: row.get("session") or row["image_id"] for item, row in self._items.items()}

    def means(self, title: str, keys: Sequence[Key], labels: Mapping[str, str]) -> Figures:
        """Return PQ, SC and O of editors, with the number of scored items."""
        columns = [FigureColumn("", label) for label in SCORES.values()] + [FigureColumn("", "scored", 0, 0)]
        rows = [FigureRow(self._label(key, labels), [*self._means(key), str(len(self._rows[key]))]) for key in keys]
        images = len(set(self._clusters.values()))
        note = f"{len(self._items)} items on {images} images; intervals are 95 % bootstrap intervals over images."
        return Figures(f"{title}, {self.judge}", columns, rows, notes=[note, *warn_of_few(images)])

    def differences(self, title: str, pairs: Sequence[tuple[Key, Key]], labels: Mapping[str, str]) -> Figures:
        """Return the paired differences of PQ, SC and O, corrected for the comparisons of each score."""
        rows = []
        for score, label in SCORES.items():
            scores = {
                self._label(key, labels): {row["item_id"]: row[score] for row in self._rows[key]}
                for pair in pairs
                for key in pair
            }
            named = [(self._label(one, labels), self._label(other, labels)) for one, other in pairs]
            differences = compare_editors(scores, self._clusters, self.seed, named)
            rows += [difference_row(difference, label) for difference in differences]
        return Figures(f"{title}, {self.judge}", DIFFERENCE_COLUMNS, rows, "editors", [TEST_NOTE.format(len(pairs))])

    def _means(self, key: Key) -> list[Interval]:
        rows = self._rows[key]
        clusters = [self._clusters[row["item_id"]] for row in rows]
        return [cluster_mean([row[score] for row in rows], clusters, self.seed) for score in SCORES]

    @staticmethod
    def _label(key: Key, labels: Mapping[str, str]) -> str:
        run, name = key
        return f"{ARCHITECTURES[name].label}, {labels[run]}" if labels else ARCHITECTURES[name].label
