"""What may be spent: estimated before the start, reserved before each request, settled by what it took.

A reservation is the most that a request can take, so that a budget ends a run before it is passed, not after.
"""

import threading
from dataclasses import dataclass
from math import ceil

from omniedit.errors import UserError
from omniedit.vlm.endpoint import Prompt, Usage
from omniedit.vlm.ledger import Ledger

CHARACTERS_PER_TOKEN = 3
"""Of English text about 4; fewer, so that an estimate is rather too high."""
MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Money for a million tokens, in any currency; None where a request costs none, or it is not known."""

    prompt: float | None = None
    completion: float | None = None

    @property
    def known(self) -> bool:
        return self.prompt is not None or self.completion is not None

    def money(self, usage: Usage) -> float:
        prompt, completion = self.prompt or 0.0, self.completion or 0.0
        return (prompt * usage.prompt_tokens + completion * usage.completion_tokens) / MILLION


def estimate(prompt: Prompt, tokens_per_picture: int, reply_tokens: int | None = None) -> Usage:
    """Estimate the most that a prompt takes: its texts, its pictures, a reply of full length.

    Args:
        reply_tokens: of the longest reply, where it is not the prompt's own `max_tokens`.
    """
    texts = [part for part in prompt.parts if isinstance(part, str)]
    characters, pictures = sum(map(len, texts)), len(prompt.parts) - len(texts)
    tokens = ceil(characters / CHARACTERS_PER_TOKEN) + pictures * tokens_per_picture
    return Usage(1, tokens, prompt.max_tokens if reply_tokens is None else reply_tokens)


class Budget:
    """Requests, tokens and money of a run; None for no limit.

    Args:
        ledger: where the run's jobs tell each other what they spent; None where there is one job alone. Several at
            once may pass a limit by what they spend between two looks at it.
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

    def reserve(self, most: Usage) -> Usage:
        """Reserve the most that a request takes, and return it; `settle` wants it back.

        Where requests took more tokens than was reserved for them, the later ones reserve more in the same measure.

        Raises:
            UserError: it would pass a limit.
        """
        with self._lock:
            tokens = (ceil(count * self._excess) for count in (most.prompt_tokens, most.completion_tokens))
            most = Usage(most.requests, *tokens)
            of_others = self._ledger.of_others() if self._ledger else Usage()
            before = sum(self._reserved, self.spent + of_others)
            for name, limit in self._limits.items():
                if limit is not None and self._amounts(before + most)[name] > limit:
                    raise UserError(self._over_limit_message(name, limit, self.spent + of_others))
            self._reserved.append(most)
            return most

    def settle(self, most: Usage, used: Usage) -> None:
        """Replace what was reserved for a request by what it took."""
        with self._lock:
            self._reserved.remove(most)
            if most.tokens:
                self._excess *= max(1.0, used.tokens / most.tokens)
            self.spent += used
            if self._ledger:
                self._ledger.write(self.spent)

    def close(self) -> None:
        if self._ledger:
            self._ledger.close()

    def describe(self, usage: Usage) -> str:
        """`12 requests, 34,567 tokens, 0.89 in money`."""
        money = self.prices.money(usage)
        told = f"{money:,.0f}" if money >= 1000 else f"{money:.4g}"
        return f"{usage.requests:,} requests, {usage.tokens:,} tokens" + (f", {told} in money" * self.prices.known)

    def _amounts(self, usage: Usage) -> dict[str, float]:
        return {"requests": usage.requests, "tokens": usage.tokens, "money": self.prices.money(usage)}

    def _over_limit_message(self, name: str, limit: float, spent: Usage) -> str:
        told = f"the budget of {limit:,g} in {name} does not hold for another request; spent: {self.describe(spent)}"
        return f"{told}. What was answered is in the cache: raise max_{name} and run again, and only the rest is asked"
