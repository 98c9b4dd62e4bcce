"""Send many prompts to one endpoint concurrently, with cache, rate limits, retries and budget."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from omniedit.config.schema import EndpointConfig, api_key
from omniedit.errors import UserError
from omniedit.redaction import restore
from omniedit.storage.atomic import check_writable
from omniedit.vlm.budget import Budget, Prices, estimate
from omniedit.vlm.cache import Cache
from omniedit.vlm.endpoint import Endpoint, RequestFault, RequestRejected
from omniedit.vlm.ledger import Ledger
from omniedit.vlm.limits import RateLimiter
from omniedit.vlm.messages import Prompt, Reply, Usage
from omniedit.vlm.retries import PATIENCE_S, Retries


@dataclass(frozen=True)
class MissingReply:
    """Reason why a prompt has no reply.

    Args:
        rejected: True if the endpoint rejected the request, False if every attempt failed.
    """

    reason: str
    rejected: bool


class ChatModel(Protocol):
    """Source of replies: an endpoint's `Client`, or a `LocalModel`."""

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply | MissingReply]:
        """Return a reply to each prompt, in order."""
        ...


class Client:
    """Client of an endpoint, with a cache.

    Replies are cached, including refusals by the model. Prompts without a reply are sent again by later runs.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        cache: Cache,
        limits: RateLimiter | None = None,
        retries: Retries | None = None,
        budget: Budget | None = None,
        concurrency: int = 8,
        tokens_per_image: int = 1105,
    ) -> None:
        self.endpoint, self.cache, self.concurrency = endpoint, cache, concurrency
        self.limits, self.retries, self.budget = limits or RateLimiter(), retries or Retries(), budget or Budget()
        self.tokens_per_image = tokens_per_image
        self.answered = self.from_cache = 0
        self._last_prompt: Prompt | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.endpoint.close()
        self.budget.close()

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply | MissingReply]:
        """Return a reply to each prompt, in order. At most `concurrency` requests run at once; equal prompts are sent
        once.

        Raises:
            UserError: the endpoint answers no prompt (wrong key, model or address, or no credit), or the budget is
                spent. Replies received before the error are cached.
        """
        in_progress: dict[str, threading.Lock] = {}
        answered_before = self.answered
        with ThreadPoolExecutor(self.concurrency) as pool:
            try:
                answers = list(pool.map(lambda prompt: self._answer(prompt, in_progress), prompts))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._check_alive(answers, any_answered=self.answered > answered_before)
        return answers

    def estimate(self, prompt: Prompt) -> Usage:
        """Return an upper bound on the usage of a prompt and its reply."""
        return estimate(prompt, self.tokens_per_image, self.endpoint.reply_limit(prompt))

    def summary(self) -> str:
        """Return a line with the usage of the endpoint and the number of cached replies."""
        return f"endpoint usage: {self.budget.describe(self.budget.spent)}; {self.from_cache:,} replies from the cache"

    def _answer(self, prompt: Prompt, in_progress: dict[str, threading.Lock]) -> Reply | MissingReply:
        digest = self.endpoint.digest(prompt)
        with in_progress.setdefault(digest, threading.Lock()):
            if reply := self.cache.get(digest):
                self._count(prompt, from_cache=1)
                return reply
            body, maximum = self.endpoint.request(prompt), self.estimate(prompt)
            try:
                reply = self.retries.run(lambda: self._attempt(body, maximum))
            except RequestFault as fault:
                reason = f"no reply after {self.retries.tries} attempts; last error: {fault}"
                return MissingReply(reason, rejected=False)
            except RequestRejected as rejection:
                return MissingReply(f"the endpoint rejects the request: {rejection}", rejected=True)
            self.cache.put(digest, reply)
            self._count(prompt, answered=1)
            return reply

    def _attempt(self, body: bytes, maximum: Usage) -> Reply:
        """Send one request within rate limits and budget. A reply lost in transit is charged at its maximum usage."""
        maximum = self.budget.reserve(maximum)
        used = Usage(1)
        try:
            self.limits.wait(maximum.tokens)
            reply = self.endpoint.send(body)
            used = reply.usage or maximum
            return reply
        except RequestFault as fault:
            used = maximum if fault.may_be_billed else used
            # After a longer wait, `Retries` ends the job, so its other requests need no pause.
            if fault.retry_after_s <= PATIENCE_S:
                self.limits.pause(fault.retry_after_s)
            raise
        finally:
            self.limits.return_tokens(maximum.tokens - used.tokens)
            self.budget.settle(maximum, used)

    def _count(self, prompt: Prompt, answered: int = 0, from_cache: int = 0) -> None:
        with self._lock:
            self.answered += answered
            self.from_cache += from_cache
            self._last_prompt = prompt

    def _check_alive(self, answers: Sequence[Reply | MissingReply], any_answered: bool) -> None:
        """If prompts have no reply, check that the endpoint works at all.

        An endpoint that is down or misconfigured must not make a whole shard unscorable. A missing reply is blamed on
        the prompt only if the endpoint answered another prompt in this call. A rejection is blamed on the prompt if the
        endpoint has answered any prompt so far. If all other replies came from the cache, one of their prompts is sent
        again as a test.

        Raises:
            UserError: the endpoint answers no prompt.
        """
        missing = [answer for answer in answers if isinstance(answer, MissingReply)]
        if not missing or any_answered or (self._last_prompt and all(answer.rejected for answer in missing)):
            return
        if self._last_prompt and self._answers_again(self._last_prompt):
            return
        problem = (
            f"{self.endpoint.url}: none of {len(missing)} requests was answered; first reason: {missing[0].reason}"
        )
        raise UserError(f"{problem}. Earlier replies are cached: run again when the endpoint answers")

    def _answers_again(self, prompt: Prompt) -> bool:
        """Return whether the endpoint answers a prompt when it is sent again, bypassing the cache."""
        body, maximum = self.endpoint.request(prompt), self.estimate(prompt)
        try:
            self.retries.run(lambda: self._attempt(body, maximum))
        except (RequestFault, RequestRejected):
            return False
        return True


def open_client(
    config: EndpointConfig, ledger_folder: str | Path | None = None, endpoint_class: type[Endpoint] = Endpoint
) -> Client:
    """Open the client for an endpoint section of the config.

    Args:
        ledger_folder: folder of the run's ledger, if several jobs share the budget.
        endpoint_class: class of the endpoint, for requests other than chat completions.

    Raises:
        UserError: the config names no endpoint, the API key is missing from the environment, or the cache is not
            writable.
    """
    if config.url is None or config.model is None:
        raise UserError("no endpoint: give url and model, in the config's scoring.api or as --url and --model")
    try:
        check_writable(Path(config.cache) / "replies")
    except UserError as error:
        raise UserError(f"cache: {error}") from None
    endpoint = endpoint_class(restore(config.url), config.model, api_key(config), config.timeout_s, config.request)
    prices = Prices(config.prompt_price, config.completion_price)
    ledger = Ledger(ledger_folder) if ledger_folder else None
    return Client(
        endpoint,
        Cache(config.cache),
        RateLimiter(config.requests_per_minute, config.tokens_per_minute),
        Retries(config.tries),
        Budget(config.max_requests, config.max_tokens, config.max_money, prices, ledger),
        config.concurrency,
        config.tokens_per_picture,
    )
