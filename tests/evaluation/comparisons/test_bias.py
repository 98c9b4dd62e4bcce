"""Position and length bias: a judge without bias shows none, one with bias shows it, and both orders balance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.evaluation.comparisons.bias import Bias, family_bias, length_bias, position_bias, sign_test
from omniedit.scoring.pairwise import Outcome, PairwiseAnswer
from omniedit.scoring.winner_parser import Winner

A, B, TIE, BOTH_BAD = Winner


def outcome(*winners: Winner) -> Outcome:
    """Return an outcome by the winners when `a` and when `b` is shown first."""
    answers = tuple(PairwiseAnswer(winner, bool(number)) for number, winner in enumerate(winners))
    return Outcome(winners[0] if len(set(winners)) == 1 else TIE, answers)


def test_a_consistent_judge_has_no_bias() -> None:
    bias = position_bias([outcome(A, A)] * 9 + [outcome(B, B)] * 4 + [outcome(TIE, BOTH_BAD)])
    assert (bias.favoured, bias.total, bias.share, bias.p_value) == (13, 26, 0.5, None)
    assert bias.interval and bias.interval[0] < 0.5 < bias.interval[1]


def test_preference_for_the_first_position_is_measured() -> None:
    bias = position_bias([outcome(A, B)] * 9 + [outcome(B, A)] + [outcome(A, TIE)])
    assert (bias.favoured, bias.total, bias.more, bias.less) == (19, 21, 10, 1)
    assert bias.p_value == pytest.approx(2 * (1 + 11) / 2**11)


def test_comparisons_in_one_order_count() -> None:
    bias = position_bias([Outcome(B, (PairwiseAnswer(B, True),)), Outcome(B, (PairwiseAnswer(B, False),))])
    assert (bias.favoured, bias.total, bias.more, bias.less) == (1, 2, 1, 1)


def test_ties_alone_give_no_figure() -> None:
    bias = position_bias([outcome(TIE, TIE)])
    assert (bias.share, bias.interval, bias.p_value) == (None, None, None)


def test_length_bias_counts_winners_with_the_longer_text() -> None:
    judged = [(outcome(A, A), ("long", "s")), (outcome(B, B), ("long", "s")), (outcome(B, B), ("s", "long"))]
    left_out = [(outcome(A, B), ("long", "s")), (outcome(A, A), ("same", "size"))]
    bias = length_bias(judged + left_out)
    assert (bias.favoured, bias.total, bias.p_value) == (2, 3, 1.0)


@given(st.integers(1, 60), st.data())
def test_sign_test_is_a_probability_and_symmetric(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    assert 0 < sign_test(successes, trials) == sign_test(trials - successes, trials) <= 1


def test_sign_test_matches_exact_values() -> None:
    assert sign_test(0, 5) == 2 / 32 and sign_test(3, 6) == 1 and sign_test(1, 8) == 18 / 256
    assert 0 < sign_test(4000, 10_000) < 1e-80


def test_wins_of_the_judges_own_family_are_counted_against_others() -> None:
    def by_gpt(winner: Winner) -> Outcome:
        return Outcome(winner, (PairwiseAnswer(winner, False, version="gpt-4o-2024-08-06"),))

    own, other = "gpt-image-1", "flux-kontext"
    named = [
        (by_gpt(A), (own, other)),
        (by_gpt(B), (other, own)),
        (by_gpt(B), (own, "mine")),
        (by_gpt(TIE), (own, other)),
    ]
    assert family_bias(named) == Bias(2, 3, 2, 1)
    assert family_bias([(by_gpt(A), (own, "dalle-3")), (by_gpt(A), ("mine", other))]) is None, "both or neither"
    assert family_bias([(outcome(A, A), (own, other))]) is None, "the judge's family is unknown"
