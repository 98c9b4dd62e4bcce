"""Server of the review page: a whole exchange over HTTP, and answers that it must not accept."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from helpers.bench_files import write_image
from helpers.local_requests import ask, get, serve
from omniedit.browsing.reviewing.server import ReviewServer
from omniedit.evaluation.bench.sets.proposal_review import Review
from omniedit.evaluation.bench.sets.set_proposals import BenchProposal


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReviewServer]:
    write_image(tmp_path / "a.png")
    proposals = [
        BenchProposal("a.png", "object_swap", "Swap it."),
        BenchProposal("a.png", "style_transfer", "Draw it."),
    ]
    with serve(ReviewServer(Review(proposals, tmp_path, tmp_path / "table.csv"), 0)) as server:
        yield server


def post(server: ReviewServer, path: str, **body: Any) -> tuple[int, Any]:
    status, _, answer = ask(server, path, body)
    return status, json.loads(answer)


def test_instructions_are_accepted_and_undone(server: ReviewServer) -> None:
    state = get(server, "/api/state")
    assert state["slot"]["instruction"] == "Swap it." and state["slot"]["task"] == "Object swap"
    status, state = post(server, "/api/decide", turn=0, verdict="accept", instruction="Swap all.")
    assert (status, state["accepted"], state["slot"]["instruction"]) == (200, 1, "Draw it.")
    status, state = post(server, "/api/undo", turn=state["turn"])
    assert (status, state["accepted"], state["before"]) == (200, 0, "Swap all.")


def test_photos_are_addressed_by_number(server: ReviewServer) -> None:
    status, headers, body = ask(server, "/image/0")
    assert (
        status == 200 and headers["Content-Type"] == "image/jpeg" and PIL.Image.open(io.BytesIO(body)).size == (16, 12)
    )
    for path in ("/image/1", "/image/-1", "/image/a.png", "/image/0/../table.csv", "/table.csv", "/image/9999999"):
        assert ask(server, path)[0] == 404


@pytest.mark.parametrize(
    "change",
    [{"turn": None}, {"turn": True}, {"turn": "0"}, {"verdict": "maybe"}, {"verdict": 1}, {"instruction": 1},
     {"instruction": ""}, {"instruction": "x" * 9000}],
)  # fmt: skip
def test_invalid_decisions_are_rejected_and_not_written(server: ReviewServer, change: dict) -> None:
    good = {"turn": 0, "verdict": "accept", "instruction": "Swap it."}
    status, answer = post(server, "/api/decide", **(good | change))
    assert status == 400 and set(answer) == {"error"} and not server.review.log.exists()


@pytest.mark.parametrize("body", [b"no json", b"[" * 10_000, b"[]", b"null", b"{}", b"\xff"])
def test_an_invalid_request_body_is_rejected(server: ReviewServer, body: bytes) -> None:
    for path in ("/api/decide", "/api/undo"):
        assert ask(server, path, body)[0] == 400


def test_requests_of_other_sites_are_rejected(server: ReviewServer) -> None:
    body = json.dumps({"turn": 0, "verdict": "reject"}).encode()
    assert ask(server, "/api/decide", body, Origin="http://example.com")[0] == 403
    assert get(server, "/api/state")["turn"] == 0
