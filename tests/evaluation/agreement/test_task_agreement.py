"""Tests for agreement with people: correlations by hand, and errors for tables that do not match."""

import csv
from collections.abc import Sequence
from math import atanh, tanh
from pathlib import Path

import numpy as np
import pytest

from omniedit.errors import DamagedFile, UserError
from omniedit.evaluation.agreement import Key, Rating, agreements, read_judged, read_ratings
from omniedit.evaluation.agreement.raters_protocol import RATERS
from omniedit.evaluation.agreement.report import agreement_lines, compare
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import write_rows


def ratings(task: str, model: str, rater: str, values: Sequence[float]) -> list[Rating]:
    """Return ratings of numbered images, with equal SC, PQ and O."""
    return [
        Rating((str(number), model, task), rater, {"sc": value, "pq": value, "o": value})
        for number, value in enumerate(values)
    ]


def report(scores: Path, people: Path, key: str) -> list[str]:
    """Return the lines that `omniedit agree` prints of the agreement."""
    return agreement_lines(compare(scores, people, key, RATERS, None))


def mean_row(lines: Sequence[str]) -> str:
    return next(line for line in lines if line.startswith("| mean |"))


def judge_pair(of: Sequence[Rating]) -> dict[Key, dict[str, float]]:
    return {rating.key: dict(rating.scores) for rating in of}


def test_each_rater_is_compared_with_the_judge_and_with_the_others() -> None:
    ann, bob = ratings("swap", "", "ann", [1, 2, 3, 4]), ratings("swap", "", "bob", [1, 2, 4, 3])
    task, mean = agreements([*ann, *bob], judge_pair(ratings("swap", "", "judge", [4, 3, 2, 1])))
    assert (task.task, task.images) == ("swap", 4)
    assert task.people["sc"] == pytest.approx(0.8)
    assert task.judge["sc"] == pytest.approx(tanh((atanh(-0.9999) + atanh(-0.8)) / 2))
    assert (mean.task, mean.judge) == ("mean", task.judge)


def test_correlations_are_computed_within_models_and_tasks_have_equal_weight() -> None:
    """Check that a gap between models adds no correlation.

    A task with many models has the same weight as a task with one.
    """
    good, bad = [8, 9, 8.5], [1, 3, 2]
    people = [*ratings("swap", "good", "ann", good), *ratings("swap", "bad", "ann", bad)]
    people += ratings("style", "good", "ann", [1, 2, 3, 4])
    judge = [*ratings("swap", "good", "", [9, 8.5, 8]), *ratings("swap", "bad", "", [3, 2, 1])]
    judge += ratings("style", "good", "", [2, 1, 3, 4])
    swap, style, mean = agreements(people, judge_pair(judge))
    assert swap.judge["o"] == pytest.approx(-0.5) and style.judge["o"] == pytest.approx(0.8)
    assert mean.judge["o"] == pytest.approx(tanh((atanh(-0.5) + atanh(0.8)) / 2))
    assert mean.people["o"] is None


def test_constant_or_few_scores_have_no_correlation() -> None:
    constant = agreements(ratings("swap", "", "ann", [1, 1, 1]), judge_pair(ratings("swap", "", "", [1, 2, 3])))
    few = agreements(ratings("swap", "", "ann", [1, 2]), judge_pair(ratings("swap", "", "", [1, 2])))
    assert constant[0].judge["o"] is None and few[0].judge["o"] is None


def test_a_table_of_the_chain_and_ratings_of_people_make_a_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"pair_id": f"p{n}", "status": "scored", "sc_score_1": 9.0, "sc_score_2": float(n), "pq_score": 8.0 - n}
        for n in range(6)
    ]
    for row in rows:
        row["o_score"] = (row["sc_score_2"] * row["pq_score"]) ** 0.5
    write_rows(tmp_path / "s.parquet", [*rows, {"pair_id": "p6", "status": "unscorable"}], SCORES_SCHEMA)
    with (tmp_path / "r.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["pair_id", "rater", "sc", "pq"])
        writer.writerows([f"p{n}", who, n / 10, rng.uniform()] for who in ("ann", "bob") for n in range(7))
    lines = report(tmp_path / "s.parquet", tmp_path / "r.csv", "pair_id")
    assert lines[0].startswith("| task | images | people SC | people PQ | people O | judge SC |")
    assert lines[2].startswith("| all | 6 | 1.000 | ") and lines[2].split(" | ")[5] == "1.000"
    assert "1 rated images have no score from the judge and are skipped" in lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pair_id,rater,sc\np,ann,1\n", "r.csv: lacks the column pq"),
        ("pair_id,rater,sc,pq\np,ann,1,x\n", "r.csv: row 1: column pq: 'x' must be a number of at least 0"),
        ("pair_id,rater,sc,pq,sc\np,ann,1,2,3\n", "r.csv: has two columns named 'sc'; rename one"),
        ('pair_id,rater,sc,pq\np,ann,1,2\nq,"ann,1,2\n', "r.csv: not CSV in UTF-8 from line 3 on"),
        ("pair_id,rater,sc,pq\np,ann,1,-2\n", "row 1: column pq: '-2' must be a number"),
        ("pair_id,rater,sc,pq\np,ann,1,2\nq,ann,-1,-1\n", "row 2: column sc: '-1' must be a number"),
        ("pair_id,rater,sc,pq\np,ann,inf,2\n", "row 1: column sc: 'inf' must be a number"),
        ("pair_id,rater,sc,pq\np,ann,1,inf\n", "row 1: column pq: 'inf' must be a number"),
        ("pair_id,rater,sc,pq\np,ann,1,2\nq,ann,1,2\np,ann,3,3\n", "row 3: 'ann' rates 'p' in row 1 too; remove one"),
    ],
)
def test_unreadable_ratings_raise_an_error_that_names_the_problem(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_ratings(tmp_path / "r.csv", "pair_id")


def test_a_rater_may_rate_an_image_once_for_each_task_and_model(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("pair_id,rater,sc,pq,model\np,ann,1,2,a\np,ann,3,4,b\np,bob,5,6,a\n")
    assert [rating.scores["pq"] for rating in read_ratings(tmp_path / "r.csv", "pair_id")] == [2, 4, 6]


def test_unrated_images_are_omitted(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("pair_id,rater,sc,pq\np,ann,,\nq,ann,3,4\nr,ann,3,\n")
    assert [rating.key for rating in read_ratings(tmp_path / "r.csv", "pair_id")] == [("q", "", "")]


def test_a_table_in_another_format_is_not_reported_as_damaged(tmp_path: Path) -> None:
    for name in ("s.xlsx", "s.parquet"):
        (tmp_path / name).write_text("pair_id\tstatus\n")
    with pytest.raises(UserError, match=r"s.xlsx: not a supported table; give a .parquet, .csv or .tsv file"):
        read_judged(tmp_path / "s.xlsx", "pair_id")
    with pytest.raises(UserError, match=r"s.parquet: cannot be read as Parquet") as raised:
        read_judged(tmp_path / "s.parquet", "pair_id")
    assert not isinstance(raised.value, DamagedFile)


def agree(folder: Path, scores: Sequence[str], ratings: Sequence[str], head: str = "pair_id,model,task") -> list[str]:
    """Return the lines of `omniedit agree`. Each row is a key and one number, which is SC, PQ and O."""
    rows = [f"{row.rpartition(',')[0]},scored{3 * (',' + row.rpartition(',')[2])}\n" for row in scores]
    (folder / "s.csv").write_text(f"{head},status,sc_score,pq_score,o_score\n" + "".join(rows))
    rows = [f"{row.rpartition(',')[0]},{who}{2 * (',' + row.rpartition(',')[2])}\n" for row in ratings for who in "xy"]
    (folder / "r.csv").write_text("pair_id,model,task,rater,sc,pq\n" + "".join(rows))
    return report(folder / "s.csv", folder / "r.csv", "pair_id")


KEYS = [f"p{number},{model},{task}" for number in range(5) for model in "AB" for task in ("swap", "style")]


@pytest.mark.parametrize("kept", ["A", "B", "swap", "A,swap", ""])
def test_only_ratings_of_the_same_pair_model_and_task_are_compared(tmp_path: Path, kept: str) -> None:
    """Give each key its own number, so that a pair joined with another model or task disagrees."""
    values = np.random.default_rng(0).permutation(len(KEYS)) / 2
    rows = [f"{key},{value}" for key, value in zip(KEYS, values, strict=True)]
    mean = mean_row(agree(tmp_path, [row for row in rows if kept in row], rows))
    assert mean.split(" | ")[2:] == ["1.000"] * 5 + ["1.000 |"]


def test_a_pair_of_several_models_needs_the_model_in_both_tables(tmp_path: Path) -> None:
    ratings = [f"{key},{number}" for number, key in enumerate(KEYS)]
    with pytest.raises(UserError, match=r"r.csv: has several models of the pair 'p0' and .*s.csv names none; add"):
        agree(tmp_path, [f"p{number},swap,{number}" for number in range(5)], ratings, "pair_id,task")
    with pytest.raises(UserError, match=r"r.csv: has several tasks of the pair 'p0' and .*s.csv names none"):
        agree(tmp_path, [f"p{number},A,{number}" for number in range(5)], ratings, "pair_id,model")
    one_model = [row for row in ratings if ",A,swap," in row]
    lines = agree(tmp_path, [f"p{number},{number}" for number in range(5)], one_model, "pair_id")
    assert "| 1.000 |" in mean_row(lines)


def test_tables_without_a_common_image_raise_an_error(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("pair_id,status,sc_score,pq_score,o_score\nq,scored,1,1,1\n")
    (tmp_path / "r.csv").write_text("pair_id,rater,sc,pq\np,ann,1,1\n")
    assert read_judged(tmp_path / "s.csv", "pair_id") == {("q", "", ""): {"sc": 1, "pq": 1, "o": 1}}
    with pytest.raises(UserError, match="have no image in common; their columns pair_id"):
        report(tmp_path / "s.csv", tmp_path / "r.csv", "pair_id")
    with pytest.raises(UserError, match="lacks the column my_id; --key names"):
        read_judged(tmp_path / "s.csv", "my_id")
    (tmp_path / "s.csv").write_text("pair_id,pq_score,o_score\nq,1,1\n")
    with pytest.raises(UserError, match="lacks the column status; in rows with a score, status is scored"):
        read_judged(tmp_path / "s.csv", "pair_id")
