"""Thresholds of a run against people's ratings of its own pairs: `results/{run}/ratings.csv`."""

from collections.abc import Sequence
from pathlib import Path

from omniedit.errors import UserError
from omniedit.evaluation.agreement.ratings import Key, Scores, match_keys
from omniedit.evaluation.agreement.tables import read_ratings
from omniedit.evaluation.agreement.thresholds import GOOD, Threshold, threshold_rows
from omniedit.storage.parquet import stream_rows

KEY = "pair_id"


def measure_run(scores: Sequence[Path], ratings: Path) -> list[Threshold]:
    """Return the effect of each threshold over the rated pairs of a run.

    Args:
        scores: the files `scores/{task}/{shard}.parquet`.
        ratings: table with columns pair_id, rater, sc and pq from 0 to 1, and optionally task.

    Raises:
        UserError: a rating is above 1, no pair of the run is rated, or as `read_ratings`.
    """
    rated = read_ratings(ratings, KEY)
    if any(rating.scores["o"] > 1 for rating in rated):
        raise UserError(f"{ratings}: has ratings above 1; divide sc and pq by the largest score that people may give")
    judged = _read_scores(scores, {rating.key[0] for rating in rated})
    matches = match_keys(ratings, {rating.key for rating in rated}, Path("the run"), judged)
    if not matches:
        raise UserError(f"{ratings}: rates no scored pair of the run; its column {KEY} must name pairs of the run")
    return threshold_rows(rated, {mine: judged[theirs] for mine, theirs in matches.items()}, GOOD)


def _read_scores(files: Sequence[Path], pairs: set[str]) -> dict[Key, Scores]:
    """Return the O of the given pairs, by pair and task."""
    return {
        (row[KEY], "", file.parent.name): {"o": row["o_score"]}
        for file in files
        for row in stream_rows(file, [KEY, "o_score"])
        if row[KEY] in pairs and row["o_score"] is not None
    }
