"""A reply is read in any usual dress, or refused; no number is ever made up."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.scoring.parser import Unscorable, parse_reasoning, parse_reply

SCORE = st.integers(0, 10) | st.decimals(0, 10, places=2).map(float)


@pytest.mark.parametrize(
    "reply",
    [
        '{"score": [8, 9.5], "reasoning": "fine"}',
        '```json\n{"score": [8, 9.5], "reasoning": "fine"}\n```',
        'Here it is: {"score": [8, 9.5], "reasoning": "fine"} I hope that it\'s of use.',
        "{'score': [8, 9.5], 'reasoning': 'it's fine'}",
        '{"reasoning": "fine", "score": [8, 9.5,],}',
        "{\u201cscore\u201d: [8, 9.5], \u201creasoning\u201d: \u201cfine\u201d}",
        '<think>Perhaps {"score": [1, 2]}?</think>{"score": [8, 9.5]}',
        '{"score": [8, 9.5], "reasoning": "cut off in the mid',
        '{"result": {"Score": [\n  8,\n  9.5\n]}}',
        '{"score": [8, 9.5]} and again {"score": [8, 9.5]}',
    ],
)
def test_usual_dresses_are_read(reply: str) -> None:
    assert parse_reply(reply, 2) == [8.0, 9.5]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "no"),
        ("I am sorry, I cannot judge people.", "no"),
        ("score: 8, 9", "no"),
        ('{"score": []}', "0 scores"),
        ('{"score": [8]}', "1 scores"),
        ('{"score": [8, 9, 10]}', "3 scores"),
        ('{"score": [70, 8]}', "outside"),
        ('{"score": [-1, 8]}', "outside"),
        ('{"score": [10.01, 8]}', "outside"),
        ('{"score": [NaN, 8]}', "not a number"),
        ('{"score": [true, 8]}', "not a number"),
        ('{"score": [null, 8]}', "not a number"),
        ('{"score": ["8", 9]}', "not a number"),
        ('{"score": ["8/10", 9]}', "not a number"),
        ('{"score": [8/10, 9]}', "not a number"),
        ('{"score": [1e1, 9]}', "not a number"),
        ('{"score": [[8, 9]]}', "not a number"),
        ('{"score": [8,, 9]}', "3 scores"),
        ('{"score": [8, 9', "no"),
        ('{"score": [8, 9]} or rather {"score": [2, 2]}', "differ"),
        ('<think>{"score": [8, 9]}', "thinking"),
        ('{"score": [8, 9]}' + " " * 100_000, "characters"),
    ],
)
def test_what_cannot_be_read_is_unscorable_with_the_reason(reply: str, reason: str) -> None:
    verdict = parse_reply(reply, 2)
    assert isinstance(verdict, Unscorable)
    assert reason in verdict.reason


def test_one_score_may_be_bare() -> None:
    assert parse_reply('{"score": 7, "reasoning": ""}', 1) == [7.0]


@pytest.mark.parametrize("cut", ['{"score": 1', '{"score": [1', '{"score": [10'])
def test_a_number_that_may_be_cut_off_is_not_read(cut: str) -> None:
    assert isinstance(parse_reply(cut, 1), Unscorable)


@given(st.text() | st.text('{}[]":,score0123456789.-eE \n`<think>/', max_size=200), st.integers(1, 4))
def test_no_text_raises_or_leaves_the_range(text: str, num_scores: int) -> None:
    verdict = parse_reply(text, num_scores)
    parse_reasoning(text)
    if not isinstance(verdict, Unscorable):
        assert len(verdict) == num_scores
        assert all(0 <= score <= 10 for score in verdict)


@given(
    st.lists(SCORE, min_size=1, max_size=4), st.text(), st.sampled_from(["%s", "```json\n%s\n```", "Sure! %s\nBye."])
)
def test_what_json_writes_is_read_back(scores: list[float], reasoning: str, dress: str) -> None:
    reply = dress.replace("%s", json.dumps({"score": scores, "reasoning": reasoning}))
    verdict = parse_reply(reply, len(scores))
    if "score" in reasoning.lower():
        assert isinstance(verdict, Unscorable) or verdict == scores
    else:
        assert verdict == scores


def test_reasoning_is_read_leniently() -> None:
    assert parse_reasoning('{"score": [1], "reasoning": "a \\"good\\" one"}') == 'a "good" one'
    assert parse_reasoning("{'score': [1], 'reasoning': 'it's fine'}") == "it's fine"
    assert parse_reasoning("nothing here") == ""
    assert parse_reasoning('{"score": [1], "reasoning": "half \\ud83d a smile"}') == "half ? a smile"
