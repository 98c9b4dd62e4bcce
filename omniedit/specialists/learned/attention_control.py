"""Attention control of prompt-to-prompt (Hertz et al. 2022, algorithm 1), as diffusers attention processors.

The sources and targets of P pairs are denoised in one batch. Its last 2P rows are conditional: first the sources, then
the targets. The rows before them (the unconditional half of guidance) are not changed. In SDXL's cross-attention a
target gets its source's maps, as in the paper. In SD3's joint attention, image tokens attend to image and text tokens
under one softmax. There the text part of an image token's row comes from the source, and the image part is rescaled so
that the row remains a distribution.

Shapes: B rows of the batch, H heads, N image tokens, M text tokens, D width of a head.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor
from torch.nn import functional

from omniedit.specialists.learned.token_alignment import TokenMap

EPSILON = 1e-6
"""Minimum share of an image token's attention that remains for image tokens."""
SDXL_SELF = ("down_blocks.2", "mid_block", "up_blocks.0")
"""SDXL layers with few tokens: 32 x 32 for an image of 1024 x 1024. They determine the layout; finer layers determine
texture. The authors' code for Stable Diffusion also uses maps of at most 16 x 16 or 32 x 32 tokens."""
MAP_BYTES = 256 * 2**20
"""Memory limit for the maps that are computed at once. The heads of a layer are divided into groups that fit. At 1024 x
1024 the maps of one row of SD3-Medium take 1.74 GB, those of one of its 24 heads 73 MB."""


@dataclass(frozen=True)
class ControlRange:
    """Steps and layers in which targets get their sources' maps.

    Args:
        text_steps: share of the steps, from the first, in which targets take the source's attention to text.
        image_steps: the same for attention to image tokens, which holds the layout.
        text_layers, image_layers: prefixes of the layers' names; () means all layers.
    """

    text_steps: float = 0.8
    image_steps: float = 0.4
    text_layers: tuple[str, ...] = ()
    image_layers: tuple[str, ...] = ()


class AttentionControl:
    """State shared by the processors of all layers: the pairs' token maps and the current step.

    Args:
        maps: one for each pair.
        steps: number of denoising steps.
    """

    def __init__(self, maps: Sequence[TokenMap], reach: ControlRange, steps: int, device: Any = "cpu") -> None:
        self.pairs, self.reach, self.steps, self.step = len(maps), reach, steps, 0
        self.shares = torch.stack([each.shares for each in maps]).to(device)
        self.copied = torch.stack([each.copied for each in maps])[:, None, None].to(device)
        self.weights = torch.stack([each.weights for each in maps])[:, None, None].to(device)

    def controls_text(self, layer: str) -> bool:
        return self.step < round(self.reach.text_steps * self.steps) and _is_in(layer, self.reach.text_layers)

    def controls_image(self, layer: str) -> bool:
        return self.step < round(self.reach.image_steps * self.steps) and _is_in(layer, self.reach.image_layers)

    def text_maps(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the targets' unweighted attention to text tokens, (P, H, N, M), from the sources' and their own."""
        copied = torch.einsum("phns,pst->phnt", source, self.shares.to(source.dtype))
        return copied * self.copied + target * (1 - self.copied)


def joint_maps(
    control: AttentionControl, source: Tensor, target: Tensor, image_tokens: int, text: bool, image: bool
) -> Tensor:
    """Return the rows of the targets' image tokens over image and text tokens, (P, H, N, N + M).

    Args:
        source, target: softmax rows of the pairs' image tokens; each sums to 1.
        text, image: whether the text part, or the image part, follows the source.
    """
    source_text, target_text = source[..., image_tokens:], target[..., image_tokens:]
    text_part = _at_most_all(control.text_maps(source_text, target_text)) if text else target_text
    base = source if image else target
    remaining, original = (_left_for_image(part) for part in (text_part, base[..., image_tokens:]))
    image_part = base[..., :image_tokens] * (remaining / original)
    return torch.cat([image_part, text_part * control.weights if text else text_part], dim=-1)


def _at_most_all(text_part: Tensor) -> Tensor:
    """Scale the text part of a row so that it sums to at most 1; the source's attention plus the target's own may
    exceed this.
    """
    return text_part * ((1 - EPSILON) / text_part.sum(-1, keepdim=True)).clamp(max=1)


def _left_for_image(text_part: Tensor) -> Tensor:
    return (1 - text_part.sum(-1, keepdim=True)).clamp(min=EPSILON)


@contextmanager
def control_attention(
    network: SD3Transformer2DModel | UNet2DConditionModel, control: AttentionControl
) -> Iterator[None]:
    """Control the network's attention inside the context, and restore it afterwards."""
    kind = JointControl if isinstance(network, SD3Transformer2DModel) else CrossControl
    before = dict(network.attn_processors)
    processors: dict[str, Any] = {name: kind(name, control, plain) for name, plain in before.items()}
    network.set_attn_processor(processors)
    try:
        yield
    finally:
        network.set_attn_processor(before)


class LayerControl:
    """Base of processors that control the attention of one layer.

    Args:
        plain: the layer's own processor, for layers and steps that are not controlled.
    """

    def __init__(self, layer: str, control: AttentionControl, plain: Any) -> None:
        self.layer, self.control, self.plain = layer, control, plain


class CrossControl(LayerControl):
    """Processor for SDXL's UNet: cross-attention of image to text tokens, self-attention of image tokens."""

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **options: Any
    ) -> Tensor:
        crosses = encoder_hidden_states is not None
        acts = self.control.controls_text if crosses else self.control.controls_image
        if not acts(self.layer):
            return self.plain(attn, hidden_states, encoder_hidden_states, **options)
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            _by_head(attn, projection(tokens))
            for projection, tokens in ((attn.to_q, hidden_states), (attn.to_k, context), (attn.to_v, context))
        )
        edited = self._cross_maps if crosses else _source_maps
        return _project(attn, _attend(query, key, value, self.control.pairs, edited))

    def _cross_maps(self, source: Tensor, target: Tensor) -> Tensor:
        return self.control.text_maps(source, target) * self.control.weights


class JointControl(LayerControl):
    """Processor for SD3's transformer: joint attention of image and text tokens.

    It also controls SD3.5's second attention, which sees only image tokens.
    """

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **options: Any
    ) -> Tensor | tuple[Tensor, Tensor]:
        text = encoder_hidden_states is not None and self.control.controls_text(self.layer)
        image = self.control.controls_image(self.layer)
        if not (text or image):
            return self.plain(attn, hidden_states, encoder_hidden_states, **options)
        query, key, value = _joint_heads(attn, hidden_states, "to_{}", "norm_{}")
        tokens, pairs = hidden_states.shape[1], self.control.pairs
        if encoder_hidden_states is None:
            return _project(attn, _attend(query, key, value, pairs, _source_maps))
        of_text = _joint_heads(attn, encoder_hidden_states, "add_{}_proj", "norm_added_{}")
        text_query = of_text[0]
        key, value = (torch.cat(both, dim=2) for both in zip((key, value), of_text[1:], strict=True))

        def edited(source: Tensor, target: Tensor) -> Tensor:
            return joint_maps(self.control, source, target, tokens, text, image)

        image_out = _project(attn, _attend(query, key, value, pairs, edited))
        text_out = _merge_heads(functional.scaled_dot_product_attention(text_query, key, value))
        return image_out, text_out if attn.context_pre_only else attn.to_add_out(text_out)


def _is_in(layer: str, beginnings: tuple[str, ...]) -> bool:
    return not beginnings or any(layer.startswith(f"{beginning}.") for beginning in beginnings)


def _by_head(attn: Attention, tokens: Tensor) -> Tensor:
    """Reshape (B, N, H * D) to (B, H, N, D)."""
    return tokens.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


def _merge_heads(by_head: Tensor) -> Tensor:
    """Reshape (B, H, N, D) to (B, N, H * D)."""
    return by_head.transpose(1, 2).flatten(2)


def _joint_heads(attn: Attention, tokens: Tensor, projection: str, norm: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values (B, H, N, D); queries and keys are normalised if the block has norms for them."""
    query, key, value = (_by_head(attn, getattr(attn, projection.format(name))(tokens)) for name in "qkv")
    norm_query, norm_key = (getattr(attn, norm.format(name)) for name in "qk")
    query = query if norm_query is None else norm_query(query)
    return query, key if norm_key is None else norm_key(key), value


def _maps(query: Tensor, key: Tensor) -> Tensor:
    """Return attention probabilities in float32, (B, H, N, N or M); each row sums to 1."""
    scores = query.float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5
    return scores.softmax(-1)


MapEdit = Callable[[Tensor, Tensor], Tensor]
"""Function that returns the targets' maps from their sources' and their own, for some heads: (P, h, N, N or M)."""


def _source_maps(source: Tensor, target: Tensor) -> Tensor:
    return source


def _attend(query: Tensor, key: Tensor, value: Tensor, pairs: int, edit: MapEdit) -> Tensor:
    """Return the attention output, (B, N, H * D): with edited maps for the pairs, plain for the rows before them."""
    count = 2 * pairs
    some = heads_at_once(count, query.shape[2], key.shape[2])
    by_heads = zip(*(each[-count:].split(some, dim=1) for each in (query, key, value)), strict=True)
    attended = torch.cat([_attend_pairs(*heads, edit=edit) for heads in by_heads], dim=1)
    if len(query) > count:
        free = functional.scaled_dot_product_attention(query[:-count], key[:-count], value[:-count])
        attended = torch.cat([free, attended])
    return _merge_heads(attended)


def heads_at_once(rows: int, queries: int, keys: int) -> int:
    """Return the number of heads, at least one, whose maps take at most `MAP_BYTES` in float32."""
    return max(1, MAP_BYTES // (4 * rows * queries * keys))


def _attend_pairs(query: Tensor, key: Tensor, value: Tensor, *, edit: MapEdit) -> Tensor:
    """Return the attention output of the pairs for a group of heads, (2P, h, N, D)."""
    source, target = _maps(query, key).chunk(2)
    of_source, of_target = value.float().chunk(2)
    return torch.cat([source @ of_source, edit(source, target) @ of_target]).to(value.dtype)


def _project(attn: Attention, context: Tensor) -> Tensor:
    return attn.to_out[1](attn.to_out[0](context))
