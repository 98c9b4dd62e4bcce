"""Vision-language model behind an endpoint, in the sections `proposals` and `scoring`."""

import os
from typing import Any, Self

from pydantic import Field, model_validator

from omniedit.config.section import LocalPath, Section
from omniedit.errors import UserError
from omniedit.redaction import holds_key

REPLY_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens")
"""Fields of a request that limit the number of tokens in its reply."""


def reply_limit(options: dict[str, Any], default: int) -> int | None:
    """Return the largest total number of tokens in the replies to one request; None if nothing limits it.

    Args:
        options: fields of the request; a field that is None is removed.
        default: `max_tokens` of a request without options.
    """
    body = {"max_tokens": default} | dict(options)
    limits = [body[name] for name in REPLY_LIMITS if isinstance(body.get(name), int) and body[name] > 0]
    replies = body.get("n")
    return max(limits) * (replies if isinstance(replies, int) and replies > 0 else 1) if limits else None


class EndpointConfig(Section):
    """Vision-language model behind an OpenAI-compatible chat endpoint."""

    url: str | None = Field(None, pattern=r"^https?://")
    """Base address of the endpoint, such as `https://api.openai.com/v1`."""
    model: str | None = None
    """Name of the model at the endpoint. A dated name, such as `gpt-4o-2024-08-06`, keeps scores reproducible."""
    key_env: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the API key; null if the endpoint needs none."""
    request: dict[str, Any] = Field({})
    """Additional fields of each request, such as `{max_tokens: null, max_completion_tokens: 2000}`; null removes a
    field."""
    max_side: int = Field(1024, ge=64)
    """Maximum length in pixels of an image's longer side; larger images are scaled down to it."""
    timeout_s: float = Field(120, gt=0)
    """Seconds from a request to the last byte of its reply."""
    tries: int = Field(6, ge=1)
    """Maximum number of attempts per request."""
    concurrency: int = Field(8, ge=1, le=64)
    """Number of concurrent requests per job."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Maximum number of requests per minute and job; null: no limit."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """Maximum number of tokens per minute and job, prompts and replies together; null: no limit."""
    tokens_per_picture: int = Field(1105, ge=1)
    """Tokens per image, for estimates. GPT-4o counts 1,105 for a ratio of 2:3 and 765 for a square."""
    prompt_price: float | None = Field(None, ge=0)
    """Price of a million prompt tokens, in any currency."""
    completion_price: float | None = Field(None, ge=0)
    """Price of a million reply tokens."""
    max_requests: int | None = Field(None, ge=1)
    """Maximum number of requests of the run; it stops before it would send more. null: no limit. Cached replies do not
    count."""
    max_tokens: int | None = Field(None, ge=1)
    """Maximum number of tokens of the run, prompts and replies together; works as `max_requests`."""
    max_money: float | None = Field(None, gt=0)
    """Maximum amount of money that the run may spend at the two prices; works as `max_requests`."""
    cache: LocalPath = "cache/vlm"
    """Folder of cached replies; several runs and machines may share it."""

    @property
    def is_known(self) -> bool:
        """Return whether the address and the model are given."""
        return self.url is not None and self.model is not None

    @model_validator(mode="after")
    def _check_request(self) -> Self:
        if "messages" in self.request:
            raise ValueError("request must not contain messages; the prompt sets them")
        if "model" in self.request and self.model is not None:
            raise ValueError(f"request must not contain model; the key model sets it to {self.model}")
        if named := [name for name, value in self.request.items() if holds_key({name: value})]:
            raise ValueError(
                f"request.{named[0]} holds a key or a password; keep it in the environment, as key_env says"
            )
        return self

    @model_validator(mode="after")
    def _check_prices(self) -> Self:
        if self.max_money is not None and self.prompt_price is None and self.completion_price is None:
            raise ValueError("max_money needs prompt_price and completion_price, the prices of a million tokens")
        return self

    @model_validator(mode="after")
    def _check_reply_limit(self) -> Self:
        if (self.max_tokens or self.max_money) and reply_limit(self.request, 1) is None:
            raise ValueError("max_tokens and max_money need a limit on replies, such as request.max_completion_tokens")
        return self


def api_key(config: EndpointConfig) -> str:
    """Return the API key from the environment, or '' if none is needed.

    Raises:
        UserError: the variable is unset or empty, or its value cannot be a key.
    """
    if config.key_env is None:
        return ""
    if not (key := os.environ.get(config.key_env, "").strip()):
        problem = f"the environment variable {config.key_env} is unset or empty"
        raise UserError(f"{problem}; export the API key, or set key_env (null if the endpoint needs none)")
    if not (key.isascii() and key.isprintable()):
        problem = f"the environment variable {config.key_env} contains a character that no API key has"
        raise UserError(f"{problem}, such as a typographic quote or a line break; export only the key")
    return key
