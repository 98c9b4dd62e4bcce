"""Images endpoint on this machine, in the form of OpenAI's images/edits."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from omniedit.imaging.images import decode_image, encode_png

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


class Server(ThreadingHTTPServer):
    """Images endpoint that answers each form by a function and records all forms."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.forms: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answer: Answer = lambda form: image_answer(decode_image(form["image"][0]) // 2)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form: dict[str, Any] = {}
        for part in BytesParser().parsebytes(head + body).get_payload():
            name, content = part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True)
            if part.get_filename():
                form.setdefault(name, []).append(content)
            else:
                form[name] = content.decode()
        self.server.forms.append(form)
        self.server.paths.append(self.path)
        status, answer = self.server.answer(form)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def image_answer(image: Any) -> tuple[int, dict[str, Any]]:
    encoded = base64.b64encode(encode_png(image)).decode()
    usage = {"input_tokens": 300, "output_tokens": 1000}
    return 200, {"data": [{"b64_json": encoded}], "usage": usage, "model": "images-1"}


@contextmanager
def serving_images() -> Iterator[Server]:
    server = Server()
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
