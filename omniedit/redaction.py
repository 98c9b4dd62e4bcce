"""Hide passwords, tokens and keys wherever a text leaves the program: errors, config.json, pages, cache."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "***"
ENVIRONMENT = "OMNIEDIT_URLS"
"""Environment variable that gives a run's jobs the whole URLs, which config.json has without their secrets."""
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{1,30}://"
_USER = re.compile(rf"({_SCHEME})[^/\s?#\"'<>]*@")
_LOOSE_USER = re.compile(rf"({_SCHEME})[^/\s?#@:\"'<>]+:(?!\d{{1,5}}(?:[/?#\s]|$))[^\s@\"'<>]+@")
"""User and password that should have been percent-encoded, as in http://bob:a/b@host."""
_BARE_USER = re.compile(
    r"(?<![\w/.+@-])(?!mailto:|acct:|sip:)[\w.+-]{1,64}:[^\s/@:\"'<>]{1,200}@(?=[\w-]+(?:\.[\w-]+)*[:/])"
)
"""User and password of an address without its scheme, as in bob:pw@host:8000/v1."""
_SECRET = (
    r"[\w.%-]{0,40}(?:key(?:id)?|token|secret|passw(?:or)?d|passphrase|pwd|signature|credentials?|auth(?:orization)?)"
    r"|(?:[\w-]{0,40}[_-])?sig|code|pass|pw|jwt|hmac|policy|bearer|sas|session(?:_?id)?|sid|hdne[at]s?|q-ak"
)
_RANGE = re.compile(r"\{\d+\.\.\d+\}")
_QUERY = re.compile(rf"([?&;#](?:{_SECRET})(?:\[\w*\]|%5B\w*%5D)?=)[^&#;\s\"'<>]+", re.IGNORECASE)
_NAMED = r"(?:proxy-)?authorization|(?:[\w-]{1,30}[_-])?api[_-]?key|(?:auth|access|security)[_-]token|client[_-]secret"
_HEADER = re.compile(
    rf"((?:[\"'](?:{_NAMED})[\"']\s*:\s*[\"']|\b(?:{_NAMED})\s*:\s*(?=(?:bearer|basic|token)\s|[^\s\"',;]*\d))"
    r"(?:(?:bearer|basic|token)\s+)?)[^\s\"',;{}\[\]]+",
    re.IGNORECASE,
)
"""Header or field with a key. A value without quotes counts only if it has a digit, so `api_key: unknown key` stays."""
_KEY = re.compile(
    r"\b(?:sk-[\w-]{16,}|hf_[A-Za-z0-9]{16,}|gh[oprsu]_\w{16,}|github_pat_\w{16,}|A[KS]IA[0-9A-Z]{12,}|AIza[\w-]{20,}"
    r"|xox[abp]-[\w-]{10,}|r8_\w{20,})|(?<=\bBearer )[\w.~+/=-]{16,}"
)
"""Formats of the keys of providers: OpenAI, Hugging Face, GitHub, AWS, Google, Slack, Replicate."""


def redact(text: str) -> str:
    """Return a text without the users, passwords, keys, tokens and signatures of URLs, and the keys of headers."""
    for user in (_USER, _LOOSE_USER):
        text = user.sub(rf"\g<1>{HIDDEN}@", text)
    text = _BARE_USER.sub(f"{HIDDEN}@", text)
    for named in (_QUERY, _HEADER):
        text = named.sub(rf"\g<1>{HIDDEN}", text)
    return _KEY.sub(HIDDEN, text)


def redact_values(value: Any) -> Any:
    """Redact every text within nested lists and mappings, such as a config."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name: redact_values(item) for name, item in value.items()}
    return [redact_values(item) for item in value] if isinstance(value, list | tuple) else value


def export_secrets(urls: Iterable[str | None]) -> None:
    """Put the URLs that hold secrets into the environment, for jobs that get redacted ones."""
    secret = {redact(url): url for url in urls if url and redact(url) != url}
    if secret or ENVIRONMENT in os.environ:
        os.environ[ENVIRONMENT] = json.dumps(_inherited_secrets() | secret)


def holds_key(value: Any) -> bool:
    """Return whether nested lists and mappings, such as a request's fields, hold a key or a password."""
    text = json.dumps(value, default=str)
    return redact(text) != text


def restore(url: str) -> str:
    """Return the whole URL for a redacted URL, or for one URL of a redacted range, from the environment; others are
    unchanged.
    """
    for hidden, whole in _inherited_secrets().items():
        if match := re.fullmatch(r"(\d+)".join(map(re.escape, _RANGE.split(hidden))), url):
            return _RANGE.sub(match[1], whole) if match.groups() else str(whole)
    return url


def _inherited_secrets() -> dict[str, str]:
    return json.loads(os.environ.get(ENVIRONMENT) or "{}")
