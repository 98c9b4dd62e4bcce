"""File of answers: what is in force, undo, raters, damaged and foreign files, several threads."""

import sqlite3
import threading
from pathlib import Path

import pytest

from helpers.rated_edits import make_edits
from omniedit.errors import UserError
from omniedit.evaluation.people.answers import MAX_NAME_LENGTH, Answer, AnswerStore


@pytest.fixture
def store(tmp_path: Path):
    with AnswerStore(tmp_path / "deep/ratings.sqlite") as store:
        store.add_edits(make_edits(tmp_path / "edits"))
        yield store


def scores(store: AnswerStore) -> list[tuple]:
    return [(each.rater, each.edit, each.sc, each.pq) for each in store.read_answers()]


def count_withdrawn(store: AnswerStore) -> int:
    with sqlite3.connect(store.path) as database:
        return database.execute("SELECT COUNT(*) FROM answers WHERE withdrawn IS NOT NULL").fetchone()[0]


def test_a_later_answer_replaces_an_earlier_one_and_nothing_is_deleted(store: AnswerStore) -> None:
    ada, bob = store.join("ada"), store.join("bob")
    for rater, token, sc in ((ada, "1", 0.0), (ada, "2", 1.0), (bob, "1", 0.5)):
        assert store.add(rater, token, Answer(1, sc=sc, pq=1.0, seconds=2.5))
    assert scores(store) == [("ada", 1, 1.0, 1.0), ("bob", 1, 0.5, 1.0)]
    assert count_withdrawn(store) == 1 and store.read_answers(bob)[0].seconds == 2.5
    assert store.read_answers()[0].made.endswith("+00:00")


def test_a_repeated_answer_counts_once(store: AnswerStore) -> None:
    ada = store.join("ada")
    assert store.add(ada, "1", Answer(1, sc=0.0, pq=0.0)) and store.add(ada, "2", Answer(1, sc=1.0, pq=0.0))
    assert not store.add(ada, "1", Answer(1, sc=0.0, pq=0.0))
    assert scores(store) == [("ada", 1, 1.0, 0.0)]


def test_undo_withdraws_the_last_answer_to_the_given_questions(store: AnswerStore) -> None:
    ada, bob = store.join("ada"), store.join("bob")
    for token, edit in (("1", 1), ("2", 2), ("3", 3)):
        store.add(ada, token, Answer(edit, sc=1.0, pq=1.0))
    store.add(bob, "1", Answer(1, sc=0.0, pq=1.0))
    store.add(ada, "4", Answer(1, 2, winner="A"))
    undone = [store.undo(ada, {(1, None), (2, None)}) for _ in range(3)]
    assert [each and each.edit for each in undone] == [2, 1, None]
    assert [(each.rater, each.question) for each in store.read_answers()] == [
        ("ada", (3, None)),
        ("bob", (1, None)),
        ("ada", (1, 2)),
    ]


def test_a_rating_and_a_choice_of_the_same_edit_are_two_questions(store: AnswerStore) -> None:
    ada = store.join("ada")
    store.add(ada, "1", Answer(1, sc=1.0, pq=1.0))
    for token, winner in (("2", "A"), ("3", "tie")):
        store.add(ada, token, Answer(1, 2, is_swapped=True, winner=winner))
    rating, choice = store.read_answers()
    assert (rating.sc, choice.winner, choice.is_swapped) == (1.0, "tie", True)


def test_rater_names_ignore_case(store: AnswerStore) -> None:
    assert store.join("  Ada\tL. ") == store.join("ADA L.") == store.find_rater("ada l.")
    assert store.join("Ada L.").name == "Ada L."
    for name in ("", " \n", "x" * (MAX_NAME_LENGTH + 1)):
        with pytest.raises(UserError, match="1 to 60 characters"):
            store.join(name)
    assert store.find_rater("eve") is None


def test_edits_keep_their_numbers_and_changed_edits_get_new_ones(tmp_path: Path, store: AnswerStore) -> None:
    edits = make_edits(tmp_path / "edits")
    assert store.add_edits(edits) == [1, 2, 3, 4, 5, 6]
    (tmp_path / "edits/edits.csv").write_text((tmp_path / "edits/edits.csv").read_text())
    changed = make_edits(tmp_path / "edits", items=4)
    assert store.add_edits(changed[::-1])[::-1] == [1, 2, 3, 4, 5, 6, 8, 7]


def test_answers_survive_the_program(tmp_path: Path, store: AnswerStore) -> None:
    store.add(store.join("ada"), "1", Answer(2, problem="unclear"))
    with AnswerStore(store.path) as again:
        assert again.secret == store.secret and len(again.secret) == 32
        assert [(each.rater, each.edit, each.problem) for each in again.read_answers()] == [("ada", 2, "unclear")]
    with AnswerStore(tmp_path / "other.sqlite") as other:
        assert other.secret != store.secret
    with sqlite3.connect(store.path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_of_another_kind_is_not_modified(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to have a header of SQLite" * 10)
    with sqlite3.connect(tmp_path / "other") as database:
        database.execute("CREATE TABLE mine (x)")
    with AnswerStore(tmp_path / "newer"):
        pass
    with sqlite3.connect(tmp_path / "newer") as database:
        database.execute("PRAGMA user_version = 2")
    for name, problem in (
        ("text", "not a database"),
        ("other", "another program's database"),
        ("newer", "ratings of version 2"),
        ("text/below", "cannot hold ratings"),
    ):
        with pytest.raises(UserError, match=problem):
            AnswerStore(tmp_path / name)
    with sqlite3.connect(tmp_path / "other") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_no_answer_of_concurrent_raters_is_lost(store: AnswerStore) -> None:
    def answer(name: str) -> None:
        rater = store.join(name)
        for n in range(20):
            store.add(rater, str(n), Answer(1 + n % 6, sc=n % 3 / 2, pq=1.0))

    threads = [threading.Thread(target=answer, args=(f"rater {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read_answers()) == 24 and count_withdrawn(store) == 56
