"""Exports of ratings, read back by the readers of `omniedit agree` and of the report."""

from pathlib import Path

from helpers.small_run import HOSTILE, make_run
from omniedit.evaluation.agreement.ratings import Rating
from omniedit.evaluation.agreement.readers import read_ratings
from omniedit.evaluation.agreement.run_ratings import measure_run
from omniedit.evaluation.people.exports import write_imagenhub, write_ratings
from omniedit.evaluation.people.inputs import read_edits
from omniedit.evaluation.people.rated_edits import CHECK, RatedEdit
from omniedit.evaluation.people.rating_results import PersonRating


def rate(item: str, editor: str, task: str, rater: str, sc: float, pq: float) -> PersonRating:
    return PersonRating(RatedEdit(item, editor, task, "Do it.", "", f"{item}{editor}", bytes, bytes), rater, sc, pq)


RATINGS = [
    rate("i1", "a", "swap", "ada", 1.0, 0.5),
    rate("i1", "b", "swap", "ada", 0.0, 0.5),
    rate("i2", "a", "swap", "ada", 0.5, 0.5),
    rate("i1", "a", "swap", "=Bob/../x", 1.0, 1.0),
    rate("i3", "a", "style", "ada", 1.0, 1.0),
    rate("i3", CHECK, "style", "ada", 0.0, 1.0),
]


def to_tuples(ratings: list[Rating]) -> set[tuple]:
    return {(*each.key, each.rater, each.scores["sc"], each.scores["pq"]) for each in ratings}


def test_omniedit_agree_reads_the_exported_csv(tmp_path: Path) -> None:
    write_ratings(tmp_path / "ratings.csv", RATINGS)
    assert to_tuples(read_ratings(tmp_path / "ratings.csv", "pair_id")) == {
        (each.edit.item_id, each.edit.editor, each.edit.task, each.rater, each.sc, each.pq) for each in RATINGS[:5]
    }


def test_exported_folder_has_the_layout_of_imagenhub(tmp_path: Path) -> None:
    files = write_imagenhub(tmp_path / "hub", RATINGS)
    assert [file.relative_to(tmp_path / "hub").as_posix() for file in files] == [
        "style/ada.tsv",
        "swap/Bob_x.tsv",
        "swap/ada.tsv",
    ]
    assert files[2].read_text() == "uid\ta\tb\ni1\t[1.0, 0.5]\t[0.0, 0.5]\ni2\t[0.5, 0.5]\t\n"
    found = to_tuples(read_ratings(tmp_path / "hub", "pair_id"))
    assert found == {
        (
            each.edit.item_id,
            each.edit.editor,
            each.edit.task,
            each.rater.replace("=Bob/../x", "Bob_x"),
            each.sc,
            each.pq,
        )
        for each in RATINGS[:5]
    }


def test_raters_with_the_same_file_name_keep_their_own_files(tmp_path: Path) -> None:
    ratings = [rate("i1", HOSTILE, "", name, 1.0, 1.0) for name in ("a/b", "A b", "..")]
    files = write_imagenhub(tmp_path, ratings)
    assert sorted(file.relative_to(tmp_path).as_posix() for file in files) == [
        "ratings/A_b.tsv",
        "ratings/a_b-2.tsv",
        "ratings/unnamed.tsv",
    ]
    assert {key[1] for key in to_tuples(read_ratings(tmp_path, "pair_id"))} == {HOSTILE}


def test_the_report_reads_exported_ratings_of_candidates(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    edits = {edit.item_id: edit for edit in read_edits(run).edits}
    ratings = [
        PersonRating(edits[f"swap-{n}"], rater, sc, 1.0)
        for n, sc in ((0, 1.0), (1, 0.5), (3, 1.0))
        for rater in ("ada", "bob")
    ]
    write_ratings(run / "ratings.csv", ratings)
    found = measure_run([run / "scores/object_swap/00000.parquet"], run / "ratings.csv")
    assert [(row.task, row.images, row.raters) for row in found.agreement] == [("object_swap", 3, 2), ("mean", 3, 2)]
    assert found.thresholds[-1].good == 3
