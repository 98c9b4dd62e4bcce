"""Comparison of a run's scores with people's ratings of its own pairs: `results/{run}/ratings.csv`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omniedit.errors import UserError
from omniedit.evaluation.agreement.ratings import Key, Scores, match_keys
from omniedit.evaluation.agreement.readers import read_ratings
from omniedit.evaluation.agreement.task_agreement import Agreement, agreements
from omniedit.evaluation.agreement.thresholds import MIN_GOOD_O, Threshold, threshold_rows
from omniedit.storage.parquet import stream_rows

KEY = "pair_id"
COLUMNS = [KEY, "sc_score_1", "sc_score_2", "pq_score", "o_score"]


@dataclass(frozen=True)
class RunRatings:
    """Comparison of a run's judge with people, over the rated pairs.

    Args:
        agreement: a row for each task, then their mean.
        thresholds: effect of each threshold on O, by task and over all.
    """

    agreement: Sequence[Agreement]
    thresholds: Sequence[Threshold]


def measure_run(scores: Sequence[Path], ratings: Path) -> RunRatings:
    """Compare the scores of a run with people's ratings of its pairs.

    Args:
        scores: the files `scores/{task}/{shard}.parquet`.
        ratings: table with columns pair_id, rater, sc and pq from 0 to 1, and optionally task.

    Raises:
        UserError: a rating is above 1, no pair of the run is rated, or as in `read_ratings`.
    """
    rated = read_ratings(ratings, KEY)
    if any(score > 1 for rating in rated for score in rating.scores.values()):
        raise UserError(f"{ratings}: has ratings above 1; divide sc and pq by the largest score that people may give")
    judged = _read_scores(scores, {rating.key[0] for rating in rated})
    matches = match_keys(ratings, {rating.key for rating in rated}, Path("the run"), judged)
    if not matches:
        raise UserError(f"{ratings}: rates no scored pair of the run; its column {KEY} must name pairs of the run")
    matched = {own_key: judged[judge_key] for own_key, judge_key in matches.items()}
    return RunRatings(agreements(rated, matched), threshold_rows(rated, matched, MIN_GOOD_O))


def _read_scores(files: Sequence[Path], pairs: set[str]) -> dict[Key, Scores]:
    """Return the scores of the given pairs, by pair and task."""
    scores: dict[Key, Scores] = {}
    for file in files:
        for row in stream_rows(file, COLUMNS):
            if row[KEY] in pairs and row["o_score"] is not None:
                sc = min(row["sc_score_1"], row["sc_score_2"])
                scores[row[KEY], "", file.parent.name] = {"sc": sc, "pq": row["pq_score"], "o": row["o_score"]}
    return scores
