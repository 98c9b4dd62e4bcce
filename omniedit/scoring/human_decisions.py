"""Decisions by hand: `decisions/human.jsonl` of a run, one JSON line for each decision of a person.

{"pair_id": "...", "decision": "accept", "who": "ada", "when": "2026-01-31T12:00:00+00:00", "note": "clean edit"}

A later line on a pair replaces an earlier one, and `withdraw` restores the filter's own decision. Lines are only
appended, so the file is also the history. Several programs may append at the same time.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.plain_text import clean_line
from omniedit.storage.json_lines import append_json

FILE = Path("decisions/human.jsonl")
"""Place of the decisions by hand below a run's folder."""
MAX_LINE_LENGTH = 1 << 16
"""Length limit of a line in bytes."""
MAX_NOTE_LENGTH = 1000
"""Length limit of a note in characters."""


class Decision(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class HandDecision:
    """One line of the file: a person's decision about a pair, with its time (ISO 8601, UTC)."""

    pair_id: str
    decision: Decision
    who: str
    when: str
    note: str = ""


@dataclass(frozen=True)
class HandDecisions:
    """Decisions in force.

    Args:
        by_pair: pair id -> the last decision, without withdrawn ones.
        problems: a message for each line that cannot be read.
    """

    by_pair: dict[str, HandDecision]
    problems: list[str]


def read_by_hand(path: str | Path) -> HandDecisions:
    """Read the decisions in force. A broken line is skipped and named in `problems`; a missing file has no decisions.

    Raises:
        UserError: the file cannot be read.
    """
    by_pair: dict[str, HandDecision] = {}
    problems: list[str] = []
    for number, line in _read_lines(Path(path)):
        try:
            decision = parse_line(line)
        except ValueError as error:
            problems.append(f"{path}: line {number} is skipped: {error}")
            continue
        by_pair[decision.pair_id] = decision
    in_force = {
        pair_id: decision for pair_id, decision in by_pair.items() if decision.decision is not Decision.WITHDRAW
    }
    return HandDecisions(in_force, problems)


def _read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the number and content of each line that is not blank; a line that is too long is cut."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_LENGTH):
                number += 1
                if line.strip():
                    yield number, line
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_LENGTH)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def parse_line(line: bytes) -> HandDecision:
    """Parse a line of the file; unknown keys are ignored.

    Raises:
        ValueError: the line is not a decision; the message says why.
    """
    if len(line) >= MAX_LINE_LENGTH:
        raise ValueError(f"it has more than {MAX_LINE_LENGTH} bytes")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON in UTF-8") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("pair_id"), str) or not fields["pair_id"]:
        raise ValueError("it has no pair_id")
    if fields.get("decision") not in list(Decision):
        raise ValueError(f"its decision is {fields.get('decision')!a:.40}, not one of {', '.join(Decision)}")
    return HandDecision(fields["pair_id"], Decision(fields["decision"]), **_texts(fields, "who", "when", "note"))


def _texts(fields: dict[str, Any], *names: str) -> dict[str, str]:
    """Return values as printable lines; '' for a value that is not a text."""
    return {name: clean_line(value) if isinstance(value := fields.get(name), str) else "" for name in names}


def append_by_hand(path: str | Path, decision: HandDecision) -> None:
    """Append a decision. The line is written whole, also if other programs append at the same time.

    Raises:
        UserError: the file cannot be written.
    """
    append_json(Path(path), {**asdict(decision), "note": clean_line(decision.note, MAX_NOTE_LENGTH)})
