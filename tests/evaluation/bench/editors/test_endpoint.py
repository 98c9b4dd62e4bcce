"""Tests of editors behind an images endpoint."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.images_server import Server, image_answer, serving_images
from helpers.small_bench import noise, small_item
from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.editor import EditFailure, ItemRequest
from omniedit.evaluation.bench.editors.endpoint import ImagesEditor
from omniedit.evaluation.bench.editors.entries import EndpointEntry
from omniedit.imaging.images import decode_image


@pytest.fixture
def server() -> Iterator[Server]:
    with serving_images() as server:
        yield server


def open_images(server: Server, tmp_path: Path, **options: Any) -> ImagesEditor:
    endpoint = {"url": server.url, "model": "images", "key_env": None, "cache": str(tmp_path), "tries": 1} | options
    return ImagesEditor(EndpointEntry.model_validate({"kind": "endpoint", "endpoint": endpoint}))


def requests(count: int) -> list[ItemRequest]:
    return [ItemRequest(small_item(number), noise(number), 0) for number in range(count)]


def test_image_and_instruction_are_sent_as_a_form(server: Server, tmp_path: Path) -> None:
    editor = open_images(server, tmp_path, request={"size": "auto", "input_fidelity": "high"})
    (image,) = editor.edit(requests(1))
    assert np.array_equal(image, noise(0) // 2)
    (form,) = server.forms
    assert server.paths == ["/v1/images/edits"]
    fields = {name: value for name, value in form.items() if name != "image"}
    expected = {"model": "images", "prompt": "make it brighter, 0", "n": "1", "size": "auto", "input_fidelity": "high"}
    assert fields == expected
    assert editor.client.budget.spent.completion_tokens == 1000


def test_references_are_sent_after_the_source(server: Server, tmp_path: Path) -> None:
    server.answer = lambda form: image_answer(decode_image(form["image[]"][1]))
    (image,) = open_images(server, tmp_path).edit([ItemRequest(small_item(0), noise(0), 0, (noise(5),))])
    assert np.array_equal(image, noise(5))


def test_images_and_refusals_are_requested_once(server: Server, tmp_path: Path) -> None:
    def answer(form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        error = {"error": {"code": "moderation_blocked", "message": "Not this."}}
        return (400, error) if form["prompt"].endswith("1") else image_answer(noise(3))

    server.answer = answer
    for _ in range(2):
        results = open_images(server, tmp_path).edit(requests(2))
        assert isinstance(results[0], np.ndarray)
        assert isinstance(results[1], EditFailure) and results[1].kind == "refusal"
    assert len(server.forms) == 2


def test_a_reply_without_an_image_is_a_refusal_with_its_text(server: Server, tmp_path: Path) -> None:
    server.answer = lambda _: (200, {"data": [], "message": "I will not draw this."})
    (result,) = open_images(server, tmp_path).edit(requests(1))
    assert isinstance(result, EditFailure) and result.kind == "refusal" and "I will not draw" in result.reason


def test_one_failed_request_among_others_is_a_failure(server: Server, tmp_path: Path) -> None:
    server.answer = lambda form: (500, {}) if form["prompt"].endswith("1") else image_answer(noise(3))
    results = open_images(server, tmp_path).edit(requests(3))
    assert isinstance(results[1], EditFailure) and results[1].kind == "failure"


def test_an_unreachable_endpoint_stops_the_run(server: Server, tmp_path: Path) -> None:
    server.answer = lambda _: (503, {})
    with pytest.raises(UserError, match="none of 2 requests was answered"):
        open_images(server, tmp_path).edit(requests(2))


@pytest.mark.parametrize("data", [{"url": "http://x/y.png"}, {"b64_json": "!!"}])
def test_addresses_and_broken_base64_are_not_images(server: Server, tmp_path: Path, data: dict[str, str]) -> None:
    server.answer = lambda _: (200, {"data": [data]})
    with pytest.raises(UserError, match=r"the address of the image instead of the image|expected an image, got"):
        open_images(server, tmp_path).edit(requests(1))


def test_a_budget_stops_before_the_request_that_exceeds_it(server: Server, tmp_path: Path) -> None:
    editor = open_images(server, tmp_path, max_requests=1, concurrency=1)
    with pytest.raises(UserError, match="the budget of 1 in requests"):
        editor.edit(requests(2))
    assert len(server.forms) == 1
