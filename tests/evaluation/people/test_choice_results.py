"""Choices between two edits: ranks, agreement, position bias, and the table for `omniedit compare`."""

import pytest

from omniedit.errors import UserError
from omniedit.evaluation.comparisons.table import SCHEMA, to_comparisons
from omniedit.evaluation.people.answers import Answer
from omniedit.evaluation.people.choice_results import (
    choices_to_json,
    comparison_rows,
    describe_choices,
    summarize_choices,
)
from omniedit.evaluation.people.rated_edits import RatedEdit

EDITS = {
    10 * item + place: RatedEdit(f"i{item}", editor, "swap", "Do it.", f"image {item}", f"{item}{editor}", bytes, bytes)
    for item in (1, 2, 3)
    for place, editor in enumerate("abc")
}


def choose(
    item: int, first: int, second: int, winner: str | None, rater: str = "ada", is_swapped: bool = False
) -> Answer:
    problem = "" if winner else "unclear"
    return Answer(10 * item + first, 10 * item + second, is_swapped, winner=winner, problem=problem, rater=rater)


ANSWERS = [
    *(choose(item, 0, 1, "A", rater) for item in (1, 2, 3) for rater in ("ada", "bob")),
    *(choose(item, 1, 2, "A", is_swapped=True) for item in (1, 2, 3)),
    choose(1, 1, 2, "B", "bob"),
    choose(2, 0, 2, "tie"),
    choose(3, 0, 2, None),
    Answer(99, 98, winner="A", rater="ada"),
    Answer(10, sc=1.0, pq=1.0, rater="ada"),
]


def test_editors_are_ranked_and_raters_compared() -> None:
    results = summarize_choices(EDITS, ANSWERS)
    assert [rank.editor for rank in results.ranks] == ["a", "b", "c"]
    assert (results.choices, results.questions, results.images) == (11, 7, 3)
    assert results.raters == {"ada": 7, "bob": 4} and results.unable == {"unclear": 1} and results.outdated == 1
    assert results.equal.value == pytest.approx(3 / 4)
    assert results.alpha.value == pytest.approx(1 - 7 * 2 / (64 - 49 - 1))


def test_position_bias_is_counted_by_the_displayed_side() -> None:
    results = summarize_choices(EDITS, ANSWERS)
    assert results.winners == {"left": 6, "right": 4, "tie": 1}
    assert (results.position.favoured, results.position.total) == (6, 10)


def test_text_lists_ranks_agreement_and_reasons() -> None:
    text = "\n".join(describe_choices(summarize_choices(EDITS, ANSWERS)))
    assert "| 1 | a |" in text and "60.0 % of 10 choices with a winner are for the edit on the left" in text
    assert "11 choices of 2 raters between the edits of 7 pairs on 3 images: 6 left, 4 right, 1 tie." in text
    assert "Cannot be judged, by raters' reasons: 1 unclear." in text and "1 answers are about edits" in text
    figures = choices_to_json(summarize_choices(EDITS, ANSWERS))
    assert figures["ranks"][0]["editor"] == "a" and figures["position_bias"]["share"] == 0.6


def test_exported_rows_give_the_same_comparisons(tmp_path) -> None:
    rows = comparison_rows(EDITS, ANSWERS)
    assert len(rows) == 12 and all(set(row) == set(SCHEMA.names) for row in rows)
    comparisons = to_comparisons(rows, tmp_path)
    assert len(comparisons) == 11 and sum(each.share for each in comparisons) == 9.5
    assert (rows[6]["answer_ba"], rows[6]["answer_ab"], rows[6]["judge_version"]) == ("A", "", "ada")
    assert (rows[-1]["status"], rows[-1]["reason"], rows[-1]["winner"]) == ("unscorable", "unclear", "")


def test_results_without_a_choice_raise_an_error() -> None:
    with pytest.raises(UserError, match="have been compared"):
        summarize_choices(EDITS, ANSWERS[-3:])
