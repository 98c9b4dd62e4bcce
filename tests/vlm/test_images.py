"""Forms sent to an images endpoint, and its replies, without a server."""

import base64
import json
from email.message import Message
from email.parser import BytesParser
from typing import Any

import numpy as np
import pytest

from omniedit.imaging.images import decode_image, encode_png
from omniedit.vlm.endpoint import RequestFault
from omniedit.vlm.images import ImagesEndpoint, decode_reply
from omniedit.vlm.messages import REFUSAL, Prompt, PromptImage, Reply

RED = np.full((4, 6, 3), (255, 0, 0), np.uint8)
BLUE = np.full((4, 6, 3), (0, 0, 255), np.uint8)


def make_endpoint(**options: Any) -> ImagesEndpoint:
    return ImagesEndpoint("http://localhost:1/v1", "images", options=options)


def parse_form(body: bytes) -> list[Message]:
    head = f"Content-Type: {ImagesEndpoint.content_type}\r\n\r\n".encode()
    payload = BytesParser().parsebytes(head + body).get_payload()
    assert isinstance(payload, list)
    return [part for part in payload if isinstance(part, Message)]


def name(part: Message) -> str:
    return str(part.get_param("name", header="Content-Disposition"))


def read(answer: Any) -> Reply:
    return make_endpoint()._reply(json.dumps(answer).encode())


def test_a_form_has_the_fields_then_the_image_as_a_png_file() -> None:
    prompt = Prompt((PromptImage(RED), 'Make it "blue";\r\nnow (please)'))
    parts = parse_form(make_endpoint(size="auto", quality=None, n=2).request(prompt))
    fields = {name(part): part.get_payload(decode=True).decode() for part in parts[:-1]}
    assert fields == {"model": "images", "prompt": 'Make it "blue";\r\nnow (please)', "n": "2", "size": "auto"}
    image = parts[-1]
    assert (name(image), image.get_filename(), image.get_content_type()) == ("image", "image0.png", "image/png")
    assert np.array_equal(decode_image(image.get_payload(decode=True)), RED)


def test_several_images_are_a_list_in_their_order() -> None:
    images = parse_form(make_endpoint().request(Prompt((PromptImage(RED), PromptImage(BLUE), "Mix them."))))[-2:]
    assert [(name(part), part.get_filename()) for part in images] == [
        ("image[]", "image0.png"),
        ("image[]", "image1.png"),
    ]
    assert np.array_equal(decode_image(images[1].get_payload(decode=True)), BLUE)


def test_equal_prompts_have_equal_digests_and_others_do_not() -> None:
    def digest(image: np.ndarray, text: str, **options: Any) -> str:
        return make_endpoint(**options).digest(Prompt((PromptImage(image), text)))

    same = digest(RED, "Go.")
    assert same == digest(RED.copy(), "Go.")
    assert len({same, digest(BLUE, "Go."), digest(RED, "Stop."), digest(RED, "Go.", size="auto")}) == 4


def test_a_reply_holds_the_image_its_model_and_its_tokens() -> None:
    encoded = base64.b64encode(encode_png(BLUE)).decode()
    usage = {"input_tokens": 300, "output_tokens": 1000, "total_tokens": 1300}
    reply = read({"data": [{"b64_json": encoded}], "usage": usage, "model": "images-2026"})
    assert np.array_equal(decode_image(decode_reply(reply)), BLUE) and reply.model == "images-2026"
    assert reply.usage and (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (300, 1000)
    chat = read({"data": [{"b64_json": encoded}], "usage": {"prompt_tokens": 7, "completion_tokens": 8}})
    assert chat.usage and chat.usage.prompt_tokens == 7 and read({"data": [{"b64_json": encoded}]}).text == encoded


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"data": [{"refusal": "Not this."}]}, "Not this."),
        ({"data": [], "refusal": "No people."}, "No people."),
        ({"data": None, "message": "Blocked."}, "Blocked."),
    ],
)
def test_a_reply_that_explains_a_missing_image_is_a_refusal(answer: dict[str, Any], reason: str) -> None:
    reply = read(answer)
    assert (reply.text, reply.finish_reason) == ("", REFUSAL) and reason in str(reply.missing)


@pytest.mark.parametrize(
    "answer",
    [
        {"data": [{"b64_json": "not base64!"}]},
        {"data": ["text"]},
        {"data": {"b64_json": "AAAA"}},
        ["list"],
    ],
)
def test_other_replies_are_transient_faults(answer: Any) -> None:
    with pytest.raises(RequestFault, match="image"):
        read(answer)


def test_a_url_in_place_of_an_image_names_the_setting() -> None:
    with pytest.raises(RequestFault, match="response_format: b64_json"):
        read({"data": [{"url": "https://example.com/a.png"}]})


def test_a_reply_without_an_image_cannot_be_decoded() -> None:
    with pytest.raises(ValueError, match="the reply is not base64"):
        decode_reply(Reply("a", "images"))
