"""Ensembles of judges: exact averages and disagreements, unscorable where too few judges have one."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.config.ensemble import Average, EnsembleConfig, Spread
from omniedit.config.schema import ScoringConfig
from omniedit.errors import UserError
from omniedit.scoring import Score, Unscorable
from omniedit.scoring.ensemble import (
    EnsembleScore,
    combine_marks,
    combine_scores,
    combine_tables,
    ensemble_rows,
    find_outlier,
    read_member,
)
from omniedit.scoring.examples import RubricScores
from omniedit.scoring.score_table import score_row

SCORES = st.builds(Score, *[st.floats(0, 10)] * 3)
LOW, HIGH, OTHER = Score(4, 9, 4), Score(9, 9, 9), Score(9, 6, 6)
UNREAD = Unscorable("the model refuses")
MEAN = EnsembleConfig(average="mean")


class Judge:
    def __init__(self, name: str) -> None:
        self.name, self.prompt_hash = name, "abc"


def make_table(name: str, verdicts: dict[str, Score | Unscorable]) -> list[dict[str, Any]]:
    return [score_row(pair_id, verdict, Judge(name)) for pair_id, verdict in verdicts.items()]


def test_combined_scores_match_exact_values() -> None:
    found = combine_scores({"a": LOW, "b": HIGH, "c": OTHER}, MEAN)
    assert found == EnsembleScore(22 / 3, 8, 19 / 3, 19 / 3, 5, 3, "b")
    found = combine_scores({"a": LOW, "b": HIGH, "c": OTHER}, EnsembleConfig(disagreement="deviation"))
    assert isinstance(found, EnsembleScore)
    assert (found.o_score, found.pq_score, found.disagreement) == (6, 6, pytest.approx((38 / 9) ** 0.5))


@given(st.dictionaries(st.text(max_size=3), SCORES, min_size=1, max_size=5), st.sampled_from(get_args(Average)))
def test_the_combined_score_lies_between_its_judges_and_ignores_their_order(
    judges: dict[str, Score], average: Average
) -> None:
    found = combine_scores(judges, EnsembleConfig(average=average))
    assert isinstance(found, EnsembleScore)
    overall = [score.o_score for score in judges.values()]
    assert min(overall) - 1e-9 <= found.o_score <= max(overall) + 1e-9
    assert found.disagreement == max(overall) - min(overall)
    again = combine_scores(dict(reversed(judges.items())), EnsembleConfig(average=average))
    assert isinstance(again, EnsembleScore)
    assert (again.o_score, again.disagreement, again.outlier) == (
        pytest.approx(found.o_score),
        found.disagreement,
        found.outlier,
    )


@given(SCORES, st.integers(1, 5), st.sampled_from(get_args(Spread)))
def test_equal_scores_have_zero_disagreement(score: Score, number: int, spread: Spread) -> None:
    found = combine_scores({str(place): score for place in range(number)}, EnsembleConfig(disagreement=spread))
    assert isinstance(found, EnsembleScore)
    assert found.disagreement == pytest.approx(0, abs=1e-7) and found.o_score == pytest.approx(score.o_score)
    assert found.outlier == ""


def test_a_pair_needs_all_judges_or_as_many_as_requested() -> None:
    verdicts: dict[str, Score | Unscorable] = {"a": LOW, "b": UNREAD, "c": HIGH}
    assert combine_scores(verdicts) == Unscorable("scored by 2 of 3 judges; b: the model refuses")
    found = combine_scores(verdicts, EnsembleConfig(average="mean", min_judges=2))
    assert isinstance(found, EnsembleScore) and (found.o_score, found.judges) == (6.5, 2)
    assert isinstance(combine_scores({"b": UNREAD}, EnsembleConfig(min_judges=1)), Unscorable)
    assert combine_scores({}) == Unscorable("no judge")


def test_an_outlier_needs_at_least_three_judges() -> None:
    assert find_outlier({"a": 9, "b": 8.5, "c": 1}) == "c"
    assert find_outlier({"a": 9, "b": 1}) == ""
    assert find_outlier({"a": 9, "b": 5, "c": 1}) == ""


def test_tables_are_combined_by_pair_in_the_order_of_the_first() -> None:
    tables = {
        "a": make_table("a", {"p": LOW, "q": HIGH, "r": UNREAD}),
        "b": make_table("b", {"r": HIGH, "q": HIGH, "p": HIGH}),
    }
    found = combine_tables(tables, MEAN)
    assert list(found) == ["p", "q", "r"]
    assert found["p"] == EnsembleScore(6.5, 9, 6.5, 6.5, 5, 2)
    assert found["q"] == EnsembleScore(9, 9, 9, 9, 0, 2)
    assert found["r"] == Unscorable("scored by 1 of 2 judges; a: the model refuses")


def test_tables_of_different_pairs_raise_errors() -> None:
    a, b = make_table("a", {"p": LOW, "q": LOW}), make_table("b", {"p": LOW})
    with pytest.raises(UserError, match=r"'a' and 'b' score different pairs \(1 in one only, first: q\)"):
        combine_tables({"a": a, "b": b})
    with pytest.raises(UserError, match="judge 'b': pair p has two scores"):
        combine_tables({"a": a, "b": b * 2})
    with pytest.raises(UserError, match="at least one judge"):
        combine_tables({})


def test_rows_contain_each_judge_and_the_disagreement() -> None:
    own = Score(9, 9, 9, "Well done.", "v1", overall=8.0)
    tables = {"a": make_table("a", {"p": LOW, "q": UNREAD}), "b": make_table("b", {"q": UNREAD, "p": own})}
    options = EnsembleConfig(average="mean", min_judges=1)
    scored, unscored = ensemble_rows(tables, options)
    assert (scored["o_score"], scored["disagreement"], scored["sc_score_1"]) == (6, 4, 6.5), "the O of a rubric's rule"
    assert scored["reasoning"] == "a (4.0) b (8.0): Well done."
    assert (scored["judge"], scored["judge_version"], scored["status"]) == ("ensemble", "a + b v1", "scored")
    judges = json.loads(scored["details"])["judges"]
    assert judges["a"]["o"] == 4 and judges["b"] == {"o": 8.0, "version": "v1", "words": 2}
    assert unscored["status"] == "unscorable" and "scored by 0 of 2 judges" in unscored["reasoning"]
    assert json.loads(unscored["details"])["judges"]["a"] == {"reason": "the model refuses"}
    assert scored["prompt_hash"] == unscored["prompt_hash"], "one rubric for the filter"
    other = ensemble_rows({"a": tables["a"], "c": tables["b"]}, options)
    assert other[0]["prompt_hash"] != scored["prompt_hash"]
    mixed = [*make_table("a", {"p": LOW}), *make_table("z", {"q": LOW})]
    with pytest.raises(UserError, match=r"judge 'a': scores by .* score its pairs again"):
        ensemble_rows({"a": mixed})


def test_sub_scores_of_any_rubric_are_combined_on_their_scales() -> None:
    a = RubricScores({"success": 20, "quality": 5}, 8, 2, 4, "Good.", "v1")
    b = RubricScores({"success": 10, "quality": 25}, 4, 10, 6, "")
    marks, disagreement = combine_marks({"a": a, "b": b}, MEAN)
    assert isinstance(marks, RubricScores) and disagreement == 2
    assert (marks.scores, marks.sc_score, marks.pq_score, marks.o_score) == ({"success": 15, "quality": 15}, 6, 6, 5)
    assert (marks.reasoning, marks.judge_version) == ("a (4.0): Good. b (6.0)", "a v1 + b")
    assert combine_marks({"a": a, "b": UNREAD}, EnsembleConfig())[0] == Unscorable(
        "scored by 1 of 2 judges; b: the model refuses"
    )
    assert combine_marks({"a": a, "b": UNREAD}, EnsembleConfig(min_judges=1))[1] == 0


def test_a_judge_of_an_ensemble_accepts_the_options_of_a_single_judge() -> None:
    given = {"judge": "vlm", "readout": "reply", "vlm": {"pixels": 4096}}
    values = {"judge": "ensemble", "ensemble": {"judges": {"own": given, "plain": {"judge": "student"}}}}
    scoring = ScoringConfig.model_validate({**values, "readout": "tokens"})
    own, plain = read_member(scoring, "own"), read_member(scoring, "plain")
    assert (own.judge, own.readout, own.vlm.pixels, own.ensemble.judges) == ("vlm", "reply", 4096, {})
    assert (plain.judge, plain.readout, plain.vlm.pixels) == ("student", "tokens", None)
    assert scoring.roles("ensemble") == ["qwen3_vl"]
    with pytest.raises(UserError, match="no judge 'lost'; available: own, plain"):
        read_member(scoring, "lost")
