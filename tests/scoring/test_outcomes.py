"""Outcomes by the reasons that the judges write."""

import pytest

from omniedit.scoring.outcomes import Outcome, classify_reason
from omniedit.vlm.messages import CONTENT_FILTER, REFUSAL, Reply

REFUSED = [
    Reply("", "m", refusal="I can't help with that."),
    Reply("", "m", REFUSAL),
    Reply("", "m", CONTENT_FILTER),
    Reply("", "m", CONTENT_FILTER, filter="SAFETY"),
]


@pytest.mark.parametrize("reply", REFUSED, ids=str)
def test_refusals_of_a_model_and_of_its_provider_are_refusals(reply: Reply) -> None:
    assert reply.missing and classify_reason(reply.missing) == Outcome.REFUSED


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("no answer in 2 tries; the last: HTTP 500: 'Oops.'", Outcome.SILENT),
        ("the endpoint rejects the request: HTTP 400: 'Unknown field.'", Outcome.SILENT),
        ("no \"score\" field in 'the model refuses'", Outcome.OTHER),
        ("the reply is empty (finish reason 'stop')", Outcome.OTHER),
        ("", Outcome.OTHER),
    ],
)
def test_other_reasons_are_not_refusals(reason: str, outcome: Outcome) -> None:
    assert classify_reason(reason) == outcome
