"""Parts of a network that depend only on the instruction and the source image, computed once for all sampling steps.

The embeddings of text tokens, pooled text, source image and demonstrations can be reused exactly. The control blocks
cannot, because they are modulated by the noise level and attend over the noisy image; nor can the blocks of the base.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

CONSTANT_MODULES = (
    "condition_embed",
    "demonstrations",
    "base.context_embedder",
    "base.time_text_embed.text_embedder",
    "base.txt_norm",
    "base.txt_in",
)
"""Names of such modules in editors over the bases of diffusers; an editor has some of them."""


@contextmanager
def reuse_constant_outputs(network: nn.Module) -> Iterator[None]:
    """Within the block, let each constant module return its last output when it is called with the same tensors again.

    A module that is called with other tensors computes its output as usual, so all results are the same, bit for bit.
    Use this only where no gradients are needed.
    """
    modules = dict(network.named_modules())
    chosen = [modules[name] for name in CONSTANT_MODULES if name in modules]
    before = [vars(module).get("forward") for module in chosen]
    for module in chosen:
        module.forward = cache_last_result(module.forward)
    try:
        yield
    finally:
        for module, own in zip(chosen, before, strict=True):
            if own is None:
                del module.forward  # restores the class's method
            else:
                module.forward = own


def cache_last_result(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that reuses its last result if its arguments are the same objects, unchanged in place."""
    last: list[Any] = []

    def remembering(*given: Any, **named: Any) -> Any:
        arguments = (*given, *named.values())
        versions = [value._version if isinstance(value, Tensor) else 0 for value in arguments]
        if last and last[1:3] == [versions, list(named)] and _same(last[0], arguments):
            return last[3]
        last[:] = [arguments, versions, list(named), function(*given, **named)]
        return last[3]

    return remembering


def _same(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))
