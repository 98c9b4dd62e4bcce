"""Scores of examples: the means of several passes, and the score of an edit pair under any rubric."""

import json

import pytest

from omniedit.scoring import Unscorable
from omniedit.scoring.combination import Combination
from omniedit.scoring.examples import average_passes, to_marks, to_score
from omniedit.scoring.reply_form import ReplyForm, Scale
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.rubric_registry import edit_rubric

THREE = ("a", "b", "c", "d")
LARGE = ReplyForm((Scale(0, 25),) * 4, THREE)


def rubric(**keys: object) -> Rubric:
    question = Question("?", ("source", "edited"), ("instruction",), THREE, LARGE)
    return Rubric("mine", (question,), ("a", "b", "c"), ("d",), **keys)  # type: ignore[arg-type]


def test_the_rubric_of_pairs_keeps_its_two_sub_scores() -> None:
    marks = to_marks(edit_rubric(), {"success": 9, "restraint": 4, "quality": 9}, "Fine.", "m")
    score = to_score(edit_rubric(), marks)
    assert (score.sc_score_1, score.sc_score_2, score.pq_score, score.o_score, score.overall) == (9, 4, 9, 6, None)
    assert json.loads(score.details) == {"scores": {"success": 9, "restraint": 4, "quality": 9}}


@pytest.mark.parametrize(
    ("keys", "sc"),
    [({}, 2), ({"sc_rule": Combination(("a", "b", "c"), "mean")}, 4), ({"sc_rule": Combination(("a",), "mean")}, 6)],
)
def test_the_minimum_of_the_stored_sub_scores_equals_the_sc_of_the_rubric(keys: dict[str, object], sc: float) -> None:
    own = rubric(**keys)
    score = to_score(own, to_marks(own, {"a": 15, "b": 5, "c": 10, "d": 25}, ""))
    assert (score.sc_score_1, score.sc_score_2, score.sc_score) == (sc, sc, sc)
    assert score.o_score == pytest.approx((sc * 10) ** 0.5)


def test_passes_without_scores_are_excluded_from_the_mean() -> None:
    own = rubric()
    first, last = (to_marks(own, dict.fromkeys(THREE, value), name, name) for value, name in ((5, "x"), (15, "y")))
    marks = average_passes([first, Unscorable("no"), last])
    assert not isinstance(marks, Unscorable)
    assert (marks.o_score, marks.scores["a"], marks.passes, marks.reasoning) == (4, 10, 2, "x")
    assert marks.o_spread == pytest.approx(8**0.5) and marks.judge_version == "x, y"
    alone = average_passes([Unscorable("no"), last])
    assert not isinstance(alone, Unscorable) and (alone.o_spread, alone.passes) == (None, 1)
    assert average_passes([Unscorable("no"), Unscorable("never")]) == Unscorable("no")
