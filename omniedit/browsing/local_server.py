"""HTTP server of a local page: checks of requests, headers and replies, shared by all pages.

A request must name a loopback host, unless the server listens on another address, so that a foreign site whose name
resolves to this machine cannot read the page. A change must come from the page itself. If there is a token, every
address begins with it. A path in a request never becomes a file's path.
"""

import json
import re
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from omniedit.errors import UserError, error_line

S = TypeVar("S")
LOOPBACK = "127.0.0.1"
ALL_NETWORKS = "0.0.0.0"
HOSTS = (LOOPBACK, "localhost", "[::1]")
MAX_BODY_BYTES = 16_384
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def check_address(host: str, port: int) -> None:
    """Check that a server can listen at an address, before the work that its page needs.

    Raises:
        UserError: the port is taken, or the host is not an address of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UserError(f"{host}:{port}: {error.strerror}; give another --host or --port") from None


@dataclass(frozen=True)
class HttpReply:
    """Answer to a request. If `may_cache` is set, the browser caches it, and checks its digest each time."""

    body: bytes
    content_type: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK
    may_cache: bool = False


class HttpError(Exception):
    """Error for a request that is rejected, with its HTTP status and the reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class LocalServer(ThreadingHTTPServer):
    """Server of a local page. A subclass answers `answer_get` and `post`.

    Args:
        token: first part of every address; '' for none.

    Raises:
        UserError: the port is taken, or the host is not an address of this machine.
    """

    daemon_threads = True
    address_options = "--port"
    """Options of the page's command that choose the address."""
    package = "omniedit.browsing"
    """Package whose folder `static` has the page's files."""

    def __init__(self, port: int, host: str = LOOPBACK, token: str = "") -> None:
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise UserError(f"{host}:{port}: {error.strerror}; give another {self.address_options}") from None
        self.host, self.prefix = host, f"/{token}" if token else ""

    @property
    def origin(self) -> str:
        """Address of the server; 0.0.0.0 is shown as the loopback address."""
        return f"http://{LOOPBACK if self.host == ALL_NETWORKS else self.host}:{self.server_port}"

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"{self.origin}{self.prefix}/" if self.prefix else self.origin

    def serve(self, message: str) -> None:
        """Print the address and a message, then answer requests until an interrupt or SIGTERM ends the page."""
        with suppress(KeyboardInterrupt):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            print(f"{self.address}  {message}", flush=True)
            self.serve_forever()

    def get(self, target: str) -> HttpReply:
        """Return the answer to a GET request for an address below the token: a file of the page, or content.

        Raises:
            HttpError: the address does not exist, or its arguments are invalid.
            UserError: the requested content cannot be read.
        """
        try:
            url = urlsplit(target)
        except ValueError:
            raise HttpError(HTTPStatus.BAD_REQUEST, "not a valid address") from None
        values = {name: given[-1] for name, given in parse_qs(url.query).items()}
        reply = _page_file(self.package, url.path) or self.answer_get(url.path, values)
        if reply is None:
            raise HttpError(HTTPStatus.NOT_FOUND, "no such address")
        return reply

    def answer_get(self, path: str, values: Mapping[str, str]) -> HttpReply | None:
        """Return the content at an address below the token, None if there is none. It raises the errors of `get`.

        Args:
            values: last value of each argument of the address.
        """
        raise NotImplementedError

    def post(self, path: str, body: bytes) -> HttpReply:
        """Return the answer to a POST request of the page itself.

        Raises:
            HttpError, UserError: as in `get`.
        """
        raise NotImplementedError

    def strip_token(self, target: str) -> str:
        """Return an address below the token.

        Raises:
            HttpError: it does not begin with the token.
        """
        prefix, rest = target[: len(self.prefix)], target[len(self.prefix) :]
        if not secrets.compare_digest(prefix.encode(errors="replace"), self.prefix.encode()) or rest[:1] != "/":
            raise HttpError(HTTPStatus.NOT_FOUND, "no such address; open the whole link that the command printed")
        return rest

    def check_host(self, host: str | None) -> None:
        """Check that a request names this machine. Any port is valid, because a tunnel may use a different one.

        A server for other machines has several names; there, the token rejects foreign sites.

        Raises:
            HttpError: it names another host, such as a foreign site whose name resolves to this machine.
        """
        is_open = bool(self.prefix) and self.host != LOOPBACK
        if not host or not (is_open or re.sub(r":\d{1,5}$", "", host.lower()) in HOSTS):
            raise HttpError(HTTPStatus.FORBIDDEN, f"open the page as http://{LOOPBACK} or http://localhost")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that close a connection early."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: LocalServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "omniedit", ""
    timeout = 120
    """Seconds after which an idle connection is closed."""

    def do_GET(self) -> None:
        self._answer(lambda: self.server.get(self.server.strip_token(self.path)))

    def do_POST(self) -> None:
        self._answer(self._post)

    def _post(self) -> HttpReply:
        host, origin = self.headers.get("Host"), self.headers.get("Origin")
        if origin != f"http://{host}" or self.headers.get_content_type() != "application/json":
            raise HttpError(HTTPStatus.FORBIDDEN, "changes are accepted only from the page itself")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and int(length) <= MAX_BODY_BYTES):
            raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {MAX_BODY_BYTES} bytes")
        path = self.server.strip_token(self.path)
        return self.server.post(path, self.rfile.read(int(length)))

    def _answer(self, answer: Callable[[], HttpReply]) -> None:
        """Send the answer, or the reason why there is none."""
        try:
            self.server.check_host(self.headers.get("Host"))
            reply = answer()
        except HttpError as rejection:
            self.close_connection = True  # because the request's body may be unread
            reply = as_json({"error": error_line(rejection)}, rejection.status)
        except UserError as error:
            reply = as_json({"error": error_line(error)}, HTTPStatus.CONFLICT)
        self._send(reply)

    def _send(self, reply: HttpReply) -> None:
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


def run_action(
    action: Callable[[S, dict[str, Any]], dict[str, Any]] | None,
    subject: S,
    body: bytes,
    required: tuple[str, type, str],
) -> HttpReply:
    """Return the answer of a page's action to the values in a JSON body.

    Args:
        action: None if the address does not exist.
        required: name and type of a value that each request must have, and the remedy if it is missing.

    Raises:
        HttpError: no such action, or the values are not valid.
    """
    if action is None:
        raise HttpError(HTTPStatus.NOT_FOUND, "no such address")
    name, kind, remedy = required
    try:
        values = json.loads(body)
        if not isinstance(values, dict) or type(values.get(name)) is not kind:
            raise ValueError(remedy)
        return as_json(action(subject, values))
    except (ValueError, RecursionError) as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"not valid: {error}") from None


_BASE_FILES = {
    "/base.css": ("base.css", "text/css; charset=utf-8"),
    "/base.js": ("base.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Files that all pages share: name and content type by address."""
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
"""Files that each page has in its own package."""


def _page_file(package: str, path: str) -> HttpReply | None:
    """Return a static file of a package, or one that all pages share; None for another address."""
    home = "omniedit.browsing" if path in _BASE_FILES else package
    if (found := (_BASE_FILES | _FILES).get(path)) is None:
        return None
    return HttpReply(files(home).joinpath("static", found[0]).read_bytes(), found[1], may_cache=True)


def as_json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> HttpReply:
    return HttpReply(json.dumps(value, allow_nan=False).encode(), status=status)
