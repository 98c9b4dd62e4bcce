"""Questions to raters: each rater's questions in their order, and the answers, in the form that the page uses.

Each rater has a separate order of questions. Editors' names never leave this module: a question has a ticket, which
is a keyed digest, and its images are called source, edited, left and right.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations
from math import inf, isfinite
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.people.answers import Answer, AnswerStore, Rater
from omniedit.evaluation.people.rated_edits import RatedEdit, group_by_item
from omniedit.imaging.images import decode_image, encode_png, resize_to_fit
from omniedit.plain_text import clean_line
from omniedit.scoring.winner_parser import Winner

LEVELS = (0.0, 0.5, 1.0)
"""Scores that raters give (Ku et al. 2023)."""
QUESTIONS_AHEAD = 4
"""Number of questions that the page gets at once, so that it can prefetch their images."""
CLAIM_S = 1800.0
"""Seconds during which a question on a rater's page is reserved for this rater."""
MAX_PROBLEM_LENGTH = 200
MAX_SIDE = 2048
"""Maximum longer side in pixels; larger images are scaled down to it."""
CHOICES = {"left": (Winner.A, Winner.B), "right": (Winner.B, Winner.A)}
"""Winner for each choice: if the first edit is on the left, and if it is on the right."""


@dataclass(frozen=True)
class RatingQuestion:
    """One edit to rate, or two to choose from, with their numbers in the store."""

    edits: tuple[RatedEdit, ...]
    numbers: tuple[int, ...]

    @property
    def key(self) -> tuple[int, int | None]:
        """Key of the answers to it: `Answer.question`."""
        return self.numbers[0], self.numbers[1] if len(self.numbers) > 1 else None

    @property
    def name(self) -> str:
        return "|".join(f"{edit.item_id}|{edit.editor}|{edit.digest}" for edit in self.edits)


def make_questions(store: AnswerStore, edits: Sequence[RatedEdit], pairwise: bool) -> list[RatingQuestion]:
    """Return a question for each edit, or for each pair of editors' edits of an item.

    Raises:
        UserError: no item has edits of two editors.
    """
    numbers = dict(zip(((e.item_id, e.editor) for e in edits), store.add_edits(edits), strict=True))
    groups: list[tuple[RatedEdit, ...]] = [(edit,) for edit in edits]
    if pairwise:
        groups = [two for item_edits in group_by_item(edits).values() for two in combinations(item_edits, 2)]
    if not groups:
        raise UserError("no item has edits of two editors, which a choice needs; omit --pairwise")
    return [RatingQuestion(group, tuple(numbers[e.item_id, e.editor] for e in group)) for group in groups]


class Session:
    """Questions for any number of raters. Its methods may be called from several threads.

    Args:
        per_question: number of raters who answer each question; None for all raters.
        seed: seed of orders and sides, together with the store's secret.
    """

    def __init__(
        self, store: AnswerStore, questions: Sequence[RatingQuestion], per_question: int | None, seed: int
    ) -> None:
        self.store, self.questions, self.per_question = store, questions, per_question
        self.pairwise = any(len(question.edits) > 1 for question in questions)
        self._secret, self._seed, self._lock = store.secret, seed, threading.RLock()
        self._queues: dict[int, dict[str, RatingQuestion]] = {}
        self._by_ticket: dict[str, tuple[Rater, RatingQuestion]] = {}
        self._claims: dict[tuple[int, int | None], dict[str, float]] = {}

    @property
    def mode(self) -> str:
        return "pairwise" if self.pairwise else "scores"

    def join(self, name: str) -> dict[str, Any]:
        """Return the state of a rater; a new name adds a rater.

        Raises:
            UserError: the name is empty or too long.
        """
        return self.describe(self.store.join(name).name)

    def describe(self, name: str, first: tuple[int, int | None] | None = None) -> dict[str, Any]:
        """Return a rater's progress and next questions.

        Args:
            first: key of a question to ask first.

        Raises:
            UserError: this rater has not joined.
        """
        rater = self._find(name)
        with self._lock:
            queue = self._queue(rater)
            answered = {answer.question for answer in self.store.read_answers(rater)}
            done = sum(question.key in answered for question in self.questions)
            others = self._count_others(rater)
            limit = inf if self.per_question is None else self.per_question
            waiting = {t: q for t, q in queue.items() if q.key not in answered and others.get(q.key, 0) < limit}
            upcoming = dict(sorted(waiting.items(), key=lambda item: item[1].key != first)[:QUESTIONS_AHEAD])
            for question in upcoming.values():
                self._claims.setdefault(question.key, {})[rater.name] = time.monotonic()
        entries = [{"ticket": ticket, "instruction": each.edits[0].instruction} for ticket, each in upcoming.items()]
        return {
            "rater": rater.name,
            "mode": self.mode,
            "done": done,
            "total": done + len(waiting),
            "questions": entries,
        }

    def answer(self, name: str, token: str, ticket: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Record an answer and return the rater's state.

        Args:
            token: the page's name for this answer; an answer that is sent twice is recorded once.
            body: sc and pq, or choice (left, right, tie or both_bad), or problem; and optionally seconds.

        Raises:
            UserError: the ticket belongs to another rater or another input.
            ValueError: the body does not answer this kind of question.
        """
        rater = self._find(name)
        self._queue(rater)
        owner, question = self._by_ticket.get(ticket, (None, None))
        if question is None or owner != rater:
            raise UserError("this question does not belong to this page; reload the page")
        self.store.add(rater, token, self._parse(rater, question, body))
        return self.describe(rater.name)

    def undo(self, name: str) -> dict[str, Any]:
        """Withdraw the rater's last answer. Return the state with `undone`, the ticket and the withdrawn answer.

        Raises:
            UserError: this rater has not joined.
        """
        rater = self._find(name)
        last = self.store.undo(rater, {question.key for question in self.questions})
        state = self.describe(rater.name, last.question if last else None)
        if last is None:
            return state | {"undone": None}
        tickets = {question.key: ticket for ticket, question in self._queue(rater).items()}
        return state | {"undone": {"ticket": tickets[last.question], "sc": last.sc, "pq": last.pq}}

    def read_image(self, ticket: str, side: str) -> bytes:
        """Return an image as PNG without metadata. `side` is source, and edited or left and right.

        All images are encoded in the same way, because format, text chunks and compression may reveal an editor.

        Raises:
            UserError: the question or the side does not exist, or the image cannot be read.
        """
        rater, question = self._by_ticket.get(ticket, (None, None))
        sides = ["left", "right"] if self.pairwise else ["edited"]
        if rater is None or question is None or side not in ("source", *sides):
            raise UserError("there is no such image; reload the page")
        order = question.edits[::-1] if self._is_swapped(rater, question) else question.edits
        read = question.edits[0].source if side == "source" else order[sides.index(side)].edited
        return encode_png(resize_to_fit(decode_image(read(), "this image"), MAX_SIDE))

    def _find(self, name: str) -> Rater:
        rater = self.store.find_rater(clean_line(name))
        if rater is None:
            raise UserError("this rater has not joined; reload the page and give your name")
        return rater

    def _queue(self, rater: Rater) -> dict[str, RatingQuestion]:
        """Return all questions in the rater's order, by ticket."""
        with self._lock:
            if rater.number not in self._queues:
                ordered = sorted(self.questions, key=lambda question: self._digest(rater, question, "order"))
                queue = {self._digest(rater, question, "ticket"): question for question in ordered}
                self._queues[rater.number] = queue
                self._by_ticket |= {ticket: (rater, question) for ticket, question in queue.items()}
            return self._queues[rater.number]

    def _digest(self, rater: Rater, question: RatingQuestion, use: str) -> str:
        text = f"{self._seed}|{rater.number}|{use}|{question.name}"
        return blake2b(text.encode(errors="replace"), key=self._secret, digest_size=12).hexdigest()

    def _is_swapped(self, rater: Rater, question: RatingQuestion) -> bool:
        return len(question.edits) > 1 and int(self._digest(rater, question, "side"), 16) % 2 == 1

    def _count_others(self, rater: Rater) -> Mapping[tuple[int, int | None], int]:
        """Return by question the number of other raters who answered it or have it on their page."""
        if self.per_question is None:
            return {}
        others: dict[tuple[int, int | None], set[str]] = {}
        for answer in self.store.read_answers():
            others.setdefault(answer.question, set()).add(answer.rater)
        now = time.monotonic()
        for key, claims in self._claims.items():
            others.setdefault(key, set()).update(name for name, since in claims.items() if now - since < CLAIM_S)
        return {key: len(names - {rater.name}) for key, names in others.items()}

    def _parse(self, rater: Rater, question: RatingQuestion, body: Mapping[str, Any]) -> Answer:
        """Return the answer to a question.

        Raises:
            ValueError: it is not an answer to the question.
        """
        swapped, seconds = self._is_swapped(rater, question), _parse_seconds(body.get("seconds"))
        problem = body.get("problem")
        if problem is not None:
            if not isinstance(problem, str) or not 0 < len(problem.strip()) <= MAX_PROBLEM_LENGTH:
                raise ValueError(f"problem must be a text of 1 to {MAX_PROBLEM_LENGTH} characters")
            return Answer(*question.key, is_swapped=swapped, problem=clean_line(problem), seconds=seconds)
        if self.pairwise:
            winner = _parse_choice(body.get("choice"), swapped)
            return Answer(*question.key, is_swapped=swapped, winner=winner, seconds=seconds)
        sc, pq = (_parse_level(body.get(name), name) for name in ("sc", "pq"))
        return Answer(*question.key, sc=sc, pq=pq, seconds=seconds)


def _parse_level(value: object, name: str) -> float:
    if isinstance(value, bool) or value not in LEVELS:
        raise ValueError(f"{name} must be one of {', '.join(f'{level:g}' for level in LEVELS)}")
    return float(value)


def _parse_choice(value: object, is_swapped: bool) -> str:
    if not isinstance(value, str) or value not in (*CHOICES, Winner.TIE, Winner.BOTH_BAD):
        raise ValueError("choice must be one of left, right, tie, both_bad")
    return str(CHOICES[value][is_swapped] if value in CHOICES else Winner(value))


def _parse_seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (isfinite(value) and 0 <= value < 1e6):
        raise ValueError("seconds must be a number of at least 0")
    return float(value)
