"""Tests for two tables of scores: measured noise equals added noise, and pairs that cross the threshold are counted."""

from pathlib import Path

import numpy as np
import pytest

from omniedit.errors import UserError
from omniedit.evaluation.compare_scores import compare, describe, is_scores, to_json
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import write_rows


def report(first: Path, second: Path, key: str, threshold: float) -> list[str]:
    return describe(compare(first, second, key, threshold))


def write(path: Path, scores: np.ndarray, start: int = 0) -> Path:
    columns = ("sc_score_1", "sc_score_2", "pq_score", "o_score")
    rows = [
        {"pair_id": f"p{number}", "status": "scored", **dict.fromkeys(columns, float(score))}
        for number, score in enumerate(scores, start)
    ]
    write_rows(path, [*rows, {"pair_id": "lost", "status": "unscorable"}], SCORES_SCHEMA)
    return path


def test_noise_bias_and_switched_decisions_match_the_simulated_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(3, 8, 4000)
    tables = [
        write(tmp_path / f"{number}.parquet", truth + number + rng.normal(0, 0.2, 4000), 10 * number)
        for number in range(2)
    ]
    lines = report(*tables, "pair_id", threshold=12)
    overall = [cell.strip() for cell in lines[4].split("|")[1:-1]]
    assert overall[:2] == ["O", "3990"] and lines[-1].startswith("20 pairs")
    same = report(tables[0], tables[0], "pair_id", 6)
    assert same[4] == "| O | 4000 | 1.000 | +0.000 | 0.000 | 0.000 |" and same[5].startswith("0 of 4000")
    again = write(tmp_path / "again.parquet", truth + 0.5 + rng.normal(0, 0.2, 4000))
    _, _, correlation, bias, distance, noise = (
        c.strip() for c in report(tables[0], again, "pair_id", 6)[4].split("|")[1:-1]
    )
    assert float(correlation) > 0.97 and float(bias) == pytest.approx(0.5, abs=0.02)
    assert float(distance) == pytest.approx(0.5, abs=0.05) and float(noise) == pytest.approx(0.2, abs=0.01)
    few = write(tmp_path / "one.parquet", np.array([5.0, 8.9])), write(tmp_path / "two.parquet", np.array([5.0, 9.0]))
    assert report(*few, "pair_id", 9)[5] == "1 of 2 pairs are accepted by one and rejected by the other at O = 9"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("p1,scored,1,2,nan", "row 2: column o_score: 'nan' must be a number from 0 to 10"),
        ("p1,scored,inf,2,3", "row 2: column sc_score: 'inf' must be a number"),
        ("p0,scored,1,2,3", "row 2: pair_id 'p0' has a score in an earlier row"),
    ],
)
def test_duplicate_scores_and_texts_in_place_of_numbers_are_rejected(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "b.csv"
    path.write_text(f"pair_id,status,sc_score,pq_score,o_score\np0,scored,1,1,1\n{row}\nlost,unscorable,,,\n")
    with pytest.raises(UserError, match=message):
        report(write(tmp_path / "a.parquet", np.ones(2)), path, "pair_id", 9)


def test_tables_of_different_pairs_are_rejected_and_ratings_recognised(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.parquet", np.ones(2)), write(tmp_path / "b.parquet", np.ones(2), 5)
    with pytest.raises(UserError, match="no scored pair in common"):
        report(a, b, "pair_id", 9)
    (tmp_path / "ratings.csv").write_text("pair_id,rater,sc,pq\np0,ann,1,1\n")
    (tmp_path / "scores.csv").write_text("pair_id,status,pq_score,o_score\np0,scored,1,1\n")
    assert (is_scores(a), is_scores(tmp_path / "ratings.csv"), is_scores(tmp_path / "scores.csv")) == (
        True,
        False,
        True,
    )


def test_scores_of_another_model_are_not_compared(tmp_path: Path) -> None:
    head = "pair_id,model,status,sc_score,pq_score,o_score\n"
    a = "".join(f"p{n},A,scored,{n},{n},{n}\n" for n in range(5))
    b = "".join(f"p{n},B,scored,{9 - n},{9 - n},{9 - n}\n" for n in range(5))
    for name, rows in {"a": a, "b": b, "both": a + b}.items():
        (tmp_path / f"{name}.csv").write_text(head + rows)
    lines = report(tmp_path / "a.csv", tmp_path / "both.csv", "pair_id", 9)
    assert lines[4] == "| O | 5 | 1.000 | +0.000 | 0.000 | 0.000 |" and lines[-1].startswith("5 pairs")
    with pytest.raises(UserError, match="no scored pair in common"):
        report(tmp_path / "a.csv", tmp_path / "b.csv", "pair_id", 9)


def test_json_has_the_figures_of_the_text_and_no_nan(tmp_path: Path) -> None:
    few = write(tmp_path / "one.parquet", np.array([5.0, 8.9])), write(tmp_path / "two.parquet", np.array([5.0, 9.0]))
    figures = to_json(compare(*few, "pair_id", 9))
    assert (figures["pairs"], figures["switched"], figures["in_one_only"]) == (2, 1, 0)
    assert figures["differences"]["o"] == {"spearman": 1.0, "mean": 0.05, "mean_absolute": 0.05, "noise": 0.05}
    single = [write(tmp_path / f"single{number}.parquet", np.array([5.0])) for number in range(2)]
    assert to_json(compare(*single, "pair_id", 9))["differences"]["sc"]["noise"] is None
