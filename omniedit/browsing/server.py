"""HTTP server of the local page, for this machine alone.

It listens on the loopback address. A request must name a loopback host, so a foreign site whose name resolves to this
machine cannot read the page. A decision must come from the page itself. A path in a request never becomes a file's
path: pairs have numbers, and images have fixed names.
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from math import isfinite
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cv2

from omniedit.browsing.catalog import Catalog
from omniedit.browsing.record import image_format
from omniedit.browsing.select import BY_HAND, ORDERS, Query
from omniedit.errors import UserError, error_line
from omniedit.imaging.images import decode_image
from omniedit.reporting.page import shrunk
from omniedit.scoring.by_hand import LONGEST_NOTE, Decision

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "localhost", "[::1]")
PAGES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
IMAGE = re.compile(r"/image/(\d{1,9})/(source|edited|mask|reference-\d{1,3})/(thumb|screen|stored)")
PIXELS = {"thumb": 30_000, "screen": 1_500_000}
"""Largest area in pixels of a scaled image."""
JPEG_QUALITY = 88
SHOWN_BY_BROWSERS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
LONGEST_BODY = 16_384
MOST_ROWS = 200
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Reply:
    """Answer to a request. The browser caches a reply with `may_cache`, and checks its digest each time."""

    body: bytes
    content_type: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK
    may_cache: bool = False


class Refused(Exception):
    """Error for a request that is rejected, with its HTTP status and the reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class BrowseServer(ThreadingHTTPServer):
    """Server of the page for one catalog.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, catalog: Catalog, port: int) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.catalog = catalog

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that close a connection early."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: BrowseServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "omniedit", ""
    timeout = 120
    """Seconds after which an idle connection is closed."""

    def do_GET(self) -> None:
        self._answer(lambda: answer_get(self.server.catalog, self.path))

    def do_POST(self) -> None:
        self._answer(self._post)

    def _post(self) -> Reply:
        host, origin = self.headers.get("Host"), self.headers.get("Origin")
        if origin != f"http://{host}" or self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.FORBIDDEN, "decisions are accepted from the page alone")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and int(length) <= LONGEST_BODY):
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {LONGEST_BODY} bytes")
        if self.path != "/api/decide":
            raise Refused(HTTPStatus.NOT_FOUND, "no such address")
        return as_json(decide(self.server.catalog, self.rfile.read(int(length))))

    def _answer(self, answer: Callable[[], Reply]) -> None:
        """Send the answer, or the reason why there is none."""
        try:
            check_host(self.headers.get("Host"))
            reply = answer()
        except Refused as refused:
            self.close_connection = True  # a body may be unread
            reply = as_json({"error": error_line(refused)}, refused.status)
        except UserError as error:
            reply = as_json({"error": error_line(error)}, HTTPStatus.CONFLICT)
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        digest = f'"{blake2b(reply.body, digest_size=16).hexdigest()}"'
        is_known = reply.may_cache and self.headers.get("If-None-Match") == digest
        self.send_response(HTTPStatus.NOT_MODIFIED if is_known else reply.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "private, no-cache" if reply.may_cache else "no-store")
        if reply.may_cache:
            self.send_header("ETag", digest)
        if self.close_connection:
            self.send_header("Connection", "close")
        if is_known:
            self.end_headers()
            return
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: a page sends hundreds of requests."""


def check_host(host: str | None) -> None:
    """Check that a request names this machine. Any port is valid, because a tunnel may use another one.

    Raises:
        Refused: it names another host, such as a foreign site whose name resolves to this machine.
    """
    if not host or re.sub(r":\d{1,5}$", "", host.lower()) not in HOSTS:
        raise Refused(HTTPStatus.FORBIDDEN, f"open the page as http://{LOOPBACK} or http://localhost")


def answer_get(catalog: Catalog, target: str) -> Reply:
    """Return the answer to a GET request.

    Raises:
        Refused: no such address, or an invalid filter.
        UserError: the pair or its file cannot be read.
    """
    try:
        url = urlsplit(target)
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "not a valid address") from None
    if url.path in PAGES:
        name, content_type = PAGES[url.path]
        return Reply(files("omniedit.browsing").joinpath("static", name).read_bytes(), content_type, may_cache=True)
    if url.path == "/api/run":
        return as_json(catalog.describe())
    if url.path == "/api/pairs":
        values = {name: given[-1] for name, given in parse_qs(url.query).items()}
        offset, limit = _whole(values, "offset", 0, 1 << 40), _whole(values, "limit", 60, MOST_ROWS)
        return as_json(catalog.list_pairs(parse_query(values), offset, limit))
    if found := re.fullmatch(r"/api/pair/(\d{1,9})", url.path):
        return as_json(catalog.read_pair(int(found[1])))
    if found := IMAGE.fullmatch(url.path):
        return send_image(catalog.read_image(int(found[1]), found[2]), found[3])
    raise Refused(HTTPStatus.NOT_FOUND, "no such address")


def parse_query(values: dict[str, str]) -> Query:
    """Return the filters of a request.

    Raises:
        Refused: a value is not valid.
    """
    texts = {name: values.get(name, "") for name in ("task", "reason", "judge", "ratio", "text", "by_hand")}
    order = values.get("order", ORDERS[0])
    if order not in ORDERS or texts["by_hand"] not in ("", *BY_HAND):
        raise Refused(HTTPStatus.BAD_REQUEST, "order or by_hand has an unknown value")
    return Query(**texts, least=_score(values, "least"), most=_score(values, "most"), order=order)


def _score(values: dict[str, str], name: str) -> float | None:
    try:
        score = float(values[name]) if values.get(name) else None
    except ValueError:
        score = float("nan")
    if score is not None and not isfinite(score):
        raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is not a number")
    return score


def _whole(values: dict[str, str], name: str, default: int, most: int) -> int:
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text) <= most):
        raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is not a whole number from 0 to {most}")
    return int(text)


def send_image(encoded: bytes, size: str) -> Reply:
    """Return an image as stored, or scaled down as JPEG; a stored format that browsers do not show becomes PNG."""
    if not encoded:
        raise Refused(HTTPStatus.NOT_FOUND, "no such image")
    content_type = SHOWN_BY_BROWSERS.get(image_format(encoded))
    if size == "stored" and content_type:
        return Reply(encoded, content_type, may_cache=True)
    bgr = cv2.cvtColor(shrunk(decode_image(encoded), PIXELS.get(size, sys.maxsize)), cv2.COLOR_RGB2BGR)
    suffix, content_type = (".png", "image/png") if size == "stored" else (".jpg", "image/jpeg")
    options = [] if size == "stored" else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return Reply(cv2.imencode(suffix, bgr, options)[1].tobytes(), content_type, may_cache=True)


def decide(catalog: Catalog, body: bytes) -> dict[str, Any]:
    """Record a decision: number, pair_id, decision and, optionally, note.

    Raises:
        Refused: the body is not such a decision.
        UserError: the pair is another one, or the file cannot be written.
    """
    try:
        given = json.loads(body)
        number, pair_id, decision = given["number"], given["pair_id"], Decision(given["decision"])
        note = given.get("note", "")
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        raise Refused(HTTPStatus.BAD_REQUEST, "not a decision: give number, pair_id and decision") from None
    if type(number) is not int or not isinstance(note, str) or len(note) > LONGEST_NOTE:
        raise Refused(
            HTTPStatus.BAD_REQUEST, f"number must be a whole number, and note at most {LONGEST_NOTE} characters"
        )
    return catalog.decide(number, pair_id, decision, note)


def as_json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(json.dumps(value, allow_nan=False).encode(), status=status)
