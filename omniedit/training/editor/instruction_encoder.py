"""Cache of the embeddings of instructions."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from omniedit.models.text import Text


@dataclass
class InstructionEncoder:
    """Embeddings of instructions, with a cache of up to `capacity` bytes for the most recent ones.

    MiniLM's take 50 kB each, SD3's 2.7 MB in bfloat16.
    """

    text: Text
    capacity: int = 2**29

    def __post_init__(self) -> None:
        self._known: OrderedDict[str, tuple[Tensor, Tensor]] = OrderedDict()

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return embeddings (B, tokens, width) and (B, width), as `Text.encode` does."""
        new = sorted({text for text in texts if text not in self._known})
        if new:
            rows = zip(*self.text.encode(new), strict=True)
            self._known.update(
                {text: (tokens.clone(), pooled.clone()) for text, (tokens, pooled) in zip(new, rows, strict=True)}
            )
        for text in texts:
            self._known.move_to_end(text)
        embeds, pooled = zip(*(self._known[text] for text in texts), strict=True)
        size = embeds[0].nbytes + pooled[0].nbytes
        while len(self._known) * size > self.capacity:
            self._known.popitem(last=False)
        return torch.stack(embeds), torch.stack(pooled)
