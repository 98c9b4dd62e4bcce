"""Outcomes by the reasons that the judges write."""

import pytest

from omniedit.scoring.outcomes import ScoringOutcome, classify_reason, find_refusal
from omniedit.vlm.messages import CONTENT_FILTER, REFUSAL, Reply

REFUSED = [
    Reply("", "m", refusal="I can't help with that."),
    Reply("", "m", REFUSAL),
    Reply("", "m", CONTENT_FILTER),
    Reply("", "m", CONTENT_FILTER, filter="SAFETY"),
]


@pytest.mark.parametrize("reply", REFUSED, ids=str)
def test_refusals_of_a_model_and_of_its_provider_are_refusals(reply: Reply) -> None:
    assert reply.missing and classify_reason(reply.missing) == ScoringOutcome.REFUSED


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("no reply after 2 attempts; last error: HTTP 500: 'Oops.'", ScoringOutcome.SILENT),
        ("no answer in 2 tries; the last: HTTP 500: 'Oops.'", ScoringOutcome.SILENT),
        ("the endpoint rejects the request: HTTP 400: 'Unknown field.'", ScoringOutcome.SILENT),
        ("no \"score\" field in 'the model refuses'", ScoringOutcome.OTHER),
        ("the reply is empty (finish reason 'stop')", ScoringOutcome.OTHER),
        ("", ScoringOutcome.OTHER),
    ],
)
def test_other_reasons_are_not_refusals(reason: str, outcome: ScoringOutcome) -> None:
    assert classify_reason(reason) == outcome


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't assist with that request.", True),
        ("I\u2019m really sorry, I cannot help with evaluating images of people.", True),
        ("<think>\nA person.\n</think>\n\nI'm sorry, but I can't help with that.", True),
        ("Sorry. I am unable to rate this image.", True),
        ("\u5f88\u62b1\u6b49\uff0c\u6211\u65e0\u6cd5", True),
        ("The edit cannot be judged from these images.", False),
        ("", False),
        ("I rate it 8 of 10; I can't see a fault.", False),
    ],
)
def test_refusal_in_words_is_recognised(text: str, refuses: bool) -> None:
    reason = find_refusal(text)
    assert (reason is not None) == refuses and (reason is None or classify_reason(reason) == ScoringOutcome.REFUSED)
