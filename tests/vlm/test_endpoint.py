"""Tests of requests and replies over HTTP. Faults are tested in tests/scoring/vlm_judges/test_api_faults.py."""

import io
import json
from base64 import b64decode, b64encode

import numpy as np
import PIL.Image
import pytest

from helpers import vlm_server as server
from helpers.endpoint_prompts import GOOD, KEY, PIXELS, PROMPT, send
from helpers.vlm_server import MODEL, Server
from omniedit.errors import UserError
from omniedit.vlm import Endpoint, Prompt, PromptImage, Reply
from omniedit.vlm.endpoint import RequestFault, RequestRejected
from omniedit.vlm.messages import Usage


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


def test_deeply_nested_reply_is_a_fault(good: Server) -> None:
    well = b"[" * 200_000
    good.script = [lambda handler, _: handler.answer(well), lambda handler, _: handler.answer(well, 400)]
    judge = endpoint(good)
    with pytest.raises(RequestFault, match="expected a chat completion"):
        judge.send(judge.request(PROMPT))
    with pytest.raises(RequestRejected):
        judge.send(judge.request(PROMPT))


def test_retry_after_may_be_a_date(good: Server) -> None:
    good.script = [server.status(503, "Later.", Retry_After="Wed, 21 Oct 2099 07:28:00 GMT")]
    judge = endpoint(good)
    with pytest.raises(RequestFault) as fault:
        judge.send(judge.request(PROMPT))
    assert fault.value.retry_after_s > 3600


def showing(pixels: np.ndarray) -> Prompt:
    return Prompt((PROMPT.parts[0], PromptImage(pixels), PROMPT.parts[2]), max_tokens=100)


def test_stream_and_redirect_are_errors_with_a_remedy(good: Server) -> None:
    good.behaviour = lambda handler, _: handler.answer(b'data: {"choices": []}\n\ndata: [DONE]\n\n')
    with pytest.raises(UserError, match="answers with a stream of events; remove `stream`"):
        send(good)
    good.script = [server.status(302, "", Location="https://host/login?token=abc")]
    with pytest.raises(UserError, match=r"redirects to 'https://host/login\?token=\*\*\*'; give that address"):
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
