"""Prompt-to-prompt's control of attention (Hertz et al. 2022, algorithm 1), as processors of diffusers' attention.

Source and target of P pairs are denoised in one batch, whose last 2P rows are the conditional ones, first the sources,
then the targets; what comes before (guidance's unconditional half) is left alone. In SDXL's cross-attention a target
gets its source's maps as in the paper. In SD3's joint attention image tokens attend to image and text tokens under one
softmax: there the part of an image token's row that falls on text is the source's, and the part on image tokens shrinks
or grows so that the row stays a distribution.

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

from omniedit.specialists.learned.alignment import TokenMap

SMALLEST = 1e-6
"""Least share of its row that an image token's attention leaves for image tokens."""
SDXL_SELF = ("down_blocks.2", "mid_block", "up_blocks.0")
"""SDXL's layers of few tokens, 32 x 32 of a picture of 1024 x 1024: they hold the layout, the finer ones texture. The
authors' code for Stable Diffusion likewise takes maps of at most 16 x 16 or 32 x 32 tokens."""
MAP_BYTES = 256 * 2**20
"""Of the maps that are made at once; the heads of a layer go one after another where all of them would take more. At
1024 x 1024 those of one row of SD3-Medium take 1.74 GB, of one of its 24 heads 73 MB."""


@dataclass(frozen=True)
class Reach:
    """Where and when targets get their sources' maps.

    Args:
        text_steps: share of the steps, the first ones, in which attention to text is the source's.
        image_steps: the same of attention to image tokens: the layout.
        text_layers, image_layers: in which layers, by the beginning of their names; () is all.
    """

    text_steps: float = 0.8
    image_steps: float = 0.4
    text_layers: tuple[str, ...] = ()
    image_layers: tuple[str, ...] = ()


class AttentionControl:
    """What the processors of all layers share: the pairs' token maps, and how far the denoising is.

    Args:
        maps: of each pair.
        steps: of the denoising.
    """

    def __init__(self, maps: Sequence[TokenMap], reach: Reach, steps: int, device: Any = "cpu") -> None:
        self.pairs, self.reach, self.steps, self.step = len(maps), reach, steps, 0
        self.shares = torch.stack([each.shares for each in maps]).to(device)
        self.taken = torch.stack([each.taken for each in maps])[:, None, None].to(device)
        self.weights = torch.stack([each.weights for each in maps])[:, None, None].to(device)

    def controls_text(self, layer: str) -> bool:
        return self.step < round(self.reach.text_steps * self.steps) and _is_in(layer, self.reach.text_layers)

    def controls_image(self, layer: str) -> bool:
        return self.step < round(self.reach.image_steps * self.steps) and _is_in(layer, self.reach.image_layers)

    def text_maps(self, source: Tensor, target: Tensor) -> Tensor:
        """The targets' attention to text tokens, (P, H, N, M), from the sources' and their own, before weights."""
        taken = torch.einsum("phns,pst->phnt", source, self.shares.to(source.dtype))
        return taken * self.taken + target * (1 - self.taken)


def joint_maps(
    control: AttentionControl, source: Tensor, target: Tensor, image_tokens: int, text: bool, image: bool
) -> Tensor:
    """Rows of the targets' image tokens over image and text tokens, (P, H, N, N + M).

    Args:
        source, target: rows of the pairs' image tokens as the softmax gave them, each with the sum 1.
        text, image: whether the part on text, that on image tokens, follows the source.
    """
    source_text, target_text = source[..., image_tokens:], target[..., image_tokens:]
    text_part = _at_most_all(control.text_maps(source_text, target_text)) if text else target_text
    base = source if image else target
    left, had = (_left_for_image(part) for part in (text_part, base[..., image_tokens:]))
    image_part = base[..., :image_tokens] * (left / had)
    return torch.cat([image_part, text_part * control.weights if text else text_part], dim=-1)


def _at_most_all(text_part: Tensor) -> Tensor:
    """What tokens take over and what new ones keep may come to more than a whole row: then they share it."""
    return text_part * ((1 - SMALLEST) / text_part.sum(-1, keepdim=True)).clamp(max=1)


def _left_for_image(text_part: Tensor) -> Tensor:
    return (1 - text_part.sum(-1, keepdim=True)).clamp(min=SMALLEST)


@contextmanager
def control_attention(
    network: SD3Transformer2DModel | UNet2DConditionModel, control: AttentionControl
) -> Iterator[None]:
    """Within it the network's attention is controlled; afterwards it is as it was."""
    kind = JointControl if isinstance(network, SD3Transformer2DModel) else CrossControl
    before = dict(network.attn_processors)
    processors: dict[str, Any] = {name: kind(name, control, plain) for name, plain in before.items()}
    network.set_attn_processor(processors)
    try:
        yield
    finally:
        network.set_attn_processor(before)


class CrossControl:
    """For SDXL's UNet: cross-attention of image to text tokens, self-attention of image tokens.

    Args:
        plain: the layer's own processor, for layers and steps that are not controlled.
    """

    def __init__(self, layer: str, control: AttentionControl, plain: Any) -> None:
        self.layer, self.control, self.plain = layer, control, plain

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **options: Any
    ) -> Tensor:
        crosses = encoder_hidden_states is not None
        acts = self.control.controls_text if crosses else self.control.controls_image
        if not acts(self.layer):
            return self.plain(attn, hidden_states, encoder_hidden_states, **options)
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            _by_head(attn, projection(tokens))
            for projection, tokens in ((attn.to_q, hidden_states), (attn.to_k, seen), (attn.to_v, seen))
        )
        edited = self._cross_maps if crosses else _source_maps
        return _project(attn, _attend(query, key, value, self.control.pairs, edited))

    def _cross_maps(self, source: Tensor, target: Tensor) -> Tensor:
        return self.control.text_maps(source, target) * self.control.weights


class JointControl:
    """For SD3's transformer: joint attention of image and text tokens, and SD3.5's second one of image tokens alone.

    Args:
        plain: the layer's own processor, for layers and steps that are not controlled.
    """

    def __init__(self, layer: str, control: AttentionControl, plain: Any) -> None:
        self.layer, self.control, self.plain = layer, control, plain

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
    """(B, N, H * D) -> (B, H, N, D)."""
    return tokens.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


def _merge_heads(by_head: Tensor) -> Tensor:
    """(B, H, N, D) -> (B, N, H * D)."""
    return by_head.transpose(1, 2).flatten(2)


def _joint_heads(attn: Attention, tokens: Tensor, projection: str, norm: str) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values (B, H, N, D), queries and keys normalised where the block does so."""
    query, key, value = (_by_head(attn, getattr(attn, projection.format(name))(tokens)) for name in "qkv")
    norm_query, norm_key = (getattr(attn, norm.format(name)) for name in "qk")
    query = query if norm_query is None else norm_query(query)
    return query, key if norm_key is None else norm_key(key), value


def _maps(query: Tensor, key: Tensor) -> Tensor:
    """Attention probabilities in float32, (B, H, N, N or M); each row sums to 1."""
    scores = query.float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5
    return scores.softmax(-1)


MapEdit = Callable[[Tensor, Tensor], Tensor]
"""Targets' maps from their sources' and their own, some heads' at a time: (P, h, N, N or M)."""


def _source_maps(source: Tensor, target: Tensor) -> Tensor:
    return source


def _attend(query: Tensor, key: Tensor, value: Tensor, pairs: int, edit: MapEdit) -> Tensor:
    """What queries see, (B, N, H * D): pairs' rows by maps, the targets' edited, those before by plain attention."""
    held = 2 * pairs
    some = heads_at_once(held, query.shape[2], key.shape[2])
    by_heads = zip(*(each[-held:].split(some, dim=1) for each in (query, key, value)), strict=True)
    seen = torch.cat([_attend_pairs(*heads, edit=edit) for heads in by_heads], dim=1)
    if len(query) > held:
        free = functional.scaled_dot_product_attention(query[:-held], key[:-held], value[:-held])
        seen = torch.cat([free, seen])
    return _merge_heads(seen)


def heads_at_once(rows: int, queries: int, keys: int) -> int:
    """Whose maps, of so many rows, queries and keys each, take no more than `MAP_BYTES` in float32; at least one."""
    return max(1, MAP_BYTES // (4 * rows * queries * keys))


def _attend_pairs(query: Tensor, key: Tensor, value: Tensor, *, edit: MapEdit) -> Tensor:
    """Of some heads of pairs, (2P, h, N, D)."""
    source, target = _maps(query, key).chunk(2)
    of_source, of_target = value.float().chunk(2)
    return torch.cat([source @ of_source, edit(source, target) @ of_target]).to(value.dtype)


def _project(attn: Attention, seen: Tensor) -> Tensor:
    return attn.to_out[1](attn.to_out[0](seen))
