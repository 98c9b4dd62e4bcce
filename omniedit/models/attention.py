"""Joint attention of SD3's blocks with kernels other than torch's own; diffusers' dispatcher does not cover it.

Shapes: B batch, N tokens, H heads, D width of a head.
"""

import importlib
from collections.abc import Callable

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from omniedit.errors import UserError

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Function from queries, keys and values, each (B, N, H, D), to (B, N, H, D)."""

KERNELS = {
    "xformers": ("xformers.ops", "memory_efficient_attention", "xformers"),
    "flash": ("flash_attn", "flash_attn_func", "flash-attn"),
}
"""Name in the config -> module, function, package to install."""


def set_attention(net: nn.Module, name: str) -> None:
    """Set the kernel of all attention layers of a network; "sdpa" keeps diffusers' default.

    Raises:
        UserError: the kernel's package is not installed.
    """
    if name == "sdpa":
        return
    processor = JointAttention(get_kernel(name))
    for module in net.modules():
        if isinstance(module, Attention):
            module.set_processor(processor)  # type: ignore[arg-type]


def get_kernel(name: str) -> Kernel:
    module, function, package = KERNELS[name]
    try:
        return getattr(importlib.import_module(module), function)
    except ImportError as error:
        remedy = f"pip install {package}, or set train.attention: sdpa"
        raise UserError(f"train.attention: {name} is not installed ({error}); {remedy}") from None


class JointAttention:
    """Variant of diffusers' `JointAttnProcessor2_0` with another kernel, over image and text tokens or image alone."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        image_tokens = hidden_states.shape[1]
        query, key, value = _heads(attn, hidden_states, "to_{}", "norm_{}")
        if encoder_hidden_states is not None:
            text = _heads(attn, encoder_hidden_states, "add_{}_proj", "norm_added_{}")
            query, key, value = (torch.cat(both, dim=1) for both in zip((query, key, value), text, strict=True))
        joined = self.kernel(query, key, value).flatten(2)
        image = attn.to_out[1](attn.to_out[0](joined[:, :image_tokens]))
        if encoder_hidden_states is None:
            return image
        text_out = joined[:, image_tokens:]
        return image, text_out if attn.context_pre_only else attn.to_add_out(text_out)


def _heads(attn: Attention, tokens: Tensor, projection: str, norm: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values, (B, N, H, D); queries and keys are normalised if the block does so."""
    query, key, value = (
        getattr(attn, projection.format(name))(tokens).unflatten(-1, (attn.heads, -1)) for name in "qkv"
    )
    norm_query, norm_key = (getattr(attn, norm.format(name)) or nn.Identity() for name in "qk")
    return norm_query(query), norm_key(key), value
