"""Joint attention of SD3's blocks with other kernels, which diffusers' dispatcher does not cover, or with masks.

Shapes: B batch, N tokens, H heads, D width of a head.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from diffusers.models.attention_dispatch import AttentionBackendName
from diffusers.models.attention_processor import Attention, JointAttnProcessor2_0
from diffusers.models.transformers.transformer_qwenimage import QwenDoubleStreamAttnProcessor2_0, apply_rotary_emb_qwen
from diffusers.models.transformers.transformer_z_image import ZSingleStreamAttnProcessor
from torch import Tensor, nn
from torch.nn import functional

from omniedit.errors import UserError
from omniedit.models.kernels import KERNELS

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Function from queries, keys and values, each (B, N, H, D), to (B, N, H, D)."""

MASKING = (QwenDoubleStreamAttnProcessor2_0, ZSingleStreamAttnProcessor)
"""Attention of bases that mask text tokens."""


def set_attention(net: nn.Module, name: str) -> None:
    """Set the kernel of all attention layers of a network; "sdpa" keeps diffusers' default.

    SD3's layers get a separate processor. Those of other transformers choose a kernel through diffusers.

    Raises:
        UserError: the kernel's package is not installed, or the kernel takes no masks and a layer needs them.
    """
    if name == "sdpa":
        return
    processor = JointAttention(get_kernel(name))
    for module in net.modules():
        own: Any = getattr(module, "processor", None)
        if isinstance(own, MaskedJointAttention) or (name == "flash" and isinstance(own, MASKING)):
            raise UserError(
                f"train.attention: {name} takes no masks, which this editor needs; set train.attention: sdpa"
            )
        if hasattr(own, "_attention_backend"):
            own._attention_backend = AttentionBackendName(name)
        elif isinstance(own, JointAttnProcessor2_0):
            cast(Attention, module).set_processor(processor)  # type: ignore[arg-type]


def get_kernel(name: str) -> Kernel:
    module, function, package = KERNELS[name]
    try:
        return getattr(importlib.import_module(module), function)
    except ImportError as error:
        remedy = f"pip install {package}, or set train.attention: sdpa"
        raise UserError(f"train.attention: {name} is not installed ({error}); {remedy}") from None


class JointAttention:
    """Variant of diffusers' `JointAttnProcessor2_0` with another kernel, over image and text tokens, or only image
    tokens.
    """

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


class MaskedJointAttention:
    """Joint attention of SD3's and Qwen-Image's blocks that can leave out image tokens.

    Without a mask, it computes the same as diffusers' own processors.

    Args:
        text_first: text tokens come before image tokens, as in Qwen-Image. The order changes only the rounding of sums.
    """

    def __init__(self, text_first: bool) -> None:
        self.text_first = text_first

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        encoder_hidden_states_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return image tokens and, if there are any, text tokens after attention.

        Args:
            attention_mask: which image tokens are attended to, (B, N) bool.
            encoder_hidden_states_mask: which text tokens are attended to, (B, M) bool.
            image_rotary_emb: rotations of image and text tokens, complex.
        """
        parts = [_heads(attn, hidden_states, "to_{}", "norm_{}")]
        if encoder_hidden_states is not None:
            parts.append(_heads(attn, encoder_hidden_states, "add_{}_proj", "norm_added_{}"))
        if image_rotary_emb is not None:
            pairs = zip(parts, image_rotary_emb, strict=True)
            parts = [(_rotate(query, turns), _rotate(key, turns), value) for (query, key, value), turns in pairs]
        mask = _join_masks(attention_mask, encoder_hidden_states_mask, parts, self.text_first)
        order = reversed(parts) if self.text_first else parts
        query, key, value = (torch.cat(each, dim=1).transpose(1, 2) for each in zip(*order, strict=True))
        joined = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).flatten(2)
        sizes = [part[0].shape[1] for part in parts]
        split: Any = joined.split(sizes[::-1], dim=1)[::-1] if self.text_first else joined.split(sizes, dim=1)
        image = attn.to_out[1](attn.to_out[0](split[0]))
        if encoder_hidden_states is None:
            return image
        return image, split[1] if attn.context_pre_only else attn.to_add_out(split[1])


def set_masked_attention(net: nn.Module, text_first: bool) -> None:
    for module in net.modules():
        if isinstance(module, Attention):
            module.set_processor(MaskedJointAttention(text_first))  # type: ignore[arg-type]


def _rotate(x: Tensor, turns: Tensor) -> Tensor:
    return apply_rotary_emb_qwen(x, turns, use_real=False)  # type: ignore[return-value]


def _join_masks(
    image: Tensor | None, text: Tensor | None, parts: Sequence[tuple[Tensor, ...]], text_first: bool
) -> Tensor | None:
    """Return the mask of all keys, (B, 1, 1, N + M) bool, or None if there is no mask."""
    present = [mask for mask in (image, text) if mask is not None]
    if not present:
        return None
    all_present = [present[0].new_ones(part[0].shape[:2]) for part in parts]
    masks = [every if mask is None else mask for mask, every in zip((image, text), all_present, strict=False)]
    return torch.cat(masks[::-1] if text_first else masks, dim=1)[:, None, None]


def _heads(attn: Attention, tokens: Tensor, projection: str, norm: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values, (B, N, H, D); queries and keys are normalised if the block has norms for
    them.
    """
    query, key, value = (
        getattr(attn, projection.format(name))(tokens).unflatten(-1, (attn.heads, -1)) for name in "qkv"
    )
    norm_query, norm_key = (getattr(attn, norm.format(name)) or nn.Identity() for name in "qk")
    return norm_query(query), norm_key(key), value
