"""Server of the page of `omniedit bench-set review`, for this machine alone: photos have numbers, never paths."""

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from omniedit.browsing.local_server import HttpError, LocalServer, Reply, as_json, send_page
from omniedit.browsing.server import send_image
from omniedit.evaluation.bench.sets.review import Review, Verdict

PAGES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
PACKAGE = "omniedit.browsing.reviewing"
IMAGE = re.compile(r"/image/(\d{1,6})")


class ReviewServer(LocalServer):
    """Server of the page for one review.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, review: Review, port: int) -> None:
        super().__init__(port)
        self.review = review

    def get(self, target: str) -> Reply:
        try:
            path = urlsplit(target).path
        except ValueError:
            raise HttpError(HTTPStatus.BAD_REQUEST, "not a valid address") from None
        if page := send_page(PACKAGE, PAGES, path):
            return page
        if path == "/api/state":
            return as_json(self.review.describe())
        if (match := IMAGE.fullmatch(path)) and int(match[1]) < len(self.review.photos):
            return send_image(self.review.read_image(int(match[1])), "screen")
        raise HttpError(HTTPStatus.NOT_FOUND, "no such address")

    def post(self, path: str, body: bytes) -> Reply:
        if path not in POSTS:
            raise HttpError(HTTPStatus.NOT_FOUND, "no such address")
        try:
            values = json.loads(body)
            if not isinstance(values, dict) or type(values.get("turn")) is not int:
                raise ValueError("give the turn of the state that it answers")
            return as_json(POSTS[path](self.review, values))
        except (ValueError, RecursionError) as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"not valid: {error}") from None


def _decide(review: Review, body: dict[str, Any]) -> dict[str, Any]:
    """Record a decision: turn, verdict and, to accept, instruction.

    Raises:
        ValueError: it is not a decision.
    """
    instruction = body.get("instruction", "")
    if not isinstance(instruction, str):
        raise ValueError("the instruction is not a text")
    return review.decide(body["turn"], Verdict(str(body.get("verdict"))), instruction)


def _undo(review: Review, body: dict[str, Any]) -> dict[str, Any]:
    return review.undo(body["turn"])


POSTS: dict[str, Callable[[Review, dict[str, Any]], dict[str, Any]]] = {"/api/decide": _decide, "/api/undo": _undo}
