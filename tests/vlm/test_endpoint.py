"""Tests of requests and replies over HTTP. Faults are tested in tests/scoring/vlm_judges/test_api.py."""

import io
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator

import httpx2
import numpy as np
import PIL.Image
import pytest

from helpers import vlm_server as server
from helpers.vlm_server import MODEL, Server, serving
from omniedit.errors import UserError
from omniedit.vlm import Endpoint, Prompt, PromptImage, Reply
from omniedit.vlm.completions import parse_usage
from omniedit.vlm.endpoint import RequestFault, RequestRejected
from omniedit.vlm.messages import Usage
from omniedit.vlm.proxies import find_proxy

KEY = "sk-secret"
GOOD = '{"score": [8, 9, 7], "reasoning": "Fine."}'
PIXELS = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
PROMPT = Prompt(("Judge.", PromptImage(PIXELS), "Instruction: make it night"), max_tokens=100)


@pytest.fixture
def good() -> Iterator[Server]:
    with serving(server.says(GOOD)) as running:
        yield running


def endpoint(running: Server, **options: object) -> Endpoint:
    return Endpoint(running.url, "judge", KEY, timeout_s=60, options=options)


def test_prompt_is_sent_complete_and_its_reply_is_parsed(good: Server) -> None:
    judge = endpoint(good)
    assert judge.send(judge.request(PROMPT)) == Reply(GOOD, MODEL, "stop", "", Usage(1, 1000, 50))
    (body,) = good.bodies
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("judge", 0, 100)
    first, image, last = body["messages"][0]["content"]
    assert (first["text"], last["text"]) == (PROMPT.parts[0], PROMPT.parts[2])
    head, _, data = image["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(PIL.Image.open(io.BytesIO(b64decode(data)))), PIXELS)
    assert good.keys == [f"Bearer {KEY}"]


def test_options_are_added_and_null_removes_a_field(good: Server) -> None:
    judge = endpoint(good, max_tokens=None, max_completion_tokens=2000)
    judge.send(judge.request(PROMPT))
    assert "max_tokens" not in good.bodies[0] and good.bodies[0]["max_completion_tokens"] == 2000


def test_digest_depends_on_every_part_of_the_request(good: Server) -> None:
    other = PIXELS.copy()
    other[0, 0, 0] ^= 1
    day = Prompt((*PROMPT.parts[:2], "Instruction: make it day"), max_tokens=100)
    digests = [
        judge.digest(prompt)
        for judge, prompt in [
            (endpoint(good), PROMPT),
            (endpoint(good), showing(other)),
            (endpoint(good), showing(PIXELS.reshape(8, 6, 3))),
            (endpoint(good), day),
            (endpoint(good, seed=1), PROMPT),
            (Endpoint(good.url, "another", KEY), PROMPT),
            (Endpoint("http://elsewhere/v1", "judge", KEY), PROMPT),
        ]
    ]
    assert len(set(digests)) == len(digests)
    assert Endpoint(good.url, "judge", "another key").digest(PROMPT) == digests[0]


def test_lone_surrogates_are_replaced(good: Server) -> None:
    good.behaviour = server.says("half \ud83d a smile")
    judge = endpoint(good)
    assert judge.send(judge.request(PROMPT)).text == "half ? a smile"


@pytest.mark.parametrize("message", [None, -5, "many", float("inf"), 1e30])
def test_invalid_token_counts_are_ignored(message: object) -> None:
    assert parse_usage({"prompt_tokens": message, "completion_tokens": 3}) is None
    assert parse_usage({"prompt_tokens": 7, "completion_tokens": None}) == Usage(1, 7, 0)


def test_deeply_nested_reply_is_a_fault(good: Server) -> None:
    well = b"[" * 200_000
    good.script = [lambda handler, _: handler.answer(well), lambda handler, _: handler.answer(well, 400)]
    judge = endpoint(good)
    with pytest.raises(RequestFault, match="no chat completion"):
        judge.send(judge.request(PROMPT))
    with pytest.raises(RequestRejected):
        judge.send(judge.request(PROMPT))


def test_retry_after_may_be_a_date(good: Server) -> None:
    good.script = [server.status(503, "Later.", Retry_After="Wed, 21 Oct 2099 07:28:00 GMT")]
    judge = endpoint(good)
    with pytest.raises(RequestFault) as fault:
        judge.send(judge.request(PROMPT))
    assert fault.value.retry_after_s > 3600


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


def showing(pixels: np.ndarray) -> Prompt:
    return Prompt((PROMPT.parts[0], PromptImage(pixels), PROMPT.parts[2]), max_tokens=100)


def send(running: Server, key: str = KEY) -> Reply:
    judge = Endpoint(running.url, "judge", key, timeout_s=5)
    return judge.send(judge.request(PROMPT))


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


def test_stream_and_redirect_are_errors_with_a_remedy(good: Server) -> None:
    good.behaviour = lambda handler, _: handler.answer(b'data: {"choices": []}\n\ndata: [DONE]\n\n')
    with pytest.raises(UserError, match="answers with a stream of events; remove `stream`"):
        send(good)
    good.script = [server.status(302, "", Location="https://host/login?token=abc")]
    with pytest.raises(UserError, match=r"redirects to 'https://host/login\?token=\*\*\*'; give that address"):
        send(good)


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


def test_key_and_control_characters_are_removed_from_a_reply(good: Server) -> None:
    whole = json.loads(server.completion(f"{KEY}\0\x1b[31m\u202efine", refusal=f"no {KEY}"))
    whole["model"] = f"judge for {KEY} " + "m" * 10_000
    good.behaviour = lambda handler, _: handler.answer(json.dumps(whole).encode())
    reply = send(good)
    assert (reply.text, reply.refusal) == ("[key][31mfine", "no [key]")
    assert KEY not in reply.model and len(reply.model) == 200


def test_password_in_the_address_is_sent_and_never_shown(good: Server) -> None:
    url = good.url.replace("//", "//bob:hunter2@") + "?api-version=1&api-key=opensesame"
    judge = Endpoint(url, "judge")
    judge.send(judge.request(PROMPT))
    assert good.keys == [f"Basic {b64encode(b'bob:hunter2').decode()}"]
    assert good.paths == ["/v1/chat/completions?api-version=1&api-key=opensesame"]
    assert judge.url == f"{good.url.replace('//', '//***@')}/chat/completions?api-version=1&api-key=***"
    assert judge.digest(PROMPT) == Endpoint(url.replace("hunter2", "other"), "judge").digest(PROMPT)
    good.behaviour = server.status(401, "No hunter2 here.")
    with pytest.raises(UserError) as error:
        judge.send(judge.request(PROMPT))
    assert "hunter2" not in str(error.value) and "opensesame" not in str(error.value)


@pytest.mark.parametrize("key", ["0", "x", "EMPTY"])
def test_placeholder_key_does_not_alter_replies(good: Server, key: str) -> None:
    """Local servers accept any key, and a short one also occurs in scores and words."""
    good.behaviour = server.says('{"score": [10, 10, 0], "reasoning": "Exact, EMPTY."}')
    assert send(good, key).text == '{"score": [10, 10, 0], "reasoning": "Exact, EMPTY."}'


def test_secrets_of_the_address_are_removed_from_a_reply(good: Server) -> None:
    good.behaviour = server.says("key=querysecret, Basic Ym9iOmh1bnRlcjI=, hunter2")
    url = good.url.replace("http://", "http://bob:hunter2@")
    judge = Endpoint(f"{url}?api-key=querysecret&v=1", "judge")
    assert judge.send(judge.request(PROMPT)).text == "key=[key], Basic [key], [key]"


@pytest.mark.parametrize("url", ["localhost:8000/v1", "judge.example/v1", "ftp://h/v1", "http:///v1", "", "/v1"])
def test_address_without_a_host_raises_error(url: str) -> None:
    with pytest.raises(UserError, match=r"not the address of an endpoint; give one such as http://localhost:8000/v1$"):
        Endpoint(url, "judge")


def test_full_chat_completions_address_is_accepted() -> None:
    whole, base = (Endpoint(f"https://judge.example/v1{end}", "judge").url for end in ("/chat/completions/", ""))
    assert whole == base == "https://judge.example/v1/chat/completions"


PROXIES = [f"{name}_proxy" for name in ("http", "https", "all", "no")]


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://127.0.0.1:9", "nonsense://x"])
def test_local_endpoint_is_reached_without_a_proxy(good: Server, no_proxies: pytest.MonkeyPatch, proxy: str) -> None:
    no_proxies.setenv("ALL_PROXY", proxy)
    assert send(good).text == GOOD
    no_proxies.setenv("NO_PROXY", "judge.example")
    Endpoint("http://judge.example/v1", "judge")


@pytest.mark.parametrize(
    "host", ["localhost.", "a.localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0", "ip6-localhost"]
)
def test_local_host_names_bypass_the_proxy(host: str, no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("ALL_PROXY", "http://proxy:1")
    assert find_proxy(httpx2.URL(f"http://{host}:8000/v1")) is None


@pytest.mark.parametrize(
    ("entries", "urls"),
    [
        ("judge.example", ["https://judge.example/v1", "https://a.judge.example"]),
        ("x, judge.example:8000", ["http://judge.example:8000/v1"]),
        ("judge.example:443", ["https://judge.example/v1"]),
        ("10.0.0.0/8,fd00::/8", ["http://10.1.2.3:8000/v1", "http://[fd00::1]/v1"]),
        ("[fd00::1]", ["http://[fd00::1]:8000/v1"]),
        ("*.example.org, 10.0.*", ["http://judge.Example.org/v1", "http://10.0.1.2/v1"]),
        ("*", ["http://judge.example"]),
    ],
)
def test_no_proxy_entries_are_respected(entries: str, urls: list[str], no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("all_proxy", "http://proxy:1")
    no_proxies.setenv("no_proxy", entries)
    assert [find_proxy(httpx2.URL(url)) for url in urls] == [None] * len(urls)
    if entries != "*":
        for other in ("http://other.example", "http://11.0.0.1:8000", "http://[fe00::1]"):
            assert find_proxy(httpx2.URL(other)) == "http://proxy:1"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS5"])
def test_socks_proxy_error_names_the_missing_package(scheme: str, no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setitem(sys.modules, "socksio", None)
    no_proxies.setenv("ALL_PROXY", f"{scheme}://bob:hunter2@proxy:1080")
    with pytest.raises(UserError, match=r"proxy (?i:socks5h?)://\*\*\*@proxy:1080 .*pip install socksio\).*NO_PROXY"):
        Endpoint("https://judge.example/v1", "judge")
    no_proxies.setenv("NO_PROXY", "judge.example")
    Endpoint("https://judge.example/v1", "judge")


def test_unusable_proxy_is_named_without_its_password(no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("HTTP_PROXY", "http://bob:hunter2@127.0.0.1:9")
    judge = Endpoint("http://judge.example/v1", "judge", timeout_s=2)
    with pytest.raises(RequestFault, match=r"no connection by the environment's proxy http://\*\*\*@127.0.0.1:9: "):
        judge.send(judge.request(PROMPT))
    no_proxies.setenv("HTTP_PROXY", "nonsense://x")
    with pytest.raises(UserError, match=r"the environment's proxy nonsense://x cannot be used .*NO_PROXY"):
        Endpoint("http://judge.example/v1", "judge")


def test_thinking_counted_only_in_the_total_is_part_of_the_reply() -> None:
    assert parse_usage({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 100}) == Usage(1, 7, 93)
