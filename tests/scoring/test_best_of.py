"""Best of several candidates: at most one of each set is accepted, and nothing but the scores decides which."""

from hypothesis import given
from hypothesis import strategies as st

from omniedit.scoring.best_of import CHOSEN, find_lesser

A, B = ("sea", "Add fog."), ("sea", "Remove the boat.")
SCORES = st.one_of(st.none(), st.floats(0, 10))


def test_all_but_the_best_candidate_of_each_request_are_lesser() -> None:
    requests = [A, B, A, B, A]
    assert find_lesser(requests, [7.0, 9.0, 8.0, 3.0, 1.0], 4) == {0, 3, 4}


def test_candidates_form_sets_of_the_given_size_in_their_order() -> None:
    assert find_lesser([A] * 5, [1.0, 2.0, 9.0, 8.0, 0.0], 2) == {0, 3}


def test_an_unscored_candidate_counts_but_is_neither_best_nor_lesser() -> None:
    assert find_lesser([A] * 4, [None, 2.0, 9.0, 8.0], 2) == {3}


def test_the_first_of_equal_scores_is_the_best() -> None:
    assert find_lesser([A] * 3, [5.0, 8.0, 8.0], 3) == {0, 2}


def test_all_candidates_accepted_by_hand_remain() -> None:
    assert find_lesser([A] * 4, [10.0, CHOSEN, 3.0, CHOSEN], 4) == {0, 2}


@given(st.lists(st.tuples(st.sampled_from([A, B]), SCORES), max_size=20), st.integers(1, 6))
def test_each_set_with_a_score_keeps_exactly_one(rows: list[tuple[tuple[str, str], float | None]], size: int) -> None:
    requests, scores = [request for request, _ in rows], [score for _, score in rows]
    lesser = find_lesser(requests, scores, size)
    for request in (A, B):
        of_request = [row for row, each in enumerate(requests) if each == request]
        for first in range(0, len(of_request), size):
            scored = [row for row in of_request[first : first + size] if scores[row] is not None]
            winners = [row for row in scored if row not in lesser]
            assert len(winners) == min(1, len(scored))
            assert all(scores[winners[0]] >= scores[row] for row in scored)
