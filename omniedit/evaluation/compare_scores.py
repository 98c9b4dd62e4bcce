"""Comparison of two tables of scores of the same pairs, by one judge at two times or by two judges: `omniedit agree A
B`.

N  pairs with a score in both tables
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.evaluation.agreement import SCORES, match_keys, no_common_images, read_judged
from omniedit.evaluation.agreement.viescore_files import are_scores
from omniedit.plain_text import markdown_table
from omniedit.scoring.student.agreement import spearman
from omniedit.storage.parquet import column_names, read_given

TABLE_HEAD = ("score", "pairs", "Spearman", "mean of B - A", "mean absolute difference", "noise of one scoring")


@dataclass(frozen=True)
class ScoreChange:
    """Difference of one score between two scorings.

    Args:
        noise: standard deviation of one scoring around a pair's mean: the standard deviation of B - A, divided by
            sqrt(2); NaN for one pair.
    """

    spearman: float | None
    mean: float
    mean_absolute: float
    noise: float


@dataclass(frozen=True)
class TableComparison:
    """Comparison of two tables.

    Args:
        pairs: number of pairs with a score in both.
        switched: number of pairs that only one of them accepts at `threshold`.
        in_one_only: number of pairs with a score in only one table.
    """

    pairs: int
    differences: Mapping[str, ScoreChange]
    threshold: float
    switched: int
    in_one_only: int


def is_scores(path: Path) -> bool:
    """Return whether a path is a table of a judge's scores, not people's ratings."""
    if path.is_dir():
        return False
    if path.suffix.lower() == ".parquet":
        columns = dict.fromkeys(column_names(path))
    else:
        columns = dict.fromkeys(next(iter(read_given(path)), {}))
    return "o_score" in columns or are_scores(columns)


def compare(first: Path, second: Path, key: str, threshold: float) -> TableComparison:
    """Compare two tables of scores.

    Raises:
        UserError: the tables have no scored pair in common, or as in `read_judged` and `match_keys`.
    """
    a, b = read_judged(first, key), read_judged(second, key)
    common = match_keys(first, a, second, b)
    if not common:
        raise UserError(f"{first} and {second} have no scored pair in common; {no_common_images(key, a, b)}")
    a_values, b_values = (
        {score: np.array([of[key][score] for key in keys]) for score in SCORES}
        for of, keys in ((a, list(common)), (b, list(common.values())))
    )
    return TableComparison(
        len(common),
        {score: difference(a_values[score], b_values[score]) for score in SCORES},
        threshold,
        int(((a_values["o"] >= threshold) != (b_values["o"] >= threshold)).sum()),
        len(a) + len(b) - 2 * len(common),
    )


def difference(a_N: NDArray[np.float64], b_N: NDArray[np.float64]) -> ScoreChange:
    difference_N = b_N - a_N
    noise = difference_N.std(ddof=1) / 2**0.5 if len(a_N) > 1 else np.nan
    return ScoreChange(spearman(a_N, b_N), float(difference_N.mean()), float(np.abs(difference_N).mean()), float(noise))


def describe(retest: TableComparison) -> list[str]:
    """Return the lines that `omniedit agree` prints for two tables of scores."""
    rows = [_cells(score, retest.pairs, change) for score, change in retest.differences.items()]
    notes = [
        f"{retest.switched} of {retest.pairs} pairs are accepted by one and rejected by the other "
        f"at O = {retest.threshold:g}",
        f"{retest.in_one_only} pairs have a score in one table only and are skipped",
    ]
    return [*markdown_table(TABLE_HEAD, rows), *notes]


def to_json(retest: TableComparison) -> dict[str, Any]:
    """Return the comparison for `--json`; the noise of a single pair is null."""
    figures = asdict(retest)
    for change in figures["differences"].values():
        for name, value in change.items():
            change[name] = None if value is None or np.isnan(value) else round(value, 4)
    return figures


def _cells(score: str, pairs: int, change: ScoreChange) -> list[str]:
    correlation = "-" if change.spearman is None else f"{change.spearman:.3f}"
    values = [f"{change.mean:+.3f}", f"{change.mean_absolute:.3f}", f"{change.noise:.3f}"]
    return [score.upper(), str(pairs), correlation, *values]
