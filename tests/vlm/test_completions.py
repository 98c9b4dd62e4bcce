"""Readers of completions and errors in the dialects of providers."""

import json

import pytest

from helpers import vlm_server as server
from helpers.endpoint_prompts import GOOD, send
from helpers.vlm_server import Server
from omniedit.errors import UserError
from omniedit.vlm.completions import parse_usage
from omniedit.vlm.endpoint import RequestFault, RequestRejected
from omniedit.vlm.messages import Usage


@pytest.mark.parametrize("message", [None, -5, "many", float("inf"), 1e30])
def test_invalid_token_counts_are_ignored(message: object) -> None:
    assert parse_usage({"prompt_tokens": message, "completion_tokens": 3}) is None
    assert parse_usage({"prompt_tokens": 7, "completion_tokens": None}) == Usage(1, 7, 0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "1.5"}, 1.5),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:00"}, 0),
        ({"Retry_After": "3", "Retry_After_Ms": "2500"}, 2.5),
        ({"Retry_After": "soon"}, 36),
    ],
)
def test_wait_is_read_in_each_provider_s_form(good: Server, headers: dict[str, str], seconds: float) -> None:
    error = {"code": 429, "details": ["x", {"retryDelay": "36s"}] if seconds == 36 else None}
    body = json.dumps({"error": error}).encode()
    good.behaviour = lambda handler, _: handler.answer(body, 429, **headers)
    with pytest.raises(RequestFault) as fault:
        send(good)
    assert fault.value.retry_after_s == seconds


def read_answer(**fields: object) -> server.Behaviour:
    whole = json.loads(server.completion(GOOD)) | fields
    return lambda handler, _: handler.answer(json.dumps(whole).encode())


@pytest.mark.parametrize("error", [None, {}, "", {"code": 0, "message": ""}, {"code": None, "message": None}])
def test_empty_error_is_ignored(good: Server, error: object) -> None:
    good.behaviour = read_answer(error=error)
    assert send(good).text == GOOD


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ({"object": "error", "message": "too long", "code": 400}, RequestRejected, "HTTP 400: 'too long'"),
        ({"detail": "Not authenticated"}, RequestFault, "HTTP 500: 'Not authenticated'"),
        ({"message": "Unauthorized", "status": 401}, UserError, "HTTP 401: 'Unauthorized'; check address, model, key"),
        ({"errors": [{"message": "busy"}]}, RequestFault, "busy"),
    ],
)
def test_an_error_in_place_of_a_success_is_reported_as_an_error(
    good: Server, body: dict[str, object], kind: type[Exception], told: str
) -> None:
    good.behaviour = lambda handler, _: handler.answer(json.dumps(body).encode())
    with pytest.raises(kind, match=told) as error:
        send(good)
    assert not getattr(error.value, "may_be_billed", False)


@pytest.mark.parametrize(
    ("reason", "missing"),
    [
        ("content_filter", "a content filter withholds the reply"),
        *((name, f"a content filter withholds the reply ({name})") for name in ("SAFETY", "RECITATION", "BLOCKLIST")),
        ("guardrail_intervened", "a content filter withholds the reply (guardrail_intervened)"),
        ("content_filter: SAFETY", "a content filter withholds the reply (SAFETY)"),
        ("refusal", "the model refuses"),
        ("MAX_TOKENS", "the reply is cut off"),
        ("max_tokens", "the reply is cut off"),
        ("end_turn", "the reply is empty (finish reason 'stop')"),
    ],
)
def test_missing_reply_reasons_of_all_providers_are_recognised(good: Server, reason: str, missing: str) -> None:
    for message in ({"role": "assistant"}, {"role": "assistant", "content": None}, {"content": []}):
        good.behaviour = read_answer(choices=[{"finish_reason": reason, "message": message}])
        assert send(good).missing == missing


@pytest.mark.parametrize(
    "error",
    [
        {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}},
        {"code": "400", "innererror": {"code": "ResponsibleAIPolicyViolation"}},
        {"type": "content_policy_violation"},
        {"code": "data_inspection_failed"},
        {"code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "..."}},
    ],
)
def test_content_filter_error_is_distinguished_from_a_bad_request(good: Server, error: dict[str, object]) -> None:
    for body in ({"error": error}, [{"error": error}]):
        good.behaviour = lambda handler, _, body=body: handler.answer(json.dumps(body).encode(), 400)  # type: ignore[misc]
        assert send(good).missing == "a content filter withholds the reply"


def test_prompt_blocked_by_gemini_reports_its_reason(good: Server) -> None:
    good.behaviour = read_answer(choices=None, prompt_feedback={"block_reason": "SAFETY"})
    assert send(good).missing == "a content filter withholds the reply (SAFETY)"


def test_reply_may_consist_of_parts(good: Server) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": '{"score": [1, 1, 1]}'}]}
    parts = [thinking, {"type": "text", "text": GOOD[:9]}, {"type": "output_text", "text": GOOD[9:]}]
    good.behaviour = server.ends("stop", parts)
    assert send(good).text == GOOD
    good.behaviour = server.ends("stop", {"type": "text", "text": {"value": GOOD}})
    assert send(good).text == GOOD
    good.behaviour = server.ends("stop", [{"type": "refusal", "refusal": "I will not."}])
    assert send(good).missing == "the model refuses: 'I will not.'"
    good.behaviour = server.ends("stop", None, reasoning='{"score": [1, 1, 1]}')
    assert send(good).missing == "the reply contains only thinking (finish reason 'stop')"


def test_error_within_a_choice_is_a_fault(good: Server) -> None:
    good.behaviour = server.fails_within
    with pytest.raises(RequestFault, match="HTTP 502: 'Provider returned error'") as fault:
        send(good)
    assert fault.value.may_be_billed
    good.behaviour = server.ends("error")
    with pytest.raises(RequestFault, match="finish reason error"):
        send(good)


def test_thinking_counted_only_in_the_total_is_part_of_the_reply() -> None:
    assert parse_usage({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 100}) == Usage(1, 7, 93)
