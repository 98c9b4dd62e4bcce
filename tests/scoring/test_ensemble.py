"""Ensembles of judges: exact averages and disagreements, and no score where too few judges have one."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.errors import UserError
from omniedit.scoring import Score, Unscorable
from omniedit.scoring.ensemble import Average, EnsembleScore, Spread, combine_scores, combine_tables, find_outlier
from omniedit.scoring.verdict import score_row

SCORES = st.builds(Score, *[st.floats(0, 10)] * 3)
LOW, HIGH, OTHER = Score(4, 9, 4), Score(9, 9, 9), Score(9, 6, 6)
UNREAD = Unscorable("the model refuses")


class Judge:
    def __init__(self, name: str) -> None:
        self.name, self.prompt_hash = name, "abc"


def make_table(name: str, verdicts: dict[str, Score | Unscorable]) -> list[dict[str, Any]]:
    return [score_row(pair_id, verdict, Judge(name)) for pair_id, verdict in verdicts.items()]


def test_exact_values() -> None:
    found = combine_scores({"a": LOW, "b": HIGH, "c": OTHER}, "mean")
    assert found == EnsembleScore(22 / 3, 8, 19 / 3, 19 / 3, 5, 3, "b")
    found = combine_scores({"a": LOW, "b": HIGH, "c": OTHER}, "median", "deviation")
    assert isinstance(found, EnsembleScore)
    assert (found.o_score, found.pq_score, found.disagreement) == (6, 6, pytest.approx((38 / 9) ** 0.5))


@given(st.dictionaries(st.text(max_size=3), SCORES, min_size=1, max_size=5), st.sampled_from(get_args(Average)))
def test_the_ensemble_is_within_its_judges_and_ignores_their_order(judges: dict[str, Score], average: Average) -> None:
    found = combine_scores(judges, average)
    assert isinstance(found, EnsembleScore)
    overall = [score.o_score for score in judges.values()]
    assert min(overall) - 1e-9 <= found.o_score <= max(overall) + 1e-9
    assert found.disagreement == max(overall) - min(overall)
    again = combine_scores(dict(reversed(judges.items())), average)
    assert isinstance(again, EnsembleScore)
    assert (again.o_score, again.disagreement, again.outlier) == (
        pytest.approx(found.o_score),
        found.disagreement,
        found.outlier,
    )


@given(SCORES, st.integers(1, 5), st.sampled_from(get_args(Spread)))
def test_judges_that_agree_do_not_disagree(score: Score, number: int, spread: Spread) -> None:
    found = combine_scores({str(place): score for place in range(number)}, spread=spread)
    assert isinstance(found, EnsembleScore)
    assert found.disagreement == pytest.approx(0, abs=1e-7) and found.o_score == pytest.approx(score.o_score)
    assert found.outlier == ""


def test_a_pair_needs_all_judges_or_as_many_as_requested() -> None:
    verdicts: dict[str, Score | Unscorable] = {"a": LOW, "b": UNREAD, "c": HIGH}
    assert combine_scores(verdicts) == Unscorable("scored by 2 of 3 judges; b: the model refuses")
    found = combine_scores(verdicts, "mean", least=2)
    assert isinstance(found, EnsembleScore) and (found.o_score, found.judges) == (6.5, 2)
    assert isinstance(combine_scores({"b": UNREAD}, least=0), Unscorable)
    assert combine_scores({}) == Unscorable("no judge")


def test_an_outlier_is_one_judge_of_three_or_more() -> None:
    assert find_outlier({"a": 9, "b": 8.5, "c": 1}) == "c"
    assert find_outlier({"a": 9, "b": 1}) == ""
    assert find_outlier({"a": 9, "b": 5, "c": 1}) == ""


def test_tables_are_combined_by_pair_in_the_order_of_the_first() -> None:
    tables = {
        "a": make_table("a", {"p": LOW, "q": HIGH, "r": UNREAD}),
        "b": make_table("b", {"r": HIGH, "q": HIGH, "p": HIGH}),
    }
    found = combine_tables(tables, "mean")
    assert list(found) == ["p", "q", "r"]
    assert found["p"] == EnsembleScore(6.5, 9, 6.5, 6.5, 5, 2)
    assert found["q"] == EnsembleScore(9, 9, 9, 9, 0, 2)
    assert found["r"] == Unscorable("scored by 1 of 2 judges; a: the model refuses")


def test_tables_of_other_pairs_are_errors() -> None:
    a, b = make_table("a", {"p": LOW, "q": LOW}), make_table("b", {"p": LOW})
    with pytest.raises(UserError, match=r"'a' and 'b' score different pairs \(1 in one only, first: q\)"):
        combine_tables({"a": a, "b": b})
    with pytest.raises(UserError, match="judge 'b': pair p has two scores"):
        combine_tables({"a": a, "b": b * 2})
    with pytest.raises(UserError, match="at least one judge"):
        combine_tables({})
