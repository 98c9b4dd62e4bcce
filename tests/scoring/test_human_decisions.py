"""Decisions by hand: the last line on a pair holds, appends are whole, and a broken line costs only itself."""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.errors import UserError
from omniedit.scoring.human_decisions import (
    MAX_LINE_LENGTH,
    MAX_NOTE_LENGTH,
    Decision,
    HandDecision,
    append_by_hand,
    parse_line,
    read_by_hand,
)

ACCEPT, REJECT, WITHDRAW = Decision.ACCEPT, Decision.REJECT, Decision.WITHDRAW


def make(pair_id: str, decision: Decision = ACCEPT, note: str = "") -> HandDecision:
    return HandDecision(pair_id, decision, "ada", "2026-01-31T12:00:00+00:00", note)


def test_a_missing_file_has_no_decisions(tmp_path: Path) -> None:
    assert read_by_hand(tmp_path / "decisions/human.jsonl").by_pair == {}


@given(made=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Decision)), max_size=12))
def test_the_last_line_about_a_pair_counts(tmp_path_factory: pytest.TempPathFactory, made: list) -> None:
    path = tmp_path_factory.mktemp("run") / "decisions/human.jsonl"
    for pair_id, decision in made:
        append_by_hand(path, make(pair_id, decision))
    found = read_by_hand(path)
    last = {pair_id: decision for pair_id, decision in dict(made).items() if decision is not WITHDRAW}
    assert {pair_id: each.decision for pair_id, each in found.by_pair.items()} == last and found.problems == []


def test_a_written_decision_is_one_printable_line_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "human.jsonl"
    append_by_hand(path, make("caf\u00e9/../x", REJECT, "two\nlines \u2028 \x1b[31mred" + "x" * 5000))
    assert path.read_bytes().count(b"\n") == 1
    found = read_by_hand(path).by_pair["caf\u00e9/../x"]
    assert found.note.startswith("two lines [31mred") and len(found.note) == MAX_NOTE_LENGTH
    assert (found.who, found.when, found.decision) == ("ada", "2026-01-31T12:00:00+00:00", REJECT)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"no json", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 50_000, "not JSON"),
        (b"[1]", "no pair_id"),
        (b'{"pair_id": 7, "decision": "accept"}', "no pair_id"),
        (b'{"pair_id": "", "decision": "accept"}', "no pair_id"),
        (b'{"pair_id": "a"}', "its decision is None, not one of accept, reject, withdraw"),
        (b'{"pair_id": "a", "decision": ["accept"]}', "its decision is "),
        (b'{"pair_id": "a", "decision": "Accept"}', "its decision is 'Accept'"),
        (b'{"pair_id": "a", "note": "' + b"x" * 3 * MAX_LINE_LENGTH + b'"}', f"more than {MAX_LINE_LENGTH} bytes"),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(line: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "human.jsonl"
    append_by_hand(path, make("before"))
    with path.open("ab") as file:
        file.write(b"\n" + line + b"\n")
    append_by_hand(path, make("after"))
    found = read_by_hand(path)
    assert set(found.by_pair) == {"before", "after"}
    (line_problem,) = found.problems
    assert line_problem.startswith(f"{path}: line 3 is skipped: ") and problem in line_problem


def test_values_of_other_types_and_unknown_keys_are_ignored() -> None:
    line = json.dumps({"pair_id": "a", "decision": "accept", "who": 7, "note": None, "colour": "red"}).encode()
    assert parse_line(line) == HandDecision("a", ACCEPT, "", "", "")


def test_an_unfinished_last_line_does_not_affect_the_others(tmp_path: Path) -> None:
    path = tmp_path / "human.jsonl"
    append_by_hand(path, make("first"))
    append_by_hand(path, make("second"))
    os.truncate(path, path.stat().st_size - 5)
    append_by_hand(path, make("third"))
    found = read_by_hand(path)
    assert set(found.by_pair) == {"first", "third"} and len(found.problems) == 1


def append_many(path: Path, name: str) -> None:
    for number in range(50):
        append_by_hand(path, make(f"{name}{number}", note="x" * 900))


def test_no_decision_of_concurrent_programs_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "human.jsonl"
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(append_many, [path] * 4, "abcd"))
    found = read_by_hand(path)
    assert len(found.by_pair) == 200 and found.problems == []


def test_an_unusable_file_raises_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "human.jsonl").mkdir()
    with pytest.raises(UserError, match=r"human\.jsonl: cannot be read: Is a directory"):
        read_by_hand(tmp_path / "human.jsonl")
    with pytest.raises(UserError, match=r"human\.jsonl: cannot be written: Is a directory"):
        append_by_hand(tmp_path / "human.jsonl", make("a"))
