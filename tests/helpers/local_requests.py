"""Requests to a local page, as a browser or a foreign site sends them."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from omniedit.browsing.local_server import LocalServer

POLL_S = 0.01
"""Seconds between two looks at whether to end; the default of half a second would add up over tests."""
S = TypeVar("S", bound=LocalServer)


@contextmanager
def serve(server: S) -> Iterator[S]:
    """Answer requests in a thread until the block ends."""
    with server:
        threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
        yield server
        server.shutdown()


def ask(server: LocalServer, path: str, body: Any = None, method: str = "", **headers: str) -> tuple:
    """Return status, headers and body of an answer; `path` follows the token, `body` is sent as JSON by the page."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        headers = {"Content-Type": "application/json", "Origin": server.origin, **headers}
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
    method = method or ("GET" if body is None else "POST")
    connection.putrequest(method, server.prefix + path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body is not None and "Content-Length" not in headers:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def get(server: LocalServer, path: str) -> Any:
    status, _, body = ask(server, path)
    assert status == 200, body
    return json.loads(body)
