"""Endpoint on this machine with a chosen behaviour: normal, slow, or one of the ways in which endpoints fail."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "judge-2026-11-01"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.keys.append(self.headers.get("Authorization"))
            self.server.paths.append(self.path)
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
            behaviour = self.server.script.pop(0) if self.server.script else self.server.behaviour
        try:
            behaviour(self, body)
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def log_message(self, *_: object) -> None:
        """Log nothing, to keep the output of tests clean."""

    def answer(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)


Behaviour = Callable[[Handler, dict[str, Any]], None]


class Server(ThreadingHTTPServer):
    """Endpoint that follows `script`, one entry per request, then `behaviour`, and records all requests."""

    daemon_threads = True

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour, self.script = behaviour, list[Behaviour]()
        self.bodies, self.keys, self.lock = list[dict[str, Any]](), list[str | None](), threading.Lock()
        self.paths = list[str]()
        self.at_once = self.most_at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up."""


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Server]:
    server = Server(behaviour)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def completion(
    text: str | None, finish_reason: str = "stop", refusal: str | None = None, completion_tokens: int = 50
) -> bytes:
    message = {"role": "assistant", "content": text, "refusal": refusal}
    usage = {"prompt_tokens": 1000, "completion_tokens": completion_tokens, "total_tokens": 1000 + completion_tokens}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage}).encode()


def says(text: str) -> Behaviour:
    return lambda handler, _: handler.answer(completion(text))


def refuses(handler: Handler, _: dict[str, Any]) -> None:
    handler.answer(completion(None, refusal="I can't help with that."))


def filters(handler: Handler, _: dict[str, Any]) -> None:
    handler.answer(completion(None, "content_filter"))


def ends(reason: str, content: object = "", **more: object) -> Behaviour:
    """Reply with a finish reason; `more` are further fields of the message."""
    reply = json.loads(completion(None, reason))
    reply["choices"][0]["message"] |= {"content": content, **more}
    return lambda handler, _: handler.answer(json.dumps(reply).encode())


def fails_within(handler: Handler, _: dict[str, Any]) -> None:
    """Report an error within a reply, like OpenRouter when its upstream fails after the status was sent."""
    error = {"code": 502, "message": "Provider returned error"}
    choice = {"finish_reason": "error", "error": error, "message": {"role": "assistant", "content": ""}}
    handler.answer(json.dumps({"model": MODEL, "choices": [choice]}).encode())


def filters_the_prompt(handler: Handler, _: dict[str, Any]) -> None:
    """Reject the prompt by a content filter, like Azure."""
    handler.answer(b'{"error": {"code": "content_filter", "message": "The prompt was filtered."}}', 400)


def status(code: int, message: str, error_code: str = "", **headers: str) -> Behaviour:
    error = json.dumps({"error": {"message": message, "code": error_code}}).encode()
    return lambda handler, _: handler.answer(error, code, **headers)


def cuts_off(handler: Handler, _: dict[str, Any]) -> None:
    whole = completion('{"score": [8, 9, 7], "reasoning": "Fine."}')
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(whole)))
    handler.end_headers()
    handler.wfile.write(whole[: len(whole) // 2])
    handler.close_connection = True


def hangs_up(handler: Handler, _: dict[str, Any]) -> None:
    handler.close_connection = True


def is_garbage(handler: Handler, _: dict[str, Any]) -> None:
    handler.answer(b"<html><body>Bad gateway</body></html>")


def is_silent(handler: Handler, _: dict[str, Any]) -> None:
    """Send nothing until the client hangs up."""
    handler.connection.recv(1)


def drips(handler: Handler, _: dict[str, Any]) -> None:
    """Send a good reply in pieces, each in time, and do not end it until the client hangs up."""
    whole = completion('{"score": [8, 9, 7], "reasoning": "Fine."}')
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**6))
    handler.end_headers()
    with suppress(OSError):
        for piece in itertools.chain((whole[i : i + 10] for i in range(0, len(whole), 10)), itertools.repeat(b" ")):
            handler.wfile.write(piece)
            time.sleep(0.05)
    handler.close_connection = True


def slowly(seconds: float, text: str) -> Behaviour:
    def behave(handler: Handler, _: dict[str, Any]) -> None:
        time.sleep(seconds)
        handler.answer(completion(text))

    return behave
