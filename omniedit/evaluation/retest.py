"""Comparison of two tables of scores of the same pairs, from one judge twice or from two judges: `omniedit agree A B`.

N  pairs with a score in both tables
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.evaluation.ratings import SCORES, Key, Scores, match_keys, must_agree, read_judged
from omniedit.scoring.student.agreement import spearman
from omniedit.storage.parquet import read_given

HEAD = "| score | pairs | Spearman | mean of B - A | mean absolute difference | noise of one scoring |"


def is_scores(path: Path) -> bool:
    """Return whether a table holds a judge's scores, not people's ratings."""
    return path.suffix.lower() == ".parquet" or "o_score" in next(iter(read_given(path)), {})


def report(first: Path, second: Path, key: str, threshold: float) -> list[str]:
    """Return the lines that `omniedit agree` prints for two tables of scores.

    Raises:
        UserError: the tables have no scored pair in common, or as `read_judged` and `match_keys`.
    """
    a, b = read_judged(first, key), read_judged(second, key)
    common = match_keys(first, a, second, b)
    if not common:
        raise UserError(f"{first} and {second} have no scored pair in common; {must_agree(key)}")
    a_values, b_values = (
        {score: _values(of, keys, score) for score in SCORES}
        for of, keys in ((a, list(common)), (b, list(common.values())))
    )
    rows = [row(score, a_values[score], b_values[score]) for score in SCORES]
    o_A, o_B = a_values["o"], b_values["o"]
    switched = int(((o_A >= threshold) != (o_B >= threshold)).sum())
    notes = [
        f"{switched} of {len(common)} pairs are accepted by one and rejected by the other at O = {threshold:g}",
        f"{len(a) + len(b) - 2 * len(common)} pairs have a score in one table only and are skipped",
    ]
    return [HEAD, "|---|---|---|---|---|---|", *rows, *notes]


def row(score: str, a_N: NDArray[np.float64], b_N: NDArray[np.float64]) -> str:
    """Format a row of the table.

    Noise is the standard deviation of one scoring around a pair's mean: that of B - A divided by sqrt(2).
    """
    difference_N = b_N - a_N
    noise = difference_N.std(ddof=1) / 2**0.5 if len(a_N) > 1 else np.nan
    correlation = spearman(a_N, b_N)
    cells = [f"{difference_N.mean():+.3f}", f"{np.abs(difference_N).mean():.3f}", f"{noise:.3f}"]
    return (
        " | ".join([f"| {score.upper()}", f"{len(a_N)}", "-" if correlation is None else f"{correlation:.3f}", *cells])
        + " |"
    )


def _values(of: Mapping[Key, Scores], keys: Sequence[Key], score: str) -> NDArray[np.float64]:
    return np.array([of[key][score] for key in keys])
