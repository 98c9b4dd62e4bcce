"""Client of one OpenAI-compatible chat endpoint (OpenAI, Gemini, vLLM): build requests, send them and read the
replies."""

import base64
import contextlib
import hashlib
import ipaddress
import json
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from omniedit.config.schema import reply_limit
from omniedit.errors import UserError
from omniedit.imaging.images import Image, encode_png
from omniedit.plain_text import clean
from omniedit.redaction import redact

_PATH = "/chat/completions"
CONNECT_S = 10.0
MAX_REPLY_BYTES = 10_000_000
MAX_TOKENS = 1e9
"""Largest plausible number of tokens, more than any model reads; usage above it is discarded as invalid."""
CONTENT_FILTER = "content_filter"
REFUSAL = "refusal"
LENGTH = "length"
STOP = "stop"
ERROR = "error"
FINISH_REASONS = {
    **dict.fromkeys(("length", "max_tokens", "model_length", "max_output_tokens"), LENGTH),
    **dict.fromkeys(("refusal", "refused"), REFUSAL),
    **dict.fromkeys(("stop", "end_turn", "eos", "stop_sequence", "complete"), STOP),
    **dict.fromkeys(("error", "insufficient_system_resource", "malformed_function_call"), ERROR),
    **dict.fromkeys(
        (
            *("content_filter", "content_filtered", "guardrail_intervened", "sensitive", "error_toxic"),
            *("safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety", "language"),
        ),
        CONTENT_FILTER,
    ),
}
"""Providers' finish reasons, in lower case, and our names for them. Gemini: SAFETY, RECITATION; Anthropic: max_tokens,
refusal; Bedrock: guardrail_intervened; Cohere: ERROR_TOXIC; Zhipu: sensitive; DeepSeek:
insufficient_system_resource."""
FILTER_CODES = frozenset(
    (
        *(CONTENT_FILTER, "responsibleaipolicyviolation", "content_policy_violation", "moderation_blocked"),
        *("data_inspection_failed", "datainspectionfailed", "invalid_prompt", "prompt_blocked"),
    )
)
"""Error codes of Azure, OpenAI and DashScope for a request that a filter stopped."""
LONGEST_MODEL_NAME = 200
SHORTEST_SECRET = 6
"""Minimum length of a secret that is removed from answers. Local servers accept any key, such as 0, which scores
contain too."""
LOCAL_NAMES = ("localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback")


@dataclass(frozen=True, eq=False)
class PromptImage:
    """Image of a prompt, (H, W, 3) RGB. It is sent as PNG, because the model would also judge JPEG artefacts."""

    pixels: Image

    @property
    def data_url(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(encode_png(self.pixels)).decode()}"

    @property
    def digest(self) -> str:
        """Return the digest of the pixels: 20 times as fast as that of their PNG, and independent of the encoder."""
        return hashlib.sha256(repr(self.pixels.shape).encode() + self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Prompt:
    """Texts and images of one user message, in order. Endpoints may cache a prefix that many prompts share.

    Args:
        max_tokens: maximum length of the reply.
    """

    parts: tuple[str | PromptImage, ...]
    max_tokens: int = 400


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
        told = "the reply contains only thinking" if self.thought else "the reply is empty"
        return f"{told} (finish reason {self.finish_reason[:40]!a})"


class Fault(Exception):
    """Failed request that may succeed later.

    Args:
        retry_after_s: wait that the endpoint requests.
        may_be_billed: whether a reply may have been generated and lost in transit.
    """

    def __init__(self, problem: str, retry_after_s: float = 0.0, may_be_billed: bool = False) -> None:
        super().__init__(problem)
        self.retry_after_s, self.may_be_billed = retry_after_s, may_be_billed


class Rejected(Exception):
    """Request that the endpoint rejects, however often it is sent."""


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

    def __init__(
        self, url: str, model: str, key: str = "", timeout_s: float = 120.0, options: Mapping[str, Any] | None = None
    ) -> None:
        try:
            whole = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise UserError(f"{redact(url)}: not the address of an endpoint ({error})") from None
        if whole.scheme not in ("http", "https") or not whole.host:
            raise UserError(
                f"{redact(url)[:200]}: not the address of an endpoint; give one such as http://localhost:8000/v1"
            )
        self._whole_url = whole.copy_with(path=f"{whole.path.rstrip('/').removesuffix(_PATH)}{_PATH}")
        self.url, self.model = redact(str(self._whole_url)), model
        self._timeout_s, self._options = timeout_s, dict(options or {})
        self._secrets = [secret for secret in (key, *_secrets(whole)) if len(secret) >= SHORTEST_SECRET]
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        self._proxy = find_proxy(whole)
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
        """Return the request body of a prompt: greedy decoding, one reply."""
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
            Fault: the request failed, but may succeed later.
            Rejected: the endpoint rejects this request.
            UserError: no request can succeed: wrong address, key or model, or no credit left.
        """
        try:
            with self._http.stream("POST", self._whole_url, content=body) as response:
                answer = self._read(response, time.monotonic() + self._timeout_s)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise Fault(f"no connection{self._by_proxy}: {error or 'time limit exceeded'}") from None
        except (httpx2.ProxyError, httpx2.UnsupportedProtocol) as error:
            raise Fault(f"no connection{self._by_proxy}: {redact(str(error))}") from None
        except httpx2.TimeoutException:
            raise self._late() from None
        except httpx2.RequestError as error:
            told = redact(str(error)).rstrip(".")
            raise Fault(f"the connection was lost{self._by_proxy}: {told}", may_be_billed=True) from None
        if response.is_success:
            return self._reply(answer)
        return self._without_success(response.status_code, answer, _seconds(response.headers.get("Retry-After", "")))

    def _body(self, prompt: Prompt, show: Callable[[PromptImage], str]) -> bytes:
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

    @property
    def _by_proxy(self) -> str:
        return f" by the environment's proxy {redact(self._proxy)}" if self._proxy else ""

    def _reply(self, answer: bytes) -> Reply:
        try:
            said = self._clean(json.loads(answer))
            if said.get("error"):  # some gateways report errors with status 200
                return self._without_success(_code(said["error"]), answer, 0.0, said)
            if blocked := _block_reason(said):
                return Reply("", self._model_name(said), CONTENT_FILTER, filter=blocked)
            choice = said["choices"][0]
            reason = str(choice.get("finish_reason") or choice.get("stop_reason") or STOP)
            name = FINISH_REASONS.get(reason.lower(), reason)
            if choice.get("error") or name == ERROR:
                error = choice.get("error") or {"message": f"finish reason {reason}"}
                return self._without_success(_code(error), answer, 0.0, {"error": error}, may_be_billed=True)
            native = str(choice.get("native_finish_reason") or "")
            if name == STOP and FINISH_REASONS.get(native.lower()) == CONTENT_FILTER:
                reason, name = native, CONTENT_FILTER
            if choice.get("stop_reason") == REFUSAL:
                name = REFUSAL
            message = choice["message"] if name not in (CONTENT_FILTER, REFUSAL) else choice.get("message") or {}
            text, refusal, thought = _contents(message)
            found = reason if name == CONTENT_FILTER and reason.lower() != CONTENT_FILTER else ""
            return Reply(text, self._model_name(said), name, refusal, _usage(said.get("usage")), found[:40], thought)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            raise Fault(f"no chat completion but {self._excerpt(answer)}", may_be_billed=True) from None

    def _model_name(self, said: Mapping[str, Any]) -> str:
        return " ".join(str(said.get("model") or self.model).split())[:LONGEST_MODEL_NAME]

    def _without_success(
        self, status: int, answer: bytes, retry_after_s: float, said: Any = None, may_be_billed: bool = False
    ) -> Reply:
        """Return a reply for a content filter's error; raise the exception that any other error means.

        Args:
            status: HTTP status, or the status in an error within an answer.
            said: the parsed answer, if available.
        """
        error = _error(answer) if said is None else said["error"]
        codes, told = _error_codes(error), f"HTTP {status}: {self._excerpt(answer, error)}"
        if codes & FILTER_CODES or _moderation_reasons(error):
            return Reply("", self.model, CONTENT_FILTER)
        if status in (401, 402, 404) or status < 400 or "insufficient_quota" in codes:
            raise UserError(f"{self.url}, model '{self.model}': {told}; see to address, model, key and credit")
        if status in (408, 409, 425, 429) or status >= 500:
            raise Fault(told, retry_after_s, may_be_billed)
        raise Rejected(told)

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


def is_local(host: str) -> bool:
    """Return whether a host is this machine, which no proxy can reach."""
    name = host.lower().rstrip(".")
    if name in (*LOCAL_NAMES, socket.gethostname().lower()) or name.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def find_proxy(url: httpx2.URL) -> str | None:
    """Return the proxy that the environment names for a URL, or None."""
    port = url.port or (443 if url.scheme == "https" else 80)
    if is_local(url.host) or urllib.request.proxy_bypass(f"{url.host}:{port}") or _is_in_no_proxy(url.host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _is_in_no_proxy(host: str) -> bool:
    """Return whether NO_PROXY lists an address, IPv6 included, or its network, such as 10.0.0.0/8.

    urllib checks neither.
    """
    address = _address(host)
    entries = urllib.request.getproxies_environment().get("no", "").split(",") if address else []
    for entry in entries:
        with contextlib.suppress(ValueError):
            if address in ipaddress.ip_network(entry.strip().replace("[", "").replace("]", ""), strict=False):
                return True
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a host denotes, in any form that sockets accept, such as 127.1; None for a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return None
    return getattr(address, "ipv4_mapped", None) or address


def _part(part: str | PromptImage, show: Callable[[PromptImage], str]) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": show(part)}}


def _contents(message: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Return the text, the refusal, and whether there is separate thinking, of a message.

    Raises:
        TypeError: the content is neither a text nor a list of parts.
    """
    content, refusal = message.get("content"), message.get("refusal")
    thought = any(message.get(name) for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details"))
    if content is None or isinstance(content, str):
        return content or "", str(refusal or ""), thought
    if not isinstance(content, Sequence):
        raise TypeError("content is not text")
    texts = []
    for part in content:
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        if kind in ("text", "output_text"):
            texts.append(str(part.get("text") or "") if isinstance(part, dict) else str(part))
        refusal = refusal or (part.get("refusal") if kind == "refusal" else None)
        thought = thought or kind in ("thinking", "reasoning", "redacted_thinking")
    return "".join(texts), str(refusal or ""), thought


def _block_reason(said: Mapping[str, Any]) -> str:
    """Return why Gemini blocked a prompt, which leaves the answer without choices; '' if it did not."""
    feedback = said.get("prompt_feedback") or said.get("promptFeedback") or {}
    reason = str(feedback.get("block_reason") or feedback.get("blockReason") or "")[:40]
    return reason if reason and not said.get("choices") else ""


def _usage(told: Any) -> Usage | None:
    """Return the usage of a reply; None if it is missing or invalid.

    Thinking that only the total includes, as with Gemini, counts as part of the reply.
    """
    if not isinstance(told, dict):
        return None
    prompt, completion = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens") or 0)
    if prompt is None or completion is None:
        return None
    return Usage(1, prompt, max(completion, (_count(told.get("total_tokens")) or 0) - prompt))


def _count(told: Any) -> int | None:
    return int(told) if isinstance(told, int | float) and 0 <= told <= MAX_TOKENS else None


def _error(answer: bytes) -> Any:
    """Return the error in an answer, or {}. Gemini wraps it in a list."""
    try:
        said = json.loads(answer)
        return (said[0] if isinstance(said, list) else said)["error"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return {}


def _error_codes(error: Any) -> set[str]:
    """Return the lower-case codes of an error: its code, type and status, and the code of the inner error."""
    if not isinstance(error, dict):
        return set()
    within = error.get("innererror")
    inner = within.get("code") if isinstance(within, dict) else None
    return {str(value).lower() for value in (error.get("code"), error.get("type"), error.get("status"), inner)}


def _moderation_reasons(error: Any) -> bool:
    """Return whether a gateway's moderation flagged the request (OpenRouter)."""
    metadata = error.get("metadata") if isinstance(error, dict) else None
    return isinstance(metadata, dict) and bool(metadata.get("reasons")) and "flagged_input" in metadata


def _code(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    code = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _seconds(retry_after: str) -> float:
    """Return the seconds of a Retry-After header, given in seconds or as a date (RFC 9110, 10.2.3); 0 if unreadable."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
