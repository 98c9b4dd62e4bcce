"""Questions to raters: order, blindness, progress, undo, raters per edit, and what is no answer."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from helpers.rated_edits import EDITORS, make_edits
from omniedit.errors import UserError
from omniedit.evaluation.people.answers import AnswerStore
from omniedit.evaluation.people.questions import QUESTIONS_AHEAD, Session, make_questions
from omniedit.evaluation.people.rated_edits import RatedEdit, add_checks


def open_session(
    root: Path, pairwise: bool = False, per_question: int | None = None, seed: int = 0, **made: Any
) -> Session:
    store = AnswerStore(root / "ratings.sqlite")
    return Session(
        store, make_questions(store, made.get("edits") or make_edits(root / "edits"), pairwise), per_question, seed
    )


def rate_all(session: Session, name: str, answer: dict | None = None) -> list[str]:
    """Answer all questions of a rater; return the tickets in their order."""
    state, tickets = session.join(name), []
    while state["questions"]:
        tickets.append(state["questions"][0]["ticket"])
        state = session.answer(name, tickets[-1], tickets[-1], answer or {"sc": 1, "pq": 0.5, "seconds": 3})
    return tickets


def pixel(session: Session, ticket: str, side: str) -> tuple[int, ...]:
    return PIL.Image.open(io.BytesIO(session.read_image(ticket, side))).convert("RGB").getpixel((3, 3))


def test_a_rater_gets_each_question_once(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    state = session.join("ada")
    assert (state["done"], state["total"], state["mode"], len(state["questions"])) == (0, 6, "scores", QUESTIONS_AHEAD)
    assert len(set(rate_all(session, "ada"))) == 6
    state = session.describe("ADA")
    assert (state["done"], state["total"], state["questions"], state["rater"]) == (6, 6, [], "ada")
    assert sorted(answer.edit for answer in session.store.read_answers()) == [1, 2, 3, 4, 5, 6]


def test_question_order_depends_on_rater_seed_and_file_and_survives_a_restart(tmp_path: Path) -> None:
    edits = make_edits(tmp_path / "edits", items=12)
    orders = {}
    for name, folder, seed in (("ada", "1", 0), ("bob", "1", 0), ("ada", "1", 1), ("ada", "2", 0)):
        session = open_session(tmp_path / folder, seed=seed, edits=edits)
        rater = session.store.join(name)
        orders[name, folder, seed] = [question.name for question in session._queue(rater).values()]
    assert len({tuple(order) for order in orders.values()}) == 4
    assert len({frozenset(order) for order in orders.values()}) == 1
    again = open_session(tmp_path / "1", edits=edits)
    assert [each.name for each in again._queue(again.store.join("ada")).values()] == orders["ada", "1", 0]


def test_no_data_sent_to_a_rater_names_an_editor(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    for state in (session.join("ada"), session.undo("ada")):
        assert "secret" not in repr(state) and "item-" not in repr(state)
    ticket = state["questions"][0]["ticket"]
    stored = (tmp_path / "edits" / f"{EDITORS[0]}-0.png").read_bytes()
    for side in ("source", "edited"):
        image = session.read_image(ticket, side)
        shown = PIL.Image.open(io.BytesIO(image))
        assert b"parameters" in stored and b"secret" not in image and shown.info == {} and shown.format == "PNG"
    assert pixel(session, ticket, "source")[0] == 200 and pixel(session, ticket, "edited")[0] == 0


def test_unknown_tickets_and_those_of_other_raters_are_rejected(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    ticket = session.join("ada")["questions"][0]["ticket"]
    session.join("bob")
    for name, given in (("bob", ticket), ("ada", "0" * 24), ("ada", "")):
        with pytest.raises(UserError, match="does not belong to this page"):
            session.answer(name, "1", given, {"sc": 1, "pq": 1})
    for given, side in (("0" * 24, "source"), (ticket, "left"), (ticket, "edited/../source")):
        with pytest.raises(UserError, match="no such image"):
            session.read_image(given, side)
    with pytest.raises(UserError, match="has not joined"):
        session.describe("eve")
    assert session.store.read_answers() == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"sc": 1},
        {"sc": 1, "pq": 0.7},
        {"sc": True, "pq": 1},
        {"sc": "1", "pq": 1},
        {"sc": 1, "pq": [1]},
        {"sc": float("nan"), "pq": 1},
        {"choice": "left"},
        {"sc": 1, "pq": 1, "seconds": -1},
        {"sc": 1, "pq": 1, "seconds": float("inf")},
        {"sc": 1, "pq": 1, "seconds": "3"},
        {"problem": ""},
        {"problem": "x" * 201},
        {"problem": 7},
    ],
)
def test_invalid_ratings_are_rejected_and_not_written(tmp_path: Path, given: dict) -> None:
    session = open_session(tmp_path)
    ticket = session.join("ada")["questions"][0]["ticket"]
    with pytest.raises(ValueError, match="must be"):
        session.answer("ada", "1", ticket, given)
    assert session.store.read_answers() == []


def test_undo_repeats_the_last_question_first(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    tickets = rate_all(session, "ada")
    session.join("bob")
    assert session.undo("bob")["undone"] is None
    for ticket in tickets[:3:-1]:
        state = session.undo("ada")
        assert state["undone"] == {"ticket": ticket, "sc": 1.0, "pq": 0.5}
        assert state["questions"][0]["ticket"] == ticket
    assert (state["done"], state["total"]) == (4, 6)
    grown = open_session(tmp_path, edits=make_edits(tmp_path / "edits", items=9))
    state = grown.undo("ada")
    assert (state["done"], state["total"]) == (3, 18)
    assert state["questions"][0]["ticket"] == state["undone"]["ticket"] == tickets[3]


def test_each_edit_gets_the_requested_number_of_raters(tmp_path: Path) -> None:
    session = open_session(tmp_path, per_question=2)
    for name in ("ada", "bob"):
        assert len(rate_all(session, name)) == 6
    assert session.join("eve")["total"] == 0
    session.undo("bob")
    assert len(rate_all(session, "eve")) == 0, "the edit is still on bob's page"
    assert set(Counter(answer.edit for answer in session.store.read_answers()).values()) == {1, 2}
    again = open_session(tmp_path, per_question=2)
    assert len(rate_all(again, "eve")) == 1
    assert set(Counter(answer.edit for answer in again.store.read_answers()).values()) == {2}


def test_questions_on_a_page_are_not_given_to_more_raters(tmp_path: Path) -> None:
    session = open_session(tmp_path, per_question=1)
    first = {each["ticket"] for each in session.join("ada")["questions"]}
    state = session.join("bob")
    assert len(first) == QUESTIONS_AHEAD and (len(state["questions"]), state["total"]) == (2, 2)
    assert len(rate_all(session, "bob")) == 2 and len(rate_all(session, "ada")) == 4


def test_choices_are_recorded_by_editor_independent_of_the_side(tmp_path: Path) -> None:
    """Choose the green edit, which is the first editor's, on whichever side it is."""
    session = open_session(tmp_path, pairwise=True, edits=make_edits(tmp_path / "edits", items=16))
    state, sides = session.join("ada"), Counter()
    assert (state["mode"], state["total"]) == ("pairwise", 16)
    while state["questions"]:
        ticket = state["questions"][0]["ticket"]
        green = next(side for side in ("left", "right") if pixel(session, ticket, side)[1] == 200)
        sides[green] += 1
        assert len({pixel(session, ticket, side) for side in ("source", "left", "right")}) == 3
        state = session.answer("ada", ticket, ticket, {"choice": green})
    answers = session.store.read_answers()
    assert [answer.winner for answer in answers] == ["A"] * 16
    assert sides["left"] == sum(not answer.is_swapped for answer in answers) and 3 <= sides["left"] <= 13


def test_ties_and_problems_are_valid_choices(tmp_path: Path) -> None:
    session = open_session(tmp_path, pairwise=True)
    for given in ({"choice": "tie"}, {"choice": "both_bad"}, {"problem": " it is\nunclear "}):
        ticket = session.join("ada")["questions"][0]["ticket"]
        session.answer("ada", ticket, ticket, given)
    assert [(each.winner, each.problem) for each in session.store.read_answers()] == [
        ("tie", ""),
        ("both_bad", ""),
        (None, "it is unclear"),
    ]
    session.undo("ada")
    ticket = session.describe("ada")["questions"][0]["ticket"]
    for given in ({"choice": "A"}, {"choice": None}, {"choice": ["left"]}, {"sc": 1, "pq": 1}):
        with pytest.raises(ValueError, match="choice must be"):
            session.answer("ada", "x", ticket, given)


def test_a_choice_needs_two_editors(tmp_path: Path) -> None:
    alone = [edit for edit in make_edits(tmp_path) if edit.editor == EDITORS[0]]
    with (
        AnswerStore(tmp_path / "ratings.sqlite") as store,
        pytest.raises(UserError, match="no item has edits of two editors"),
    ):
        make_questions(store, alone, pairwise=True)


def test_checks_look_like_other_questions(tmp_path: Path) -> None:
    edits: list[RatedEdit] = add_checks(make_edits(tmp_path / "edits"), 2, 0)
    session = open_session(tmp_path, edits=edits)
    tickets = rate_all(session, "ada")
    same = [
        ticket for ticket in tickets if session.read_image(ticket, "source") == session.read_image(ticket, "edited")
    ]
    assert len(tickets) == 8 and len(same) == 2
