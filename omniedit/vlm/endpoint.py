"""Client of one OpenAI-compatible chat endpoint (OpenAI, Gemini, vLLM): build requests and send them."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from omniedit.config.schema import reply_limit
from omniedit.errors import UserError
from omniedit.plain_text import clean
from omniedit.redaction import redact
from omniedit.vlm import completions
from omniedit.vlm.messages import CONTENT_FILTER, Prompt, PromptImage, Reply
from omniedit.vlm.proxies import find_proxy

CONNECT_S = 10.0
MAX_MODEL_NAME_LENGTH = 200
MIN_SECRET_LENGTH = 6
"""Minimum length of a secret that is removed from answers. Local servers accept any key, such as 0, which also occurs
in scores."""


class RequestFault(Exception):
    """Failed request that may succeed later.

    Args:
        retry_after_s: wait that the endpoint requests.
        may_be_billed: whether a reply may have been generated and lost in transit.
    """

    def __init__(self, problem: str, retry_after_s: float = 0.0, may_be_billed: bool = False) -> None:
        super().__init__(problem)
        self.retry_after_s, self.may_be_billed = retry_after_s, may_be_billed


class RequestRejected(Exception):
    """Request that the endpoint would reject again."""


class Endpoint:
    """One model at one address. Several threads may call `request` and `send`.

    Args:
        url: base of the API, such as https://api.openai.com/v1. Secrets in it are removed from errors, digests and
            `url`.
        key: API key, '' for none. It is sent in a header only, and removed from answers that repeat it.
        timeout_s: time limit from sending a request to the last byte of its reply.
        options: additional fields of the request's body; None removes a field.

    Raises:
        UserError: the address is invalid, or the environment names a proxy that cannot be used.
    """

    path = "/chat/completions"
    content_type = "application/json"
    expected = "a chat completion"
    max_reply_bytes = 10_000_000

    def __init__(
        self, url: str, model: str, key: str = "", timeout_s: float = 120.0, options: Mapping[str, Any] | None = None
    ) -> None:
        try:
            address = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise UserError(f"{redact(url)}: not the address of an endpoint ({error})") from None
        if address.scheme not in ("http", "https") or not address.host:
            raise UserError(
                f"{redact(url)[:200]}: not the address of an endpoint; give one such as http://localhost:8000/v1"
            )
        self._full_url = address.copy_with(path=f"{address.path.rstrip('/').removesuffix(self.path)}{self.path}")
        self.url, self.model = redact(str(self._full_url)), model
        self._timeout_s, self._options = timeout_s, dict(options or {})
        self._secrets = [secret for secret in (key, *_secrets(address)) if len(secret) >= MIN_SECRET_LENGTH]
        headers = {"Content-Type": self.content_type} | ({"Authorization": f"Bearer {key}"} if key else {})
        timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        self._proxy = find_proxy(address)
        try:
            # Only the transport gets the proxy: httpx2 would open all proxies of the environment, used or not.
            transport = httpx2.HTTPTransport(proxy=self._proxy)
        except (ImportError, ValueError, httpx2.InvalidURL) as error:
            problem = (
                "SOCKS needs the package socksio: pip install socksio" if isinstance(error, ImportError) else str(error)
            )
            raise UserError(
                f"{self.url}: the environment's proxy {redact(str(self._proxy))} cannot be used ({problem}); "
                "correct or unset ALL_PROXY, HTTP_PROXY and HTTPS_PROXY, or name the host in NO_PROXY"
            ) from None
        self._http = httpx2.Client(headers=headers, timeout=timeout, transport=transport)

    def close(self) -> None:
        self._http.close()

    def request(self, prompt: Prompt) -> bytes:
        """Return the request body of a prompt, which asks for one reply."""
        return self._body(prompt, lambda image: image.data_url)

    def digest(self, prompt: Prompt) -> str:
        """Return the digest of address, model, texts, pixels and options; secrets are excluded."""
        body = self._body(prompt, lambda image: image.digest)
        return hashlib.sha256(self.url.encode() + b"\n" + body).hexdigest()

    def reply_limit(self, prompt: Prompt) -> int | None:
        """Return the largest total number of tokens in the replies to a request; None if nothing limits it."""
        return reply_limit(self._options, prompt.max_tokens)

    def send(self, body: bytes) -> Reply:
        """Send a body of `request` and return the reply.

        Raises:
            RequestFault: the request failed, but may succeed later.
            RequestRejected: the endpoint rejects this request.
            UserError: no request can succeed: wrong address, key or model, or no credit left.
        """
        try:
            with self._http.stream("POST", self._full_url, content=body) as response:
                answer = self._read(response, time.monotonic() + self._timeout_s)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise RequestFault(f"no connection{self._by_proxy}: {error or 'time limit exceeded'}") from None
        except (httpx2.ProxyError, httpx2.UnsupportedProtocol) as error:
            raise RequestFault(f"no connection{self._by_proxy}: {redact(str(error))}") from None
        except httpx2.TimeoutException:
            raise self._deadline_fault() from None
        except httpx2.RequestError as error:
            problem = redact(str(error)).rstrip(".")
            raise RequestFault(f"the connection was lost{self._by_proxy}: {problem}", may_be_billed=True) from None
        if response.is_success:
            return self._reply(answer)
        if response.is_redirect and (location := response.headers.get("Location", "")):
            raise UserError(f"{self.url}: redirects to {self._excerpt(location.encode())}; give that address")
        problem = completions.parse_error(answer)
        retry_after_s = _seconds(response.headers) or completions.retry_delay_s(problem)
        return self._without_success(response.status_code, answer, problem, retry_after_s)

    def _body(self, prompt: Prompt, show: Callable[[PromptImage], str]) -> bytes:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": [_part(part, show) for part in prompt.parts]}],
            "temperature": prompt.temperature,
            "max_tokens": prompt.max_tokens,
        }
        if prompt.seed is not None:
            body["seed"] = prompt.seed
        body |= self._options
        return json.dumps({name: value for name, value in body.items() if value is not None}).encode()

    def _read(self, response: httpx2.Response, deadline: float) -> bytes:
        answer = b""
        for chunk in response.iter_bytes():
            answer += chunk
            if time.monotonic() > deadline:
                raise self._deadline_fault()
            if len(answer) > self.max_reply_bytes:
                raise RequestFault(f"an answer of more than {self.max_reply_bytes} bytes", may_be_billed=True)
        return answer

    def _deadline_fault(self) -> RequestFault:
        return RequestFault(f"no complete reply within {self._timeout_s:g} s", may_be_billed=True)

    @property
    def _by_proxy(self) -> str:
        return f" by the environment's proxy {redact(self._proxy)}" if self._proxy else ""

    def _reply(self, answer: bytes) -> Reply:
        if answer.startswith((b"data:", b"event:", b": ")):
            raise UserError(f"{self.url}: answers with a stream of events; remove `stream` from the section's request")
        try:
            fields = self._clean(json.loads(answer))
            if error := completions.find_error(fields):  # some gateways report errors with status 200
                return self._without_success(completions.error_status(error), answer, error)
            return self._parse(fields, answer)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            raise RequestFault(f"expected {self.expected}, got {self._excerpt(answer)}", may_be_billed=True) from None

    def _parse(self, fields: dict[str, Any], answer: bytes) -> Reply:
        """Return the reply in a decoded answer without an error; any lookup in it may fail."""
        if blocked := completions.block_reason(fields):
            return Reply("", self._model_name(fields), CONTENT_FILTER, filter=blocked)
        choice = fields["choices"][0]
        if error := completions.choice_error(choice):
            return self._without_success(completions.error_status(error), answer, error, may_be_billed=True)
        return completions.parse_choice(choice, self._model_name(fields), completions.parse_usage(fields.get("usage")))

    def _model_name(self, fields: Mapping[str, Any]) -> str:
        return " ".join(str(fields.get("model") or self.model).split())[:MAX_MODEL_NAME_LENGTH]

    def _without_success(
        self, status: int, answer: bytes, error: Any, retry_after_s: float = 0.0, may_be_billed: bool = False
    ) -> Reply:
        """Return a reply for a content filter's error; raise the matching exception for any other error.

        Args:
            status: HTTP status, or the status in an error within an answer.
            error: the error in the answer.
        """
        codes, problem = completions.error_codes(error), f"HTTP {status}: {self._excerpt(answer, error)}"
        if codes & completions.FILTER_CODES or completions.is_moderated(error):
            return Reply("", self.model, CONTENT_FILTER)
        if status in (401, 402, 404) or status < 400 or "insufficient_quota" in codes:
            raise UserError(f"{self.url}, model '{self.model}': {problem}; check address, model, key and credit")
        if status in (408, 409, 425, 429) or status >= 500:
            raise RequestFault(problem, retry_after_s, may_be_billed)
        raise RequestRejected(problem)

    def _excerpt(self, answer: bytes, error: Any = None) -> str:
        """Return an error's message, or else the beginning of the answer, in one line of ASCII without secrets."""
        message = error.get("message") if isinstance(error, dict) else error
        text = self._hide(str(message) if message else answer[:10_000].decode(errors="replace"))
        return ascii(redact(" ".join(text.split()))[:200])

    def _clean(self, value: Any) -> Any:
        """Remove secrets and unprintable characters from all texts of an answer."""
        if isinstance(value, str):
            return clean(self._hide(value))
        if isinstance(value, list):
            return [self._clean(item) for item in value]
        return (
            {self._clean(name): self._clean(item) for name, item in value.items()} if isinstance(value, dict) else value
        )

    def _hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text


def _secrets(url: httpx2.URL) -> list[str]:
    """Return the secrets of an address: its password, also in the encoded form that is sent, and keys of its query."""
    login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode() if url.password else ""
    keys = [value for name, value in url.params.multi_items() if redact(f"?{name}=x") != f"?{name}=x"]
    return [login, url.password, *keys]


def _part(part: str | PromptImage, show: Callable[[PromptImage], str]) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": show(part)}}


def _seconds(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header, given in seconds or as a date (RFC 9110, 10.2.3); 0 if unreadable.

    OpenAI and Azure also send milliseconds.
    """
    for name, unit in (("Retry-After-Ms", 1000), ("Retry-After", 1)):
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value := headers.get(name, "").strip()):
            return float(value) / unit
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
