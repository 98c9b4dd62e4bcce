"""Limit what a run may spend: estimate before the start, reserve before each request, settle after it.

A reservation is the most that a request can use, so the budget stops a run before it is exceeded, not after.
"""

import threading
from dataclasses import dataclass
from math import ceil

from omniedit.errors import UserError
from omniedit.vlm.ledger import Ledger
from omniedit.vlm.messages import Prompt, Usage

CHARACTERS_PER_TOKEN = 3
"""Characters per token for estimates. English text has about 4; with a smaller number, estimates are too high rather
than too low."""
MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Prices of a million tokens, in any currency; None if a request is free or its price is unknown."""

    prompt: float | None = None
    completion: float | None = None

    @property
    def known(self) -> bool:
        return self.prompt is not None or self.completion is not None

    def money(self, usage: Usage) -> float:
        prompt, completion = self.prompt or 0.0, self.completion or 0.0
        return (prompt * usage.prompt_tokens + completion * usage.completion_tokens) / MILLION


def estimate(prompt: Prompt, tokens_per_image: int, reply_tokens: int | None = None) -> Usage:
    """Estimate the maximum usage of a prompt: its texts, its images and a reply of full length.

    Args:
        reply_tokens: length of the longest reply, if it differs from the prompt's `max_tokens`.
    """
    texts = [part for part in prompt.parts if isinstance(part, str)]
    characters, images = sum(map(len, texts)), len(prompt.parts) - len(texts)
    tokens = ceil(characters / CHARACTERS_PER_TOKEN) + images * tokens_per_image
    return Usage(1, tokens, prompt.max_tokens if reply_tokens is None else reply_tokens)


class Budget:
    """Budget of a run in requests, tokens and money; None means unlimited.

    Args:
        ledger: shared record of the spending of the run's jobs; None for a single job. Concurrent jobs may exceed a
            limit by what they spend between two reads of the ledger.
    """

    def __init__(
        self,
        max_requests: int | None = None,
        max_tokens: int | None = None,
        max_money: float | None = None,
        prices: Prices = Prices(),
        ledger: Ledger | None = None,
    ) -> None:
        self.prices, self.spent = prices, Usage()
        self._limits = {"requests": max_requests, "tokens": max_tokens, "money": max_money}
        self._reserved: list[Usage] = []
        self._excess = 1.0
        self._ledger, self._lock = ledger, threading.Lock()

    def reserve(self, maximum: Usage) -> Usage:
        """Reserve the maximum usage of a request and return it; pass it to `settle` afterwards.

        If earlier requests used more tokens than reserved, later reservations grow by the same factor.

        Raises:
            UserError: the reservation would exceed a limit.
        """
        with self._lock:
            tokens = (ceil(count * self._excess) for count in (maximum.prompt_tokens, maximum.completion_tokens))
            maximum = Usage(maximum.requests, *tokens)
            others_usage = self._ledger.others_usage() if self._ledger else Usage()
            total = sum(self._reserved, self.spent + others_usage) + maximum
            amounts = {"requests": total.requests, "tokens": total.tokens, "money": self.prices.money(total)}
            for name, limit in self._limits.items():
                if limit is not None and amounts[name] > limit:
                    raise UserError(self._over_limit_message(name, limit, self.spent + others_usage))
            self._reserved.append(maximum)
            return maximum

    def settle(self, maximum: Usage, used: Usage) -> None:
        """Replace the reservation of a request by its actual usage."""
        with self._lock:
            self._reserved.remove(maximum)
            if maximum.tokens:
                self._excess *= max(1.0, used.tokens / maximum.tokens)
            self.spent += used
            if self._ledger:
                self._ledger.write(self.spent)

    def close(self) -> None:
        if self._ledger:
            self._ledger.close()

    def describe(self, usage: Usage) -> str:
        """Describe a usage: `12 requests, 34,567 tokens, 0.89 in money`."""
        money = self.prices.money(usage)
        cost = f"{money:,.0f}" if money >= 1000 else f"{money:.4g}"
        return f"{usage.requests:,} requests, {usage.tokens:,} tokens" + (f", {cost} in money" * self.prices.known)

    def _over_limit_message(self, name: str, limit: float, spent: Usage) -> str:
        text = f"the budget of {limit:,g} in {name} does not suffice for another request; spent: {self.describe(spent)}"
        return f"{text}. The replies so far are cached: raise max_{name} and run again to request the rest"
