"""Results of ratings as Markdown, CSV and JSON."""

import json

from helpers.small_run import HOSTILE
from omniedit.evaluation.people.answers import Answer
from omniedit.evaluation.people.rated_edits import RatedEdit
from omniedit.evaluation.people.rating_results import RatingResults, summarize
from omniedit.evaluation.people.result_tables import COLUMNS, csv_rows, markdown, to_json


def make_results() -> RatingResults:
    """Rate ten images of two tasks and two editors by two raters, who disagree on every third image."""
    edits, answers = {}, []
    for number in range(20):
        item, editor = divmod(number, 2)
        name = ("good", HOSTILE)[editor]
        edits[number] = RatedEdit(
            f"i{item}", name, ("swap", "a|b")[item % 2], "Do.", f"{item}", f"{number}", bytes, bytes
        )
        for rater in ("ada", "bo|b"):
            sc = 1.0 - editor / 2 - (0.5 if rater == "ada" and item % 3 == 0 else 0)
            answers.append(Answer(number, sc=sc, pq=1.0 - item % 2 / 2, rater=rater, seconds=4.0))
    return summarize(edits, [*answers, Answer(0, problem=f"other: {HOSTILE}", rater="eve")])


def test_the_text_has_all_columns_with_intervals() -> None:
    lines = markdown(make_results())
    assert lines[0].startswith("40 ratings of 20 edits of 10 images by 2 raters, 2 for each edit")
    assert lines[2] == "| rank | editor | PQ | SC | O | Acc | edits | ratings |"
    assert lines[4].startswith("| 1 | good | 0.75 [0.60, 0.90] | 0.90 [0.8") and lines[4].endswith("| 10 | 20 |")
    assert any(line.startswith("| Krippendorff's alpha, ordinal | 0.") for line in lines)
    assert any(line.startswith("| equal scores of two raters | 0.60 [") for line in lines)
    assert "Edits have fewer than the paper's 4 raters." in lines


def test_names_and_reasons_are_escaped_in_table_cells() -> None:
    lines = markdown(make_results())
    tables = [line for line in lines if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") in (5, 9, 10, 4, 7) for line in tables)
    assert not any("<img" in line.replace("\\<", "") for line in lines)
    assert any(line.startswith("| bo\\|b | 20 |") for line in lines)
    assert any(line.startswith("| eve | 0 | - |") for line in lines)
    assert any(line.startswith("| a\\|b | 0.") for line in lines)


def test_the_csv_has_a_row_for_each_editor_and_task() -> None:
    rows = csv_rows(make_results().editors)
    assert len(rows) == 6 and all(set(row) == set(COLUMNS) for row in rows)
    best = rows[0]
    assert (best["editor"], best["task"], best["rank"], best["rank_low"]) == ("good", "all", 1, 1)
    assert best["sc_low"] < best["sc"] < best["sc_high"]


def test_json_contains_all_results() -> None:
    figures = json.loads(json.dumps(to_json(make_results()), allow_nan=False))
    assert figures["editors"][0]["scores"]["acc"]["value"] == 0.8
    assert figures["raters"][0]["name"] == "ada" and set(figures["alphas"]) == {"ordinal", "interval"}
