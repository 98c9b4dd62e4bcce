"""Server of the rating page: a whole exchange over HTTP, and answers that it must not accept."""

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from helpers.local_requests import ask, get, serve
from helpers.rated_edits import make_edits
from omniedit.browsing.rating.server import RatingServer
from omniedit.evaluation.people.answers import AnswerStore
from omniedit.evaluation.people.questions import Session, make_questions


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RatingServer]:
    store = AnswerStore(tmp_path / "ratings.sqlite")
    session = Session(store, make_questions(store, make_edits(tmp_path / "edits"), pairwise=False), None, 0)
    with serve(RatingServer(session, 0)) as server:
        yield server


def post(server: RatingServer, path: str, **body: Any) -> tuple[int, Any]:
    status, _, answer = ask(server, path, body)
    return status, json.loads(answer)


def test_a_rater_joins_answers_and_undoes(server: RatingServer) -> None:
    assert get(server, "/api/mode") == {"mode": "scores"}
    status, state = post(server, "/api/join", rater="Ada & Bob")
    assert status == 200 and state["rater"] == "Ada & Bob"
    ticket = state["questions"][0]["ticket"]
    status, state = post(server, "/api/answer", rater="ada & bob", token="1", ticket=ticket, sc=1, pq=0.5, seconds=2)
    assert (status, state["done"]) == (200, 1)
    assert get(server, "/api/state?rater=Ada%20%26%20Bob") == state
    status, state = post(server, "/api/undo", rater="Ada & Bob")
    assert (state["done"], state["undone"]["ticket"]) == (0, ticket)


def test_images_are_png_without_metadata_and_not_sent_twice(server: RatingServer) -> None:
    ticket = post(server, "/api/join", rater="ada")[1]["questions"][0]["ticket"]
    for side in ("source", "edited"):
        status, headers, body = ask(server, f"/image/{ticket}/{side}")
        assert status == 200 and headers["Content-Type"] == "image/png"
        assert PIL.Image.open(io.BytesIO(body)).info == {} and b"secret" not in body
        assert ask(server, f"/image/{ticket}/{side}", If_None_Match=headers["ETag"])[0] == 304


@pytest.mark.parametrize(
    "path",
    [
        "/image/{}/left",
        "/image/{}/edited/",
        "/image/{}/../edited",
        "/image/secret-one-0.png",
        "/image/1/source",
        "/icon",
    ],
)
def test_unknown_images_are_not_found(server: RatingServer, path: str) -> None:
    ticket = post(server, "/api/join", rater="ada")[1]["questions"][0]["ticket"]
    assert ask(server, path.format(ticket))[0] in (404, 409)
    assert ask(server, f"/image/{'0' * 24}/source")[0] == 409


GOOD = {"rater": "ada", "token": "1", "sc": 1, "pq": 1}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"sc": 2}, 400),
        ({"pq": None}, 400),
        ({"sc": [1]}, 400),
        ({"sc": {"a": 1}}, 400),
        ({"seconds": 1e300}, 400),
        ({"token": ""}, 400),
        ({"token": "x" * 65}, 400),
        ({"token": 1}, 400),
        ({"ticket": 1}, 400),
        ({"ticket": None}, 400),
        ({"ticket": "0" * 24}, 409),
        ({"rater": 1}, 400),
        ({"rater": "eve"}, 409),
        ({"rater": "\u0000"}, 409),
    ],
)
def test_invalid_answers_are_rejected_and_not_written(server: RatingServer, change: dict, status: int) -> None:
    ticket = post(server, "/api/join", rater="ada")[1]["questions"][0]["ticket"]
    found, answer = post(server, "/api/answer", **(GOOD | {"ticket": ticket} | change))
    assert found == status and set(answer) == {"error"}
    assert server.session.store.read_answers() == []


@pytest.mark.parametrize("body", [b"no json", b"[" * 10_000, b"[]", b"null", b"{}", b"\xff"])
def test_an_invalid_request_body_is_rejected(server: RatingServer, body: bytes) -> None:
    for path in ("/api/join", "/api/answer", "/api/undo"):
        status, _, answer = ask(server, path, body)
        assert status == 400 and "error" in json.loads(answer)


def test_a_hostile_rater_name_becomes_one_line_of_text(server: RatingServer) -> None:
    status, state = post(server, "/api/join", rater="a\n\u0000<script>\ud800")
    assert status == 200 and state["rater"] == "a <script>?"
    assert post(server, "/api/join", rater="x" * 61)[0] == 409


def test_no_answer_of_concurrent_raters_is_lost(server: RatingServer) -> None:
    def rate(name: str) -> None:
        _, state = post(server, "/api/join", rater=name)
        while state["questions"]:
            ticket = state["questions"][0]["ticket"]
            for _ in range(2):
                _, state = post(server, "/api/answer", rater=name, token=ticket, ticket=ticket, sc=1, pq=1)

    threads = [threading.Thread(target=rate, args=(f"rater {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = server.session.store.read_answers()
    assert len({(each.rater, each.edit) for each in answers}) == len(answers) == 24
