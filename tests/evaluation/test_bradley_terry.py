"""Bradley-Terry ranks: known strengths come back, names do not matter, intervals shrink, hopeless cases are named."""

from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniedit.errors import UserError
from omniedit.evaluation.agreement.readers import read_ratings
from omniedit.evaluation.agreement.thresholds import mean_human_o
from omniedit.evaluation.bradley_terry import (
    PRIOR,
    PairedComparison,
    count_wins,
    find_warnings,
    fit_strengths,
    rank_editors,
)

PUBLISHED = Path(__file__).parent / "published/viescore/imagenhub_ratings"
EDITORS = ("ann", "ben", "cat", "dan")
OUTCOMES = st.lists(
    st.tuples(st.integers(0, 4), st.permutations(EDITORS).map(lambda names: names[:2]), st.sampled_from([0, 0.5, 1])),
    min_size=1,
    max_size=30,
)


def simulate(strengths: dict[str, float], items: int, seed: int) -> list[PairedComparison]:
    rng = np.random.default_rng(seed)
    return [
        PairedComparison(
            item, first, second, float(rng.random() < strengths[first] / (strengths[first] + strengths[second]))
        )
        for item in range(items)
        for first, second in combinations(strengths, 2)
    ]


def to_comparisons(outcomes: list[tuple[int, list[str], float]]) -> list[PairedComparison]:
    return [PairedComparison(item, first, second, share) for item, (first, second), share in outcomes]


def test_known_strengths_are_recovered_within_their_intervals() -> None:
    strengths = dict(zip(EDITORS, (8.0, 4.0, 2.0, 1.0), strict=True))
    ranks = rank_editors(simulate(strengths, 600, seed=1))
    assert [rank.editor for rank in ranks] == list(EDITORS)
    expected = 1000 + 400 * (np.log10(list(strengths.values())) - np.log10(list(strengths.values())).mean())
    for rank, truth in zip(ranks, expected, strict=True):
        assert rank.rating == pytest.approx(truth, abs=25)
        assert rank.interval and rank.interval[0] < truth < rank.interval[1]
        assert rank.comparisons == 1800


def test_two_editors_have_the_odds_of_their_wins() -> None:
    """The maximum of the likelihood has a closed form for two: the ratio of the wins."""
    comparisons = [PairedComparison(item, "a", "b", float(item < 30)) for item in range(40)] + [
        PairedComparison(40, "b", "a", 0.5),
        PairedComparison(41, "b", "a", 0.5),
    ]
    first, second = rank_editors(comparisons)
    odds = (31 + PRIOR / 2) / (11 + PRIOR / 2)
    assert (first.editor, second.editor) == ("a", "b")
    assert first.rating - second.rating == pytest.approx(400 * np.log10(odds), abs=1e-4)
    assert (first.wins, first.ties, first.losses) == (30, 2, 10) == (second.losses, second.ties, second.wins)


def test_the_fit_is_a_maximum_of_the_likelihood() -> None:
    wins_MM = count_wins(simulate(dict(zip(EDITORS, (3.0, 2.0, 1.5, 1.0), strict=True)), 50, seed=2), EDITORS).sum(0)
    p_M = fit_strengths(wins_MM[None])[0]
    expected_MM = (wins_MM + wins_MM.T) * p_M[:, None] / (p_M[:, None] + p_M[None])
    assert expected_MM.sum(axis=1) == pytest.approx(wins_MM.sum(axis=1), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(OUTCOMES, st.permutations(EDITORS))
def test_names_and_the_order_of_two_editors_do_not_matter(
    outcomes: list[tuple[int, list[str], float]], names: list[str]
) -> None:
    comparisons = to_comparisons(outcomes)
    rename = dict(zip(EDITORS, names, strict=True))
    renamed = [PairedComparison(c.item, rename[c.second], rename[c.first], 1 - c.share) for c in comparisons]
    before = {rename[rank.editor]: rank for rank in rank_editors(comparisons)}
    for rank in rank_editors(renamed):
        twin = before[rank.editor]
        assert rank.rating == pytest.approx(twin.rating, abs=1e-4)
        assert (rank.wins, rank.ties, rank.losses) == (twin.wins, twin.ties, twin.losses)


@settings(max_examples=25, deadline=None)
@given(OUTCOMES)
def test_ratings_are_finite_and_their_mean_is_1000(outcomes: list[tuple[int, list[str], float]]) -> None:
    ratings = [rank.rating for rank in rank_editors(to_comparisons(outcomes))]
    assert np.isfinite(ratings).all() and np.mean(ratings) == pytest.approx(1000)


def test_intervals_shrink_with_more_items() -> None:
    strengths = {"a": 2.0, "b": 1.0}
    widths = []
    for items in (25, 100, 400):
        low, high = rank_editors(simulate(strengths, items, seed=3))[0].interval or (0, 0)
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2] > 0


def test_comparisons_of_one_item_are_not_independent() -> None:
    """Repeating each comparison within its item must not narrow the interval, as a bootstrap of comparisons would."""
    once = simulate({"a": 2.0, "b": 1.0}, 60, seed=4)
    low, high = rank_editors(once)[0].interval or (0, 0)
    many_low, many_high = rank_editors(once * 9)[0].interval or (0, 0)
    assert many_high - many_low > 0.9 * (high - low)


def test_an_editor_that_wins_all_is_first_and_named() -> None:
    comparisons = [PairedComparison(item, "a", other, 1.0) for item in range(9) for other in "bc"]
    comparisons += [PairedComparison(item, "b", "c", float(item % 2)) for item in range(9)]
    ranks = rank_editors(comparisons)
    assert ranks[0].editor == "a" and np.isfinite(ranks[0].rating)
    assert find_warnings(comparisons) == [
        "all wins between these groups of editors go one way, so the distance of their ratings depends on the 1 tie "
        "added between any two editors: a; b, c"
    ]


def test_unconnected_groups_are_named() -> None:
    comparisons = [
        PairedComparison(0, "a", "b", 1.0),
        PairedComparison(0, "c", "d", 0.0),
        PairedComparison(1, "e", "d", 0.5),
    ]
    assert find_warnings(comparisons) == [
        "no comparison connects these groups of editors, so ranks count only within each group: a, b; c, d, e"
    ]
    assert len(rank_editors(comparisons)) == 5


def test_two_groups_of_which_one_always_wins_are_named() -> None:
    comparisons = [PairedComparison(0, first, second, 1.0) for first in "ab" for second in "cd"]
    comparisons += [PairedComparison(0, "a", "b", 0.5), PairedComparison(0, "c", "d", 0.5)]
    (warning,) = find_warnings(comparisons)
    assert warning.endswith(": a, b; c, d")


def test_ties_alone_give_equal_ratings_and_no_warning() -> None:
    comparisons = [PairedComparison(item, "a", "b", 0.5) for item in range(5)]
    assert [(rank.editor, rank.rating, rank.interval) for rank in rank_editors(comparisons)] == [
        ("a", 1000, None),
        ("b", 1000, None),
    ]
    assert find_warnings(comparisons) == []


def test_people_rank_editors_as_their_mean_scores_do() -> None:
    """ImagenHub's raters give each edit scores; who wins on each image must give the order of the means."""
    scores = mean_human_o(read_ratings(PUBLISHED, "uid"))
    of_item: dict[str, dict[str, float]] = defaultdict(dict)
    for (item, editor, task), o_score in scores.items():
        if task == "ImagenHub_Text-Guided_IE":
            of_item[item][editor] = o_score
    comparisons = [
        PairedComparison(item, a, b, 0.5 if of[a] == of[b] else float(of[a] > of[b]))
        for item, of in of_item.items()
        for a, b in combinations(sorted(of), 2)
    ]
    means = {editor: np.mean([of[editor] for of in of_item.values() if editor in of]) for editor in of_item[item]}
    ranks = rank_editors(comparisons)
    assert [rank.editor for rank in ranks] == sorted(means, key=lambda editor: -means[editor])
    assert ranks[0].editor == "MagicBrush" and find_warnings(comparisons) == []


def test_an_empty_list_of_comparisons_raises_an_error() -> None:
    with pytest.raises(UserError, match="no two editors were compared"):
        rank_editors([])


def test_items_with_equal_outcomes_have_no_interval() -> None:
    outcomes = {("ann", "ben"): 1.0, ("ann", "cat"): 0.5, ("cat", "ben"): 1.0}
    ranks = rank_editors([PairedComparison(item, *pair, won) for item in range(4) for pair, won in outcomes.items()])
    assert [rank.interval for rank in ranks] == [None] * 3
