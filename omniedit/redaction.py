"""Hide passwords, tokens and keys in URLs wherever a text leaves the program: errors, config.json, pages, cache."""

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
_SECRET = (
    r"[\w.-]{0,40}(?:key(?:id)?|token|secret|passw(?:or)?d|pwd|signature|credentials?|auth)"
    r"|sig|code|pass|pw|jwt|hmac|policy"
)
_RANGE = re.compile(r"\{\d+\.\.\d+\}")
_QUERY = re.compile(rf"([?&;#](?:{_SECRET})=)[^&#;\s\"'<>]+", re.IGNORECASE)


def redact(text: str) -> str:
    """Return a text whose URLs show no user, password, key, token or signature."""
    return _QUERY.sub(rf"\g<1>{HIDDEN}", _USER.sub(rf"\g<1>{HIDDEN}@", text))


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


def restore(url: str) -> str:
    """Return the whole URL of a redacted one that was handed down, or of one from its range; others are unchanged."""
    for hidden, whole in _inherited_secrets().items():
        if match := re.fullmatch(r"(\d+)".join(map(re.escape, _RANGE.split(hidden))), url):
            return _RANGE.sub(match[1], whole) if match.groups() else str(whole)
    return url


def _inherited_secrets() -> dict[str, str]:
    return json.loads(os.environ.get(ENVIRONMENT) or "{}")
