"""Images endpoint like OpenAI's images/edits: the request has images and a prompt, the reply an image.

A `Reply` holds the image as base64 text, so client, cache, budget and retries are the same as for chat.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from omniedit.vlm import completions
from omniedit.vlm.endpoint import Endpoint, RequestFault
from omniedit.vlm.messages import REFUSAL, Prompt, PromptImage, Reply

BOUNDARY = "omniedit-7f3c1d0e5b9a4286b1d4e6a8c0f2937d"
"""Separator of the form's parts; fixed, so that equal requests have equal bodies."""
IMAGE_TOKENS = 8192
"""Maximum number of tokens that an image of a reply costs, for estimates."""


class ImagesEndpoint(Endpoint):
    """Endpoint that edits images. The parts of a prompt are its images, then the instruction."""

    path = "/images/edits"
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    expected = "an image"
    max_reply_bytes = 100_000_000

    def _body(self, prompt: Prompt, show: Callable[[PromptImage], str]) -> bytes:
        """Return the form of a request.

        Args:
            show: function that returns the data URL of an image or, for the digest of the request, the image's digest.
        """
        images = [part for part in prompt.parts if isinstance(part, PromptImage)]
        (text,) = (part for part in prompt.parts if isinstance(part, str))
        fields = {"model": self.model, "prompt": text, "n": 1, **self._options}
        parts = [_field(name, value) for name, value in fields.items() if value is not None]
        name = "image" if len(images) == 1 else "image[]"
        parts += [_file(name, f"image{number}.png", _to_bytes(show(image))) for number, image in enumerate(images)]
        return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()

    def _parse(self, fields: dict[str, Any], answer: bytes) -> Reply:
        """Return the image of an answer. An answer without an image is a refusal if it gives a reason.

        Raises:
            RequestFault: the endpoint returns the address of the image instead of the image.
        """
        usage = _usage(fields.get("usage"))
        first = (fields.get("data") or [{}])[0]
        if encoded := first.get("b64_json"):
            base64.b64decode(encoded, validate=True)
            return Reply(encoded, self._model_name(fields), usage=usage)
        if first.get("url"):
            problem = "the address of the image instead of the image; set request: {response_format: b64_json}"
            raise RequestFault(problem, may_be_billed=True)
        reason = first.get("refusal") or fields.get("refusal") or fields.get("message") or ""
        return Reply("", self._model_name(fields), REFUSAL, str(reason), usage)


def decode_reply(reply: Reply) -> bytes:
    """Return the file of a reply's image.

    Raises:
        ValueError: the reply has no image.
    """
    try:
        return base64.b64decode(reply.text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the reply is not base64: {error}") from None


def _to_bytes(image: str) -> bytes:
    """Return the file of a data URL, or the bytes of a digest."""
    head, _, encoded = image.partition(";base64,")
    return base64.b64decode(encoded) if encoded else head.encode()


def _field(name: str, value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()


def _file(name: str, file: str, content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
    return head.encode() + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n"


def _usage(fields: Any) -> Any:
    """Return the usage under the names that images endpoints use, input_tokens and output_tokens."""
    if not isinstance(fields, Mapping) or "input_tokens" not in fields:
        return completions.parse_usage(fields)
    return completions.parse_usage(
        {"prompt_tokens": fields["input_tokens"], "completion_tokens": fields.get("output_tokens", 0)}
    )
