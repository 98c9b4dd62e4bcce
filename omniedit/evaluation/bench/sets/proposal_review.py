"""Review of proposals by a person: accept, edit, reject or leave a photo out, with undo.

Decisions are appended to `{table}.review.jsonl`, which is also the history, and the table of accepted instructions that
`omniedit bench-set build` reads is written after each one. A decision belongs to a photo, a task and the text of the
proposal, so a review can continue after the proposals are remade.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.freeze import COLUMNS, OPTIONAL_COLUMNS
from omniedit.evaluation.bench.sets.rows import find_image
from omniedit.evaluation.bench.sets.set_proposals import BenchProposal
from omniedit.exchange.image_files import BadImage
from omniedit.plain_text import clean_line
from omniedit.storage.json_lines import append_json, read_json_lines
from omniedit.storage.parquet import read_csv, write_csv
from omniedit.tasks import TASKS, Task

LOG_SUFFIX = ".review.jsonl"
MAX_INSTRUCTION_LENGTH = 2000
"""Length limit of an instruction in characters; the page has it too."""
UNDO = "undo"
"""Verdict of a line that withdraws the last decision in force."""


class Verdict(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    LEAVE_OUT = "leave_out"
    """Leave the photo out, because it does not suit a benchmark."""


@dataclass(frozen=True)
class ReviewDecision:
    """Decision in force.

    Args:
        proposed: text of the proposal; '' if there was none.
        instruction: accepted text, which the person may have edited.
    """

    photo: str
    task: str
    verdict: Verdict
    proposed: str = ""
    instruction: str = ""


@dataclass(frozen=True)
class Slot:
    """Photo and task with its proposals; a blank proposal if there are none."""

    photo: str
    task: str
    proposals: tuple[BenchProposal, ...]


def make_slots(proposals: Iterable[BenchProposal]) -> list[Slot]:
    """Return the photos and tasks of a proposals file, in its order of photos and the order of the tasks."""
    slots: dict[tuple[str, str], list[BenchProposal]] = {}
    for proposal in proposals:
        if proposal.task:
            slots.setdefault((proposal.photo, proposal.task), []).append(proposal)
    photos = list(dict.fromkeys(photo for photo, _ in slots))
    order = sorted(slots, key=lambda key: (photos.index(key[0]), list(TASKS).index(Task(key[1]))))
    return [
        Slot(*key, tuple(proposal for proposal in slots[key] if proposal.instruction) or (slots[key][0],))
        for key in order
    ]


class Review:
    """Review of one proposals file. Its methods may be called from several threads.

    Args:
        photos: folder to which the paths of photos are relative.
        table: CSV of accepted instructions.

    Raises:
        UserError: a photo is missing, or the table has changed since the last decision.
    """

    def __init__(self, proposals: Sequence[BenchProposal], photos: Path, table: Path) -> None:
        self.slots, self.table, self.log = make_slots(proposals), table, table.with_name(table.name + LOG_SUFFIX)
        self.photos = list(dict.fromkeys(slot.photo for slot in self.slots))
        self._lock = threading.RLock()
        try:
            self._files = [find_image(photos, photo) for photo in self.photos]
        except BadImage as error:
            raise UserError(f"{photos}: {error}; give the folder for which the proposals were made") from None
        lines = read_json_lines(self.log)
        self._lines, self._decisions = len(lines), replay(lines)
        if table.exists() and read_csv(table) != [{k: str(v) for k, v in row.items()} for row in self.accepted()]:
            raise UserError(f"{table}: has changed since the review; build from it, or give another -o")
        self._write_table()

    def describe(self) -> dict[str, Any]:
        """Return the progress and the current slot, None at the end."""
        with self._lock:
            waiting = self._waiting()
            return {
                "turn": self._lines,
                "done": len(self.slots) - len(waiting),
                "total": len(self.slots),
                "accepted": len(self.accepted()),
                "can_undo": bool(self._decisions),
                "slot": self._describe_first(waiting) if waiting else None,
            }

    def decide(self, turn: int, verdict: Verdict, instruction: str = "") -> dict[str, Any]:
        """Record a decision on the current slot; return the next state.

        Args:
            turn: turn of the state that the person saw. If another decision was made in the meantime, nothing is
                recorded.

        Raises:
            ValueError: an accepted instruction is empty or too long.
            UserError: a file cannot be written.
        """
        with self._lock:
            waiting = self._waiting()
            if turn == self._lines and waiting:
                slot, (proposal, *_) = waiting[0]
                instruction = clean_line(instruction) if verdict is Verdict.ACCEPT else ""
                if verdict is Verdict.ACCEPT and not 0 < len(instruction) <= MAX_INSTRUCTION_LENGTH:
                    raise ValueError(f"an instruction has 1 to {MAX_INSTRUCTION_LENGTH:,} characters")
                decision = ReviewDecision(slot.photo, slot.task, verdict, proposal.instruction, instruction)
                self._append(asdict(decision))
                self._decisions.append(decision)
                self._write_table()
            return self.describe()

    def undo(self, turn: int) -> dict[str, Any]:
        """Withdraw the last decision. Return the state, whose `before` is the text that was accepted."""
        with self._lock:
            if turn != self._lines or not self._decisions:
                return self.describe()
            self._append({"verdict": UNDO})
            last = self._decisions.pop()
            self._write_table()
            return {**self.describe(), "before": last.instruction}

    def accepted(self) -> list[dict[str, Any]]:
        """Return the rows of the table, in the order of the slots; empty cells are ''."""
        left_out = self._excluded_photos()
        accepting = (decision for decision in self._decisions if decision.verdict is Verdict.ACCEPT)
        decisions = {(decision.photo, decision.task): decision for decision in accepting}
        slots = [slot for slot in self.slots if (slot.photo, slot.task) in decisions and slot.photo not in left_out]
        return [_to_row(decisions[slot.photo, slot.task], slot) for slot in slots]

    def read_image(self, number: int) -> bytes:
        """Return the file of a photo.

        Raises:
            IndexError: no such photo.
            UserError: it cannot be read.
        """
        try:
            return self._files[number]()
        except OSError as error:
            raise UserError(f"{self.photos[number]}: cannot be read: {error.strerror}") from None

    def _excluded_photos(self) -> set[str]:
        return {decision.photo for decision in self._decisions if decision.verdict is Verdict.LEAVE_OUT}

    def _waiting(self) -> list[tuple[Slot, list[BenchProposal]]]:
        """Return the slots that wait for a decision, each with its proposals that are not rejected."""
        left_out, rejected, closed = self._excluded_photos(), defaultdict(set), set()
        for decision in self._decisions:
            rejected[decision.photo, decision.task].add(decision.proposed)
            if decision.verdict is Verdict.ACCEPT:
                closed.add((decision.photo, decision.task))
        open_slots = [
            each for each in self.slots if each.photo not in left_out and (each.photo, each.task) not in closed
        ]
        undecided = [
            (slot, [each for each in slot.proposals if each.instruction not in rejected[slot.photo, slot.task]])
            for slot in open_slots
        ]
        return [(slot, proposals) for slot, proposals in undecided if proposals]

    def _describe_first(self, waiting: Sequence[tuple[Slot, list[BenchProposal]]]) -> dict[str, Any]:
        slot, (proposal, *more) = waiting[0]
        later = next((each.photo for each, _ in waiting if each.photo != slot.photo), None)
        return {
            "photo": slot.photo,
            "image": self.photos.index(slot.photo),
            "next_image": None if later is None else self.photos.index(later),
            "task": Task(slot.task).label,
            "instruction": proposal.instruction,
            "reason": proposal.reason,
            "captions": [text for text in (proposal.source_caption, proposal.target_caption) if text],
            "more": len(more),
        }

    def _append(self, line: Mapping[str, Any]) -> None:
        append_json(self.log, {**line, "when": datetime.now(UTC).isoformat(timespec="seconds")})
        self._lines += 1

    def _write_table(self) -> None:
        try:
            write_csv(self.table, self.accepted(), (*COLUMNS, *OPTIONAL_COLUMNS))
        except OSError as error:
            raise UserError(f"{self.table}: cannot be written: {error.strerror}") from None


def replay(lines: Iterable[Mapping[str, Any]]) -> list[ReviewDecision]:
    """Return the decisions in force from the lines of a log. Invalid lines are skipped."""
    decisions: list[ReviewDecision] = []
    for line in lines:
        if line.get("verdict") == UNDO:
            del decisions[-1:]
        elif line.get("verdict") in list(Verdict):
            texts = [line.get(name) for name in ("photo", "task", "proposed", "instruction")]
            photo, task, proposed, instruction = (text if isinstance(text, str) else "" for text in texts)
            decisions.append(ReviewDecision(photo, task, Verdict(line["verdict"]), proposed, instruction))
    return decisions


def _to_row(decision: ReviewDecision, slot: Slot) -> dict[str, Any]:
    """Return a row of the table. Captions and the number of objects belong to the proposal, not to an edited text."""
    row = dict.fromkeys((*COLUMNS, *OPTIONAL_COLUMNS), "") | {"photo": decision.photo, "task": decision.task}
    proposal = next((each for each in slot.proposals if each.instruction == decision.instruction), None)
    more = {name: value for name in OPTIONAL_COLUMNS if (value := getattr(proposal, name, None)) is not None}
    return row | {"instruction": decision.instruction} | more
