"""Prompts and replies of vision-language models, the same for all judges and endpoints."""

import base64
import hashlib
from dataclasses import dataclass

from omniedit.imaging.images import Image, encode_png

CONTENT_FILTER = "content_filter"
REFUSAL = "refusal"
LENGTH = "length"
STOP = "stop"
ERROR = "error"


@dataclass(frozen=True, eq=False)
class PromptImage:
    """Image of a prompt, (H, W, 3) RGB. It is sent as PNG, because the model would also judge JPEG artefacts."""

    pixels: Image

    @property
    def data_url(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(encode_png(self.pixels)).decode()}"

    @property
    def digest(self) -> str:
        """Return a digest of the pixels: 20 times as fast as one of the PNG, and independent of the encoder."""
        return hashlib.sha256(repr(self.pixels.shape).encode() + self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Prompt:
    """Texts and images of one user message, in order. Endpoints may cache a prefix that many prompts share.

    Args:
        max_tokens: maximum length of the reply.
        temperature: sampling temperature; 0 is greedy decoding.
        seed: seed of the sampling, which distinguishes equal prompts; None to send no seed.
    """

    parts: tuple[str | PromptImage, ...]
    max_tokens: int = 400
    temperature: float = 0
    seed: int | None = None


@dataclass(frozen=True)
class Usage:
    """Usage of requests: their number, and the tokens of prompts (images included) and replies."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True)
class Reply:
    """Reply of a model.

    Args:
        text: '' if the model refused.
        model: version of the model as the endpoint names it, such as gpt-4o-2024-08-06.
        finish_reason: 'stop', 'length' if the text is cut off, 'content_filter', 'refusal', or another reason of the
            endpoint.
        refusal: the model's text if it refused.
        usage: None if the endpoint does not report it.
        filter: the provider's name for the finding of a content filter, if given.
        thought: whether the endpoint returned thinking separately from the text.
    """

    text: str
    model: str
    finish_reason: str = "stop"
    refusal: str = ""
    usage: Usage | None = None
    filter: str = ""
    thought: bool = False

    @property
    def missing(self) -> str | None:
        """Return why the text is missing, or None if it is not."""
        if self.refusal:
            return f"the model refuses: {self.refusal[:200]!a}"
        if self.finish_reason == REFUSAL:
            return "the model refuses"
        if self.finish_reason == CONTENT_FILTER:
            return "a content filter withholds the reply" + (f" ({self.filter})" if self.filter else "")
        if self.text.strip():
            return None
        if self.finish_reason == LENGTH:
            return "the reply ends while thinking; allow longer replies" if self.thought else "the reply is cut off"
        problem = "the reply contains only thinking" if self.thought else "the reply is empty"
        return f"{problem} (finish reason {self.finish_reason[:40]!a})"
