"""A chat endpoint of OpenAI's kind (OpenAI, Gemini's compatible one, vLLM): what is asked, what comes back."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from omniedit.errors import UserError
from omniedit.images import Image, encode_png

CONNECT_S = 10.0
MAX_REPLY_BYTES = 10_000_000
MAX_TOKENS = 1e9
"""More than any model reads: an endpoint that bills so many for a request does not tell what it used."""
CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of a prompt: (H, W, 3) RGB. It goes as PNG, since what a JPEG does to it would be judged too."""

    pixels: Image

    @property
    def data_url(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(encode_png(self.pixels)).decode()}"

    @property
    def digest(self) -> str:
        """Of the pixels, not of their PNG: a twentieth of the time, and the same from every encoder."""
        return hashlib.sha256(repr(self.pixels.shape).encode() + self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Prompt:
    """Texts and pictures of one user message, in order; what many prompts begin with alike, endpoints may cache.

    Args:
        max_tokens: of the reply.
    """

    parts: tuple[str | Picture, ...]
    max_tokens: int = 400


@dataclass(frozen=True)
class Usage:
    """What requests take: their number and tokens, of the prompts (pictures included) and of the replies."""

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
    """What a model answered.

    Args:
        text: '' where it refused.
        model: its version as the endpoint names it, such as gpt-4o-2024-08-06.
        finish_reason: 'stop', 'length' where the text is cut off, 'content_filter', or what else the endpoint says.
        refusal: the model's words where it refused.
        usage: None where the endpoint does not tell.
    """

    text: str
    model: str
    finish_reason: str = "stop"
    refusal: str = ""
    usage: Usage | None = None


class Fault(Exception):
    """No reply this time; the same request may get one later.

    Args:
        retry_after_s: what the endpoint asks to wait.
        may_be_billed: whether a reply was perhaps written and lost on its way.
    """

    def __init__(self, problem: str, retry_after_s: float = 0.0, may_be_billed: bool = False) -> None:
        super().__init__(problem)
        self.retry_after_s, self.may_be_billed = retry_after_s, may_be_billed


class Rejected(Exception):
    """The endpoint will not take this request, however often it is sent."""


class Endpoint:
    """One model at one address. `request` and `send` may be called by many threads.

    Args:
        url: base of the API, such as https://api.openai.com/v1.
        key: the API key, '' for none. It goes into a header alone; where an error repeats it, it is cut out.
        timeout_s: from sending a request to the last byte of its reply.
        options: more fields of the request's body; None takes one out.
    """

    def __init__(
        self, url: str, model: str, key: str = "", timeout_s: float = 120.0, options: Mapping[str, Any] | None = None
    ) -> None:
        self.url, self.model = f"{url.rstrip('/')}/chat/completions", model
        self._key, self._timeout_s, self._options = key, timeout_s, dict(options or {})
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        self._http = httpx2.Client(headers=headers, timeout=timeout)

    def close(self) -> None:
        self._http.close()

    def request(self, prompt: Prompt) -> bytes:
        """The body that asks it: greedy decoding, one reply."""
        return self._body(prompt, lambda picture: picture.data_url)

    def digest(self, prompt: Prompt) -> str:
        """Of the whole request: where it goes, the model, every text, every pixel, every option; never the key."""
        body = self._body(prompt, lambda picture: picture.digest)
        return hashlib.sha256(self.url.encode() + b"\n" + body).hexdigest()

    def send(self, body: bytes) -> Reply:
        """The reply to a body of `request`.

        Raises:
            Fault: none this time.
            Rejected: none for this request.
            UserError: none for any request: wrong address, key or model, no credit left.
        """
        try:
            with self._http.stream("POST", self.url, content=body) as response:
                answer = self._read(response, time.monotonic() + self._timeout_s)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise Fault(f"no connection: {error or 'none within the time limit'}") from None
        except httpx2.TimeoutException:
            raise self._late() from None
        except httpx2.RequestError as error:
            told = str(error).rstrip(".")
            raise Fault(f"the connection was lost: {told}", may_be_billed=True) from None
        if response.is_success:
            return self._reply(answer)
        return self._without_success(response.status_code, answer, _seconds(response.headers.get("Retry-After", "")))

    def _body(self, prompt: Prompt, show: Callable[[Picture], str]) -> bytes:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": [_part(part, show) for part in prompt.parts]}],
            "temperature": 0,
            "max_tokens": prompt.max_tokens,
        } | self._options
        return json.dumps({name: value for name, value in body.items() if value is not None}).encode()

    def _read(self, response: httpx2.Response, deadline: float) -> bytes:
        answer = b""
        for chunk in response.iter_bytes():
            answer += chunk
            if time.monotonic() > deadline:
                raise self._late()
            if len(answer) > MAX_REPLY_BYTES:
                raise Fault(f"an answer of more than {MAX_REPLY_BYTES} bytes", may_be_billed=True)
        return answer

    def _late(self) -> Fault:
        return Fault(f"no whole answer within {self._timeout_s:g} s", may_be_billed=True)

    def _reply(self, answer: bytes) -> Reply:
        try:
            said = json.loads(answer, object_pairs_hook=_without_half_characters)
            if "error" in said:  # some gateways say so with status 200
                return self._without_success(_code_of(said["error"]), answer, 0.0)
            choice, model = said["choices"][0], str(said.get("model") or self.model)
            text, refusal = (choice["message"].get(name) or "" for name in ("content", "refusal"))
            if not isinstance(text, str):
                raise TypeError("content is no text")
            return Reply(text, model, str(choice.get("finish_reason")), str(refusal), _usage(said.get("usage")))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            raise Fault(f"no chat completion but {self._excerpt(answer)}", may_be_billed=True) from None

    def _without_success(self, status: int, answer: bytes, retry_after_s: float) -> Reply:
        """What an HTTP status of 300 and more means."""
        codes, told = _error_codes(answer), f"HTTP {status}: {self._excerpt(answer)}"
        if CONTENT_FILTER in codes:
            return Reply("", self.model, CONTENT_FILTER)
        if status in (401, 402, 404) or status < 400 or "insufficient_quota" in codes:
            raise UserError(f"{self.url}, model '{self.model}': {told}; see to address, model, key and credit")
        if status in (408, 409, 425, 429) or status >= 500:
            raise Fault(told, retry_after_s)
        raise Rejected(told)

    def _excerpt(self, answer: bytes) -> str:
        """The error's message, or how the answer begins, on one line of ASCII without the key."""
        text = answer.decode(errors="replace")
        try:
            error = json.loads(text)["error"]
            text = error["message"] if isinstance(error, dict) else str(error)
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        text = " ".join(str(text).split())
        return ascii((text.replace(self._key, "[key]") if self._key else text)[:200])


def _part(part: str | Picture, show: Callable[[Picture], str]) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": show(part)}}


def _without_half_characters(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Half a surrogate pair, which JSON can escape and no file can hold, becomes '?'."""
    return {name: value.encode(errors="replace").decode() if isinstance(value, str) else value for name, value in pairs}


def _usage(told: Any) -> Usage | None:
    """None where it is not told, or is no number of tokens."""
    if not isinstance(told, dict):
        return None
    prompt, completion = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens") or 0)
    return None if prompt is None or completion is None else Usage(1, prompt, completion)


def _count(told: Any) -> int | None:
    return int(told) if isinstance(told, int | float) and 0 <= told <= MAX_TOKENS else None


def _error_codes(answer: bytes) -> set[str]:
    """What an error calls itself: its code and type, and those of the error within (Azure's content filter)."""
    try:
        error = json.loads(answer)["error"]
        within = error.get("innererror") or {}
        return {str(value) for value in (error.get("code"), error.get("type"), within.get("code"))}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()


def _code_of(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and code >= 400 else 500


def _seconds(retry_after: str) -> float:
    """Of a Retry-After header, in seconds or as a date (RFC 9110, 10.2.3); 0 where there is none to be read."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
