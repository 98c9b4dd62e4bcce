"""Server of the page of `omniedit rate`. Raters have names without passwords; the link's token keeps others out."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from omniedit.browsing.local_server import LOOPBACK, HttpReply, LocalServer, as_json, run_action
from omniedit.evaluation.people.questions import Session

IMAGE = re.compile(r"/image/([0-9a-f]{24})/(source|edited|left|right)")
TOKEN_BYTES = 12
MAX_TOKEN_LENGTH = 64


class RatingServer(LocalServer):
    """Server of the page for one session. The token is the store's, so that a link stays valid after a restart.

    Raises:
        UserError: as in `LocalServer`.
    """

    package = "omniedit.browsing.rating"
    address_options = "--host or --port"

    def __init__(self, session: Session, port: int, host: str = LOOPBACK) -> None:
        super().__init__(port, host, session.store.secret[:TOKEN_BYTES].hex())
        self.session = session

    def answer_get(self, path: str, values: Mapping[str, str]) -> HttpReply | None:
        if path == "/api/mode":
            return as_json({"mode": self.session.mode})
        if path == "/api/state":
            return as_json(self.session.describe(values.get("rater", "")))
        if match := IMAGE.fullmatch(path):
            return HttpReply(self.session.read_image(match[1], match[2]), "image/png", may_cache=True)
        return None

    def post(self, path: str, body: bytes) -> HttpReply:
        return run_action(POSTS.get(path), self.session, body, ("rater", str, "give the rater's name"))


def _answer(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Record an answer.

    Raises:
        ValueError: the token or the ticket is not a text, or the body is not an answer.
    """
    token, ticket = body.get("token"), body.get("ticket")
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN_LENGTH or not isinstance(ticket, str):
        raise ValueError("give token and ticket")
    return session.answer(body["rater"], token, ticket, body)


POSTS: dict[str, Callable[[Session, dict[str, Any]], dict[str, Any]]] = {
    "/api/join": lambda session, body: session.join(body["rater"]),
    "/api/answer": _answer,
    "/api/undo": lambda session, body: session.undo(body["rater"]),
}
