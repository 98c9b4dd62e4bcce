"""What goes over the wire. What each fault of an endpoint comes to: tests/scoring/test_api_faults.py."""

import io
from base64 import b64decode
from collections.abc import Iterator

import numpy as np
import PIL.Image
import pytest

from omniedit.vlm import Endpoint, Picture, Prompt, Reply
from omniedit.vlm.endpoint import Fault, Rejected, Usage, _usage
from vlm import server
from vlm.server import MODEL, Server, serving

KEY = "sk-secret"
GOOD = '{"score": [8, 9, 7], "reasoning": "Fine."}'
PIXELS = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
PROMPT = Prompt(("Judge.", Picture(PIXELS), "Instruction: make it night"), max_tokens=100)


@pytest.fixture
def good() -> Iterator[Server]:
    with serving(server.says(GOOD)) as running:
        yield running


def endpoint(running: Server, **options: object) -> Endpoint:
    return Endpoint(running.url, "judge", KEY, timeout_s=0.4, options=options)


def test_a_prompt_arrives_whole_and_a_reply_comes_back(good: Server) -> None:
    asked = endpoint(good)
    assert asked.send(asked.request(PROMPT)) == Reply(GOOD, MODEL, "stop", "", Usage(1, 1000, 50))
    (body,) = good.bodies
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("judge", 0, 100)
    first, picture, last = body["messages"][0]["content"]
    assert (first["text"], last["text"]) == (PROMPT.parts[0], PROMPT.parts[2])
    head, _, data = picture["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(PIL.Image.open(io.BytesIO(b64decode(data)))), PIXELS)
    assert good.keys == [f"Bearer {KEY}"]


def test_options_are_added_and_null_takes_a_field_out(good: Server) -> None:
    asked = endpoint(good, max_tokens=None, max_completion_tokens=2000)
    asked.send(asked.request(PROMPT))
    assert "max_tokens" not in good.bodies[0] and good.bodies[0]["max_completion_tokens"] == 2000


def test_a_request_is_told_apart_by_all_that_is_in_it(good: Server) -> None:
    other = PIXELS.copy()
    other[0, 0, 0] ^= 1
    day = Prompt((*PROMPT.parts[:2], "Instruction: make it day"), max_tokens=100)
    digests = [
        asked.digest(prompt)
        for asked, prompt in [
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


def test_half_a_character_does_not_come_through(good: Server) -> None:
    good.behaviour = server.says("half \ud83d a smile")
    asked = endpoint(good)
    assert asked.send(asked.request(PROMPT)).text == "half ? a smile"


@pytest.mark.parametrize("told", [None, -5, "many", float("inf"), 1e30])
def test_a_reply_that_was_paid_for_counts_whatever_it_says_of_its_tokens(told: object) -> None:
    assert _usage({"prompt_tokens": told, "completion_tokens": 3}) is None
    assert _usage({"prompt_tokens": 7, "completion_tokens": None}) == Usage(1, 7, 0)


def test_a_reply_as_deep_as_a_well_is_a_fault(good: Server) -> None:
    well = b"[" * 200_000
    good.script = [lambda handler, _: handler.answer(well), lambda handler, _: handler.answer(well, 400)]
    asked = endpoint(good)
    with pytest.raises(Fault, match="no chat completion"):
        asked.send(asked.request(PROMPT))
    with pytest.raises(Rejected):
        asked.send(asked.request(PROMPT))


def test_a_date_is_a_retry_after_too(good: Server) -> None:
    good.script = [server.status(503, "Later.", Retry_After="Wed, 21 Oct 2099 07:28:00 GMT")]
    asked = endpoint(good)
    with pytest.raises(Fault) as fault:
        asked.send(asked.request(PROMPT))
    assert fault.value.retry_after_s > 3600


def showing(pixels: np.ndarray) -> Prompt:
    return Prompt((PROMPT.parts[0], Picture(pixels), PROMPT.parts[2]), max_tokens=100)
