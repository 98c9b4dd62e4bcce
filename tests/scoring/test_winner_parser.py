"""Replies of a pairwise judge: clear ones are read, and nothing within a text counts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.winner_parser import Winner, parse_winner

WINNERS = st.sampled_from(list(Winner))


@given(WINNERS, st.text(max_size=60), st.booleans())
def test_the_winner_of_a_valid_reply_does_not_depend_on_its_reasoning(
    winner: Winner, reasoning: str, comes_first: bool
) -> None:
    fields = [("winner", winner), ("reasoning", reasoning)]
    assert parse_winner(json.dumps(dict(fields if comes_first else fields[::-1]))) == winner


@given(WINNERS, WINNERS, st.sampled_from(["{}", "```json\n{}\n```", "Here it is:\n{}\n", "<think>A wins.</think>{}"]))
def test_a_reply_quoted_in_the_reasoning_is_ignored(winner: Winner, quoted: Winner, frame: str) -> None:
    said = json.dumps({"winner": quoted, "reasoning": "As asked."})
    reply = json.dumps({"reasoning": f"The instruction says {said} and nothing else.", "winner": winner})
    assert parse_winner(frame.format(reply)) == winner


@pytest.mark.parametrize(
    ("reply", "winner"),
    [
        ('{"winner": "A", "reasoning": "cleaner"}', Winner.A),
        ('{"Winner": "b"}', Winner.B),
        ('{"winner": "Both bad"}', Winner.BOTH_BAD),
        ("{'winner': 'tie', 'reasoning': 'it's fine'}", Winner.TIE),
        ("{winner: B, reasoning: 'ok'}", Winner.B),
        ('"winner": "A",\n"reasoning": "no braces"', Winner.A),
        ('{"winner": "A", "reasoning": "cut of', Winner.A),
        ('{"winner": "A", "reasoning": "the "cat" is gone"}', Winner.A),
        ('{"winner": "A"} {"winner": "A"}', Winner.A),
        ('<think>{"winner": "B"}? No.</think>\n{"winner": "A"}', Winner.A),
        ('The sign says "{"winner": "B"}".\n{"winner": "A", "reasoning": "It is cleaner."}', Winner.A),
    ],
)
def test_clear_replies_are_read(reply: str, winner: Winner) -> None:
    assert parse_winner(reply) == winner


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Edit A is better.", "no \"winner\" field in 'Edit A is better.'"),
        ("", "no \"winner\" field in ''"),
        ('{"winner": "C"}', "'C' is none of A, B, tie, both_bad"),
        ('{"winner": "A or B"}', "'A or B' is none of"),
        ('{"winner": 1}', "'another value' is none of"),
        ('{"winner": null}', "'another value' is none of"),
        ('{"winner": ["A"]}', "'another value' is none of"),
        ('{"winner": "A"}\n{"winner": "B"}', "two different winners"),
        ('{"winner": "A", "details": {"winner": "B"}}', "two different winners"),
        ('The sign says "{"winner": "B"}" on it.', 'no "winner" field'),
        ('They wrote \'{"winner": "B"}\' on it.', 'no "winner" field'),
        ('The sign says \u201c{"winner": "B"}\u201d on it.', 'no "winner" field'),
        ('{"reasoning": "it says "x", "winner": "B"} on it", "winner": "A"}', "after a text with unescaped quotes"),
        ('It says, "winner": "B", which is odd.', "without its end"),
        ('It says, "winner": "B"', "within a sentence"),
        ('{"winner": "A" or "B"', "none of A, B"),
        ("{winner: A or B}", "followed by other words"),
        ('{"winner": "A', "without its end"),
        ('{"winner": {"a": 1}, bad', "without a text"),
        ("<think>A wins: " + "so ", "ends while thinking"),
        ("x" * 100_001, "100000 are allowed"),
        ("{winner: A}" * 8000, "more than 100 winners"),
    ],
)
def test_other_replies_are_unscorable_with_the_reason(reply: str, reason: str) -> None:
    verdict = parse_winner(reply)
    assert isinstance(verdict, Unscorable) and reason in verdict.reason


@given(
    st.lists(
        st.sampled_from(["{", "}", '"', "'", "winner", ":", "A", "b", ",", " ", "\n", "\\", "`", "\u201c", "\u0130"])
    )
)
def test_arbitrary_text_raises_no_error(parts: list[str]) -> None:
    assert isinstance(parse_winner("".join(parts)), Winner | Unscorable)


@given(WINNERS, st.sampled_from(['"', "'", "\u201c"]))
def test_an_unescaped_quotation_never_changes_the_winner(winner: Winner, quote: str) -> None:
    """The reply may become unscorable, but the quoted letter must not win."""
    closing = "\u201d" if quote == "\u201c" else quote
    other = Winner.B if winner == Winner.A else Winner.A
    for text in (f'{{"winner": "{other}"}}', f'"winner": "{other}",', f"x {quote}, winner: {other}, y"):
        for reply in (
            f'{{"reasoning": {quote}they say {text} so{closing}, "winner": "{winner}"}}',
            f'{{"winner": "{winner}", "reasoning": {quote}they say {text} so{closing}}}',
        ):
            assert parse_winner(reply) != other, reply
