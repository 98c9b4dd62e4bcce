"""Tests of the readers of VIEScore's files: cells as published, and hostile tables with one clear line of error."""

from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.evaluation.agreement import read_judged, read_ratings

HEAD = "task,model,uid,sc_scores,pq_scores\n"


def write_ratings(folder: Path, **raters: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for rater, text in raters.items():
        (folder / f"{rater}.tsv").write_text(text)
    return folder


def read_scores(folder: Path, text: str) -> dict:
    (folder / "s.csv").write_text(HEAD + text)
    return read_judged(folder / "s.csv", "pair_id")


def test_ratings_are_read_from_a_file_per_rater_with_a_column_per_model(tmp_path: Path) -> None:
    folder = write_ratings(tmp_path / "swap", ann="uid\tA\tB\nx.jpg\t[0.5, 1]\t[0,1]\ny.jpg\t\tnull\n")
    first, second = read_ratings(folder, "pair_id")
    assert (first.key, first.rater) == (("x.jpg", "A", "swap"), "ann") and second.key == ("x.jpg", "B", "swap")
    assert first.scores == {"sc": 0.5, "pq": 1.0, "o": 0.5**0.5} and second.scores["o"] == 0


def test_tasks_are_named_after_their_folders(tmp_path: Path) -> None:
    for task in ("swap", "style", ".ipynb_checkpoints"):
        write_ratings(tmp_path / task, ann="uid\tA\nx\t[1, 1]\n", bob="uid\tA\nx\t[0, 1]\n")
    (tmp_path / "LICENSE").write_text("MIT")
    ratings = read_ratings(tmp_path, "pair_id")
    assert {(rating.key[2], rating.rater) for rating in ratings} == {
        (task, rater) for task in ("swap", "style") for rater in ("ann", "bob")
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("id\tA\nx\t[1, 1]\n", "ann.tsv: lacks the column uid; available: id, A"),
        ("uid\tA\nx\t[1]\n", r"ann.tsv: row 1: column A: '\[1\]' is no rating; give \[SC, PQ\]"),
        ("uid\tA\nx\t[1, 1]\ny\t0.5\n", "row 2: column A: '0.5' is no rating"),
        ("uid\tA\nx\t[1, NaN]\n", "row 1: column A: .* is no rating"),
        ("uid\tA\nx\t[1, -1]\n", "row 1: column A: .* is no rating"),
        ("uid\tA\nx\t[true, 1]\n", "row 1: column A: .* is no rating"),
        (f"uid\tA\nx\t{'[' * 3000}\n", "row 1: column A: .* is no rating"),
        ("uid\tA\nx\t[1, 1]\nx\t[1, 1]\n", "row 2: uid 'x' is in an earlier row too"),
        ("uid\tA\nx\t[1, 1]\t[1, 1]\n", "row 1: has more cells than the table has columns"),
        ("uid\tA\tA\nx\t[1, 1]\t[1, 1]\n", "has two columns named 'A'"),
    ],
)
def test_unreadable_ratings_are_named_by_file_and_row(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(UserError, match=error):
        read_ratings(write_ratings(tmp_path, ann=text), "pair_id")


def test_a_folder_without_tables_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nor its subfolders have a \.tsv file"):
        read_ratings(tmp_path, "pair_id")


def test_scores_are_the_smallest_sub_scores_truncated_to_integers(tmp_path: Path) -> None:
    rows = [
        'swap,A,x,"[9, 4.9]","[7.9, 8]"\n',
        "swap,A,y,6.5,12\n",
        'swap,A,z,,"[1, 1]"\n',
        'swap,A,w,"[3, 3]",null\n',
    ]
    judged = read_scores(tmp_path, "".join(rows))
    assert judged[("x", "A", "swap")] == {"sc": 4.0, "pq": 7.0, "o": 28**0.5}
    assert judged[("y", "A", "swap")] == {"sc": 6.5, "pq": 10.0, "o": 65**0.5} and len(judged) == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("swap,A,x,bad,1\n", "s.csv: row 1: column sc_scores: 'bad' must be a list of numbers of at least 0, or null"),
        ('swap,A,x,"[1, null]",1\n', "row 1: column sc_scores"),
        ('swap,A,x,"[]",1\n', "row 1: column sc_scores"),
        ('swap,A,x,1,"[1, NaN]"\n', "row 1: column pq_scores"),
        ('swap,A,x,1,"[1, Infinity]"\n', "row 1: column pq_scores"),
        ('swap,A,x,1,"{""a"": 1}"\n', "row 1: column pq_scores"),
        ("swap,A,x,1,1\nswap,A,x,,\n", "row 2: uid 'x' of 'A' has an earlier row"),
    ],
)
def test_unreadable_scores_are_named_by_file_and_row(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(UserError, match=error):
        read_scores(tmp_path, text)


def test_a_table_of_scores_without_models_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("uid,sc_scores,pq_scores\nx,1,1\n")
    with pytest.raises(UserError, match="lacks the column task, model"):
        read_judged(tmp_path / "s.csv", "pair_id")
