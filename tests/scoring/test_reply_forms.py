"""Replies of each form, single or several scores, JSON or lines: the tables of docs/rubrics.md and quoted numbers."""

import ast
import json
import re
import sys
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.reply_parsing import REPEATED
from helpers.chain import REPOSITORY
from helpers.reply_texts import MARKS, long_texts
from omniedit.scoring.reply_form import ReplyForm, Scale, to_scale
from omniedit.scoring.reply_parser import (
    Unscorable,
    parse_reply,
    parse_scores,
    parse_texts,
)
from omniedit.scoring.rubric_registry import load_rubric

FORMS = {
    "JSON": ReplyForm((Scale(), Scale()), ("success", "restraint")),
    "lines": ReplyForm(
        (Scale(1, 5), Scale(1, 5)),
        ("Prompt Compliance", "Visual Seamlessness"),
        field="Final Score",
        lines=True,
        reasoning="Brief reasoning",
    ),
}
"""Forms of the two tables in docs/rubrics.md."""


def rows_below(heading: str) -> list[tuple[str, str, str]]:
    """Return the rows of the table below a heading in docs/rubrics.md: form, reply and the last column."""
    section = (REPOSITORY / "docs/rubrics.md").read_text().split(f"### {heading}\n")[1].split("\n#")[0]
    cells = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in section.splitlines() if line.startswith("| ")]
    return [(form, reply.strip("`").replace("\\|", "|").replace("\\n", "\n"), last) for form, reply, last in cells[1:]]


READ, REJECTED = rows_below("Replies that are read"), rows_below("Replies that are rejected")


def test_reply_tables_cover_every_form() -> None:
    assert len(READ) >= 15 and len(REJECTED) >= 20
    assert {form for form, *_ in READ} == {form for form, *_ in REJECTED} == set(FORMS)


@pytest.mark.parametrize(("form", "reply", "scores"), READ, ids=[row[1] for row in READ])
def test_every_readable_reply_of_the_table_is_read(form: str, reply: str, scores: str) -> None:
    assert parse_scores(reply, FORMS[form]) == ast.literal_eval(f"[{scores}]")


@pytest.mark.parametrize(("form", "reply", "reason"), REJECTED, ids=[row[1] for row in REJECTED])
def test_every_unreadable_reply_of_the_table_is_rejected_with_its_reason(form: str, reply: str, reason: str) -> None:
    verdict = parse_scores(reply, FORMS[form])
    assert isinstance(verdict, Unscorable)
    assert verdict.reason.startswith(reason.replace("`", ""))


def test_a_code_fence_at_the_end_hides_no_line_that_contradicts_a_quoted_one() -> None:
    quoted = 'It says "</think>Final Score: 1, 1\n```\n".\n'
    verdict = parse_scores(f"{quoted}Prompt Compliance: 4\nVisual Seamlessness: 5\n```", FORMS["lines"])
    assert verdict == Unscorable("two different score fields")


@pytest.mark.parametrize("rubric", ["edit", "viescore_editing", "viescore_multi_concept", "viescore_generation"])
def test_an_echo_of_the_requested_format_is_not_an_answer(rubric: str) -> None:
    for question in load_rubric(rubric).questions:
        shown = question.text.splitlines()[-1]
        echo = shown[shown.index("{") :]
        count = len(question.scores)
        answer = json.dumps({"score": [7] * count, "reasoning": "Seven each."})
        assert parse_scores(f"{echo}\n{answer}", question.reply_form) == [7] * count
        assert parse_reply(f"{echo}\n{answer}", count) == [7] * count
        assert parse_texts(f"{echo}\n{answer}", question.reply_form) == {"reasoning": "Seven each."}
        assert isinstance(parse_scores(echo, question.reply_form), Unscorable)
        assert isinstance(parse_scores(f"{answer}\n{echo}", question.reply_form), Unscorable)


@pytest.mark.parametrize(
    ("scale", "good", "bad"),
    [
        (to_scale([1, 5], None), [1, 4.5, 5], [0, 5.5, 6]),
        (to_scale([0, 25], None), [0, 24, 25], [-1, 26]),
        (to_scale(None, [0, 0.5, 1]), [0, 0.5, 1], [0.25, 2]),
    ],
)
def test_scores_must_lie_on_their_scale(scale: Scale, good: list[float], bad: list[float]) -> None:
    form = ReplyForm((scale,))
    assert all(parse_scores(json.dumps({"score": [score]}), form) == [score] for score in good)
    verdicts = [parse_scores(json.dumps({"score": [score]}), form) for score in bad]
    assert all(isinstance(each, Unscorable) and scale.name in each.reason for each in verdicts)
    assert parse_scores(json.dumps({"score": f"{good[-1]}/{scale.high}"}), form) == [good[-1]]
    assert isinstance(parse_scores(json.dumps({"score": f"{good[0]}/{scale.high + 1}"}), form), Unscorable)


def test_additional_texts_are_kept_by_name() -> None:
    form = ReplyForm((Scale(1, 5),) * 2, ("instruction_score", "knowledge_score"), texts=("knowledge",))
    reply = '{"instruction_score": 4, "reasoning": "Done." "knowledge_score": "3", "knowledge": "It\'s ice."}'
    assert parse_scores(reply, form) == [4, 3]
    assert parse_texts(reply, form) == {"reasoning": "Done.", "knowledge": "It's ice."}


def test_the_text_before_a_final_score_is_the_rationale() -> None:
    form = ReplyForm((Scale(1, 5),), ("consistency",), field="Final Score", lines=True)
    reply = "Step 1: the sky is grey.\nStep 2: so is the sea.\n\n**Final Score:** **4**"
    assert parse_scores(reply, form) == [4]
    assert parse_texts(reply, form)["reasoning"] == "Step 1: the sky is grey.\nStep 2: so is the sea."


WITHIN = st.text(st.characters(blacklist_characters='"\\\u201c\u201d', blacklist_categories=("Cs",)), max_size=30)
TRAPS = st.sampled_from(
    [
        "{'score': [3, 3]}",
        "[3, 3]",
        "{success: 3, restraint: 3}",
        "\nPrompt Compliance: 3\nVisual Seamlessness: 3\n",
        "\nFinal Score: 3, 3\n",
        "</think> [3, 3]",
        ", 'score': [3, 3]}",
    ]
)


@given(WITHIN, TRAPS, WITHIN, st.sampled_from(list(FORMS)), st.booleans())
@settings(deadline=None, max_examples=150)
def test_no_number_in_a_quoted_text_becomes_a_score(before: str, trap: str, after: str, form: str, ends: bool) -> None:
    """Check replies whose only scores stand in a text in quotes, and replies that add other scores after it."""
    text = f'"{before}{trap}{after}"'
    assume("3" not in before + after)
    for reply in (f"It says {text}", f'{{"reasoning": {text}}}', f"{{'notes': [{text}]}}", f'{{"a": {text}, "b": 1'):
        assert isinstance(parse_scores(reply, FORMS[form]), Unscorable)
    real = '{"score": [2, 4]}' if form == "JSON" else "Prompt Compliance: 2\nVisual Seamlessness: 4"
    verdict = parse_scores(f"It says {text}.\n{real}", FORMS[form])
    assert isinstance(verdict, Unscorable) or verdict == [2, 4]


@given(
    st.text() | st.text(MARKS + "Final Score: Prompt Compliance", max_size=200) | long_texts(),
    st.sampled_from(list(FORMS)),
)
@settings(deadline=None, max_examples=60)
def test_arbitrary_text_raises_no_error_and_stays_on_the_scale_in_every_form(text: str, form: str) -> None:
    verdict = parse_scores(text, FORMS[form])
    assert set(parse_texts(text, FORMS[form])) == {FORMS[form].reasoning}
    if not isinstance(verdict, Unscorable):
        assert all(scale.allows(score) for scale, score in zip(FORMS[form].scales, verdict, strict=True))


def count_calls(action: Callable[[], object]) -> int:
    """Return how many functions an action calls, those of C included."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("begin", ["", "[1, 2]"])
@pytest.mark.parametrize("piece", REPEATED)
def test_a_reply_of_twice_the_length_takes_at_most_twice_the_calls(piece: str, begin: str, form: str) -> None:
    """Check calls, not seconds; `benchmarks/reply_parsing.py` measures the time, which regular expressions take too."""
    short, long = (begin + piece * (length // len(piece)) for length in (4_000, 8_000))
    parse_scores(short, FORMS[form])  # compiles and caches regular expressions
    once, twice = (count_calls(lambda text=text: parse_scores(text, FORMS[form])) for text in (short, long))
    assert twice <= 2 * once + 50
