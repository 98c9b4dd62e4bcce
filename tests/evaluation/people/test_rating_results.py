"""Scores of editors, ranks, intervals and facts of raters, against values computed by hand."""

from math import sqrt

import numpy as np
import pytest

from omniedit.errors import UserError
from omniedit.evaluation.people.answers import Answer
from omniedit.evaluation.people.rated_edits import CHECK, RatedEdit
from omniedit.evaluation.people.rating_results import ALL_TASKS, EditorScores, Estimate, rank_draws, summarize


def make_edit(item: int, editor: str, task: str = "swap") -> RatedEdit:
    return RatedEdit(f"i{item}", editor, task, "Do it.", f"image {item}", f"{item} {editor}", bytes, bytes)


def summarize_rows(rows: list[tuple], tasks: dict[int, str] | None = None, outdated: list[Answer] | None = None):
    """Summarize rows (item, editor, rater, sc, pq)."""
    edits = {(item, editor): make_edit(item, editor, (tasks or {}).get(item, "swap")) for item, editor, *_ in rows}
    numbers = {key: number for number, key in enumerate(edits, 1)}
    answers = [
        Answer(numbers[item, editor], sc=sc, pq=pq, rater=rater, seconds=2.0 * place)
        if sc is not None
        else Answer(numbers[item, editor], problem=pq, rater=rater)
        for place, (item, editor, rater, sc, pq) in enumerate(rows)
    ]
    return summarize({numbers[key]: edit for key, edit in edits.items()}, [*answers, *(outdated or [])])


def find(results, editor: str, task: str = ALL_TASKS) -> EditorScores:
    (row,) = (row for row in results.editors if (row.editor, row.task) == (editor, task))
    return row


ROWS = [
    *((1, "good", "ada", 1, 1), (1, "good", "bob", 1, 0.5), (2, "good", "ada", 0.5, 0.5), (2, "good", "bob", 1, 1)),
    *((1, "poor", "ada", 0, 1), (1, "poor", "bob", 0.5, 0.5), (2, "poor", "ada", 0, 0), (2, "poor", "bob", 0, 1)),
]


def test_scores_are_averaged_over_raters_and_then_over_edits() -> None:
    results = summarize_rows(ROWS)
    good, poor = find(results, "good"), find(results, "poor")
    values = {score: estimate.value for score, estimate in good.scores.items()}
    assert values == pytest.approx({"sc": 0.875, "pq": 0.75, "o": (1 + sqrt(0.5) + 0.5 + 1) / 4, "acc": 0.75})
    values = {score: estimate.value for score, estimate in poor.scores.items()}
    assert values == pytest.approx({"sc": 0.125, "pq": 0.625, "o": 0.125, "acc": 0})
    assert (good.edits, good.ratings, good.rank, poor.rank) == (2, 4, 1, 2)
    assert (results.ratings, results.edits, results.images, results.fewest, results.most) == (8, 4, 2, 2, 2)
    assert [row.editor for row in results.editors] == ["good", "poor"]


def test_edits_have_equal_weight_independent_of_their_number_of_raters() -> None:
    rows = [(1, "a", "ada", 1, 1), (2, "a", "ada", 0, 1), (2, "a", "bob", 0, 1), (2, "a", "eve", 0, 1)]
    results = summarize_rows(rows)
    assert find(results, "a").scores["sc"].value == 0.5
    assert (results.fewest, results.most) == (1, 3)


def test_intervals_are_computed_over_images() -> None:
    """Rate 40 images whose four editors get the same score: the interval is that of 40 values and not of 160."""
    levels = np.random.default_rng(3).choice([0, 0.5, 1], 40)
    rows = [(item, f"editor {n}", "ada", level, 1) for item, level in enumerate(levels) for n in range(4)]
    results = summarize_rows(rows)
    found = find(results, "editor 0").scores["sc"]
    half = 1.96 * levels.std() / sqrt(40)
    assert found.interval and found.value is not None
    assert found.interval == pytest.approx([found.value - half, found.value + half], abs=0.03)
    assert {tuple(find(results, f"editor {n}").scores["sc"].interval or ()) for n in range(4)} == {
        tuple(found.interval)
    }
    assert all(find(results, f"editor {n}").rank == 1 for n in range(4))
    assert find(results, "editor 1").ranks == (1, 1)


def test_one_image_has_no_interval() -> None:
    results = summarize_rows([row for row in ROWS if row[0] == 1])
    row = find(results, "good")
    assert row.scores["sc"].interval is None and row.ranks is None
    assert results.alphas["interval"]["sc"].interval is None


def test_each_of_several_tasks_has_its_own_rows() -> None:
    results = summarize_rows(ROWS, {1: "swap", 2: "style"})
    assert [(row.task, row.editor) for row in results.editors] == [
        *(("all", "good"), ("all", "poor")),
        *(("style", "good"), ("style", "poor")),
        *(("swap", "good"), ("swap", "poor")),
    ]
    assert find(results, "poor", "swap").scores["sc"].value == 0.25
    assert find(results, "poor", "style").edits == 1


def test_reliability_counts_edits_with_two_raters() -> None:
    """Compute: SC of ada and bob are (1, 1), (.5, 1), (0, .5), (0, 0): half of the pairs are equal.

    Totals of 0, .5, 1 are 3, 2, 3. D_o is 2 * (.25 + .25) and D_e is 24 by .25 for halves: 1 - 7 * 1 / 6 / 4.
    """
    results = summarize_rows(ROWS)
    assert results.equal["sc"].value == 0.5
    total = 2 * (3 * 2 * 0.25 + 3 * 3 * 1 + 2 * 3 * 0.25)
    assert results.alphas["interval"]["sc"].value == pytest.approx(1 - 7 * 1 / total)


def test_checks_and_skipped_edits_do_not_change_scores() -> None:
    more = [
        (1, CHECK, "ada", 0, 1),
        (1, CHECK, "bob", 1, 1),
        (2, CHECK, "bob", 0.5, 1),
        (3, "good", "ada", None, "unclear"),
    ]
    results = summarize_rows([*ROWS, *more], outdated=[Answer(99, sc=1, pq=1, rater="ada"), Answer(1, 2, winner="A")])
    assert find(results, "good") == find(summarize_rows(ROWS), "good")
    assert {row.editor for row in results.editors} == {"good", "poor"}
    assert results.unable == {"unclear": 1} and results.outdated == 1
    ada, bob = results.raters
    assert (ada.name, ada.ratings, ada.unable, ada.checks, ada.failed) == ("ada", 4, 1, 1, 0)
    assert (bob.name, bob.ratings, bob.unable, bob.checks, bob.failed) == ("bob", 4, 0, 2, 2)
    assert ada.means["sc"] == 0.375 and bob.means["acc"] == 0.5 and ada.seconds == 8.0


def test_a_rater_who_only_skips_is_listed_without_means() -> None:
    results = summarize_rows([*ROWS, (1, "good", "eve", None, "unclear")])
    eve = results.raters[-1]
    assert (eve.name, eve.ratings, eve.unable, eve.means, eve.equal, eve.seconds) == ("eve", 0, 1, {}, None, None)


def test_results_without_a_rating_raise_an_error() -> None:
    for answers in ([], [Answer(99, sc=1, pq=1)], [Answer(1, problem="unclear")], [Answer(1, 2, winner="A")]):
        with pytest.raises(UserError, match="has been rated"):
            summarize({1: make_edit(1, "a"), 2: make_edit(1, "b")}, answers)


def test_ranks_are_computed_in_each_bootstrap_draw() -> None:
    draws = {"a": np.array([0.5, 0.5, 0.1, np.nan]), "b": np.array([0.4, 0.6, 0.1, 0.3]), "c": np.array([0.4, 0, 0, 0])}
    assert rank_draws(draws) == {"a": (1, (1, 2)), "b": (2, (1, 1)), "c": (2, (2, 3))}
    assert rank_draws({"a": np.array([1.0])}) == {"a": (1, None)}


def test_undefined_figures_are_none() -> None:
    results = summarize_rows([(1, "a", "ada", 1, 1), (2, "a", "ada", 1, 1)])
    assert results.alphas["ordinal"]["sc"] == Estimate(None, None) == results.equal["pq"]
