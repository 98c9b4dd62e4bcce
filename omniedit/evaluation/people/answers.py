"""File of answers: an SQLite database of raters, edits and answers. Nothing is deleted: undo marks an answer.

A rating is of one edit, a choice of two. Each rater has at most one answer in force about an edit or a pair of edits.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from omniedit.errors import UserError
from omniedit.evaluation.people.rated_edits import RatedEdit
from omniedit.plain_text import clean_line

APPLICATION = 0x4F4D4552
"""Number that marks an SQLite file as one of answers (`PRAGMA application_id`)."""
VERSION = 1
MAX_NAME_LENGTH = 60
SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE raters (
    rater INTEGER PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL UNIQUE, joined TEXT NOT NULL
);
CREATE TABLE edits (
    edit INTEGER PRIMARY KEY, item_id TEXT NOT NULL, editor TEXT NOT NULL, digest TEXT NOT NULL, task TEXT NOT NULL,
    image_group TEXT NOT NULL, instruction TEXT NOT NULL, UNIQUE (item_id, editor, digest)
);
CREATE TABLE answers (
    answer INTEGER PRIMARY KEY, token TEXT NOT NULL, rater INTEGER NOT NULL REFERENCES raters,
    edit INTEGER NOT NULL REFERENCES edits, other INTEGER REFERENCES edits, is_swapped INTEGER NOT NULL,
    sc REAL, pq REAL, winner TEXT, problem TEXT, seconds REAL, made TEXT NOT NULL, withdrawn TEXT,
    UNIQUE (rater, token)
);
CREATE UNIQUE INDEX in_force ON answers (rater, edit, IFNULL(other, 0)) WHERE withdrawn IS NULL;
"""
"""Tables. `other` is the second edit of a choice, and `is_swapped` whether it was shown on the left. `winner` is one of
`Winner`, and `problem` the reason why a rater cannot judge. `token` is the page's name for an answer, to recognise one
that is sent twice."""


@dataclass(frozen=True)
class Rater:
    number: int
    name: str


@dataclass(frozen=True)
class Answer:
    """Answer to a question: scores of an edit, the winner of two, or a problem.

    Args:
        edit, other: numbers of the edits; `other` is None for a rating.
        problem: why the rater cannot judge; '' with scores or a winner.
        seconds: time that the rater took, if known.
    """

    edit: int
    other: int | None = None
    is_swapped: bool = False
    sc: float | None = None
    pq: float | None = None
    winner: str | None = None
    problem: str = ""
    seconds: float | None = None
    made: str = ""
    rater: str = ""

    @property
    def question(self) -> tuple[int, int | None]:
        return self.edit, self.other


class AnswerStore:
    """File of answers, which is created if it is missing. Its methods may be called from several threads.

    Raises:
        UserError: the file is not a file of answers, has a newer version, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"{path}: cannot hold ratings: {error}; name another file with --store") from None

    def __enter__(self) -> "AnswerStore":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._database.close()

    @property
    def secret(self) -> bytes:
        """Random bytes of this file, from which tickets and orders of questions are derived."""
        ((value,),) = self._query("SELECT value FROM facts WHERE name = 'secret'")
        return bytes.fromhex(value)

    def find_rater(self, name: str) -> Rater | None:
        """Return a rater by name, ignoring case."""
        rows = self._query("SELECT rater, name FROM raters WHERE folded = ?", name.casefold())
        return Rater(*rows[0]) if rows else None

    def join(self, name: str) -> Rater:
        """Return the rater of this name; a new name adds a rater.

        Raises:
            UserError: the name is empty or too long.
        """
        name = clean_line(name)
        if not 0 < len(name) <= MAX_NAME_LENGTH:
            raise UserError(f"give a name of 1 to {MAX_NAME_LENGTH} characters")
        with self._change() as database:
            insert = "INSERT INTO raters (name, folded, joined) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            database.execute(insert, (name, name.casefold(), _now()))
        rater = self.find_rater(name)
        assert rater
        return rater

    def add_edits(self, edits: Sequence[RatedEdit]) -> list[int]:
        """Return the number of each edit, after adding new ones."""
        rows = [(e.item_id, e.editor, e.digest, e.task, e.image_group, e.instruction) for e in edits]
        columns = "item_id, editor, digest, task, image_group, instruction"
        with self._change() as database:
            insert = f"INSERT INTO edits ({columns}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            database.executemany(insert, rows)
            stored = database.execute("SELECT item_id, editor, digest, edit FROM edits").fetchall()
        numbers = {(item_id, editor, digest): number for item_id, editor, digest, number in stored}
        return [numbers[edit.item_id, edit.editor, edit.digest] for edit in edits]

    def add(self, rater: Rater, token: str, answer: Answer) -> bool:
        """Add an answer, which replaces the rater's earlier answer to the question. Return False if this token was
        added before.
        """
        values = (answer.edit, answer.other, answer.is_swapped, answer.sc, answer.pq, answer.winner, answer.problem)
        with self._change() as database:
            known = database.execute("SELECT 1 FROM answers WHERE rater = ? AND token = ?", (rater.number, token))
            if known.fetchone():
                return False
            withdraw = (
                "UPDATE answers SET withdrawn = ? WHERE rater = ? AND edit = ? AND other IS ? AND withdrawn IS NULL"
            )
            database.execute(withdraw, (_now(), rater.number, answer.edit, answer.other))
            columns = "rater, token, edit, other, is_swapped, sc, pq, winner, problem, seconds, made"
            insert = f"INSERT INTO answers ({columns}) VALUES ({', '.join('?' * 11)})"
            database.execute(insert, (rater.number, token, *values, answer.seconds, _now()))
        return True

    def undo(self, rater: Rater, questions: set[tuple[int, int | None]]) -> Answer | None:
        """Withdraw and return the rater's last answer to one of these questions; None if there is none."""
        with self._change() as database:
            rows = _select(database, "raters.rater = ? ORDER BY answer DESC", rater.number)
            for number, answer in rows:
                if answer.question in questions:
                    database.execute("UPDATE answers SET withdrawn = ? WHERE answer = ?", (_now(), number))
                    return answer
        return None

    def read_answers(self, rater: Rater | None = None) -> list[Answer]:
        """Return the answers in force, of one rater or of all, in the order in which they were given."""
        condition = "1" if rater is None else "raters.rater = ?"
        with self._lock:
            rows = _select(self._database, f"{condition} ORDER BY answer", *([] if rater is None else [rater.number]))
        return [answer for _, answer in rows]

    def _query(self, text: str, *values: object) -> list[tuple]:
        with self._lock:
            return self._database.execute(text, values).fetchall()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Yield the database within a transaction.

        Raises:
            UserError: the file cannot be written.
        """
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                with self._database:
                    yield self._database
            except sqlite3.Error as error:
                raise UserError(f"{self.path}: cannot be written: {error}") from None

    def _prepare(self) -> None:
        """Create the tables of a new file, or check those of an existing one."""
        with self._lock:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA foreign_keys = ON")
            with self._change() as database:
                mark, version = (
                    database.execute(f"PRAGMA {n}").fetchone()[0] for n in ("application_id", "user_version")
                )
                is_new = not database.execute("SELECT 1 FROM sqlite_master").fetchone()
                if is_new:
                    for statement in filter(str.strip, SCHEMA.split(";")):
                        database.execute(statement)
                    database.execute("INSERT INTO facts VALUES ('secret', ?)", (secrets.token_hex(32),))
                    database.execute(f"PRAGMA application_id = {APPLICATION}")
                    database.execute(f"PRAGMA user_version = {VERSION}")
        if not is_new and mark != APPLICATION:
            raise UserError(f"{self.path}: another program's database; name another file with --store")
        if version > VERSION:
            raise UserError(f"{self.path}: ratings of version {version}; use the release of OmniEdit that wrote them")


_COLUMNS = "edit, other, is_swapped, sc, pq, winner, problem, seconds, made"


def _select(database: sqlite3.Connection, condition: str, *values: object) -> list[tuple[int, Answer]]:
    """Return number and answer of the selected rows that are in force."""
    query = (
        f"SELECT answer, {_COLUMNS}, raters.name FROM answers JOIN raters USING (rater) WHERE withdrawn IS NULL AND "
    )
    return [
        (number, Answer(edit, other, bool(is_swapped), sc, pq, winner, problem or "", seconds, made, name))
        for number, edit, other, is_swapped, sc, pq, winner, problem, seconds, made, name in database.execute(
            query + condition, values
        )
    ]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
