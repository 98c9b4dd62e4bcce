"""Tests of the agreement of metrics with people, on ratings and values made by hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from omniedit.errors import UserError
from omniedit.evaluation.agreement.task_agreement import PROTOCOLS
from omniedit.evaluation.metrics.correlation import (
    correlate_metrics,
    correlation_lines,
    correlations_json,
    is_measured,
    rank_scores,
)

RATERS = {
    "ann": {"a": (1, 1), "b": (0.5, 1), "c": (0, 0.5), "d": (0.5, 0), "e": (1, 0)},
    "bob": {"a": (1, 0.5), "b": (1, 1), "c": (0, 0), "d": (0, 0.5), "e": (0.5, 0)},
}
LPIPS = {"a": 0.1, "b": 0.3, "c": 0.9, "d": 0.2, "e": 0.5}
CLIP = {"a": 0.9, "b": 0.7, "c": -0.2, "d": 0.4, "e": 0.8}


def write(path: Path, rows: list[dict]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    rows = [
        {"pair_id": pair, "model": "x", "rater": rater, "sc": sc, "pq": pq}
        for rater, of_rater in RATERS.items()
        for pair, (sc, pq) in of_rater.items()
    ]
    return write(tmp_path / "ratings.csv", rows)


@pytest.fixture
def values(tmp_path: Path) -> Path:
    rows = [
        {
            "pair_id": pair,
            "model": "x",
            "status": "measured",
            "lpips_source": LPIPS[pair],
            "clip_t": CLIP[pair],
            "l1": "",
        }
        for pair in LPIPS
    ]
    return write(tmp_path / "values.csv", rows)


def expected_correlation(metric: dict[str, float], score: int, sign: int) -> float:
    """Return the mean over raters, as Fisher's z."""
    z = [
        np.arctanh(spearmanr([sign * metric[pair] for pair in metric], [of_rater[pair][score] for pair in metric])[0])
        for of_rater in RATERS.values()
    ]
    return float(np.tanh(np.mean(z)))


def test_correlations_are_averaged_over_raters_by_fishers_z(values: Path, ratings: Path):
    found = correlate_metrics(values, ratings, "pair_id", PROTOCOLS["raters"])
    assert list(found) == ["clip_t", "lpips_source"], "a metric without a value is left out"
    for name, metric, sign in (("lpips_source", LPIPS, -1), ("clip_t", CLIP, 1)):
        mean = found[name][-1]
        assert mean.images == 5
        assert mean.judge["sc"] == pytest.approx(expected_correlation(metric, 0, sign))
        assert mean.judge["pq"] == pytest.approx(expected_correlation(metric, 1, sign))


def test_viescore_protocol_compares_with_the_mean_rater(values: Path, ratings: Path):
    found = correlate_metrics(values, ratings, "pair_id", PROTOCOLS["viescore"])
    people = {pair: np.mean([np.sqrt(np.prod(of[pair])) for of in RATERS.values()]) for pair in LPIPS}
    plain = spearmanr([-LPIPS[pair] for pair in LPIPS], [people[pair] for pair in LPIPS])[0]
    assert found["lpips_source"][-1].judge["o"] == pytest.approx(np.tanh(plain))


def test_ranks_keep_ties_and_reverse_with_the_direction():
    scores = {(name, "", ""): {"sc": v, "pq": v, "o": v} for name, v in (("a", -2.0), ("b", float("inf")), ("c", -2.0))}
    assert [found["o"] for found in rank_scores(scores, True).values()] == [1, 2, 1]
    assert [found["sc"] for found in rank_scores(scores, False).values()] == [2, 1, 2]


def test_the_table_has_a_row_for_each_metric_and_for_people(values: Path, ratings: Path):
    found = correlate_metrics(values, ratings, "pair_id", PROTOCOLS["raters"])
    lines = correlation_lines(found, PROTOCOLS["raters"])
    assert any(line.startswith("| LPIPS to source | mean | 5 | ") for line in lines)
    assert any(line.startswith("| people | mean | 5 | ") for line in lines)
    assert "signs of metrics for which lower is better are reversed" in lines
    assert correlations_json(found, PROTOCOLS["raters"])["metrics"]["clip_t"][-1]["images"] == 5


def test_tables_that_do_not_match_are_errors(values: Path, ratings: Path, tmp_path: Path):
    with pytest.raises(UserError, match="lacks the column uid"):
        correlate_metrics(
            values, write(tmp_path / "r.csv", [{"uid": 1, "rater": "r", "sc": 1, "pq": 1}]), "uid", PROTOCOLS["raters"]
        )
    row = {"pair_id": "a", "model": "x", "status": "measured", "l1": 0.5}
    with pytest.raises(UserError, match="row 2: pair_id 'a' is in row 1 too"):
        correlate_metrics(write(tmp_path / "twice.csv", [row, row]), ratings, "pair_id", PROTOCOLS["raters"])
    with pytest.raises(UserError, match="column l1: could not convert string to float: 'low'; correct or empty"):
        wrong = write(tmp_path / "wrong.csv", [row | {"l1": "low"}])
        correlate_metrics(wrong, ratings, "pair_id", PROTOCOLS["raters"])
    with pytest.raises(UserError, match="have no image in common"):
        other = write(tmp_path / "other.csv", [row | {"pair_id": "z"}])
        correlate_metrics(other, ratings, "pair_id", PROTOCOLS["raters"])


def test_a_table_without_metrics_is_recognised():
    assert is_measured([{"status": "measured", "l1": "0"}])
    assert not is_measured([{"status": "scored", "o_score": "3"}])
    assert not is_measured([])
