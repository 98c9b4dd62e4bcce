"""Server of the page of `omniedit bench-set review`, for this machine only: photos have numbers, never paths."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from omniedit.browsing.local_server import HttpReply, LocalServer, as_json, run_action
from omniedit.browsing.server import send_image
from omniedit.evaluation.bench.sets.proposal_review import Review, Verdict

IMAGE = re.compile(r"/image/(\d{1,6})")


class ReviewServer(LocalServer):
    """Server of the page for one review. It raises the errors of `LocalServer`."""

    package = "omniedit.browsing.reviewing"

    def __init__(self, review: Review, port: int) -> None:
        super().__init__(port)
        self.review = review

    def answer_get(self, path: str, values: Mapping[str, str]) -> HttpReply | None:
        if path == "/api/state":
            return as_json(self.review.describe())
        if (match := IMAGE.fullmatch(path)) and int(match[1]) < len(self.review.photos):
            return send_image(self.review.read_image(int(match[1])), "screen")
        return None

    def post(self, path: str, body: bytes) -> HttpReply:
        return run_action(
            POSTS.get(path), self.review, body, ("turn", int, "give the turn of the state that it answers")
        )


def _decide(review: Review, body: dict[str, Any]) -> dict[str, Any]:
    """Record a decision: turn, verdict and, to accept, instruction.

    Raises:
        ValueError: it is not a decision.
    """
    instruction = body.get("instruction", "")
    if not isinstance(instruction, str):
        raise ValueError("the instruction is not a text")
    return review.decide(body["turn"], Verdict(str(body.get("verdict"))), instruction)


POSTS: dict[str, Callable[[Review, dict[str, Any]], dict[str, Any]]] = {
    "/api/decide": _decide,
    "/api/undo": lambda review, body: review.undo(body["turn"]),
}
