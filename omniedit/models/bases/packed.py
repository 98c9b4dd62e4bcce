"""Bases that pack latents: a linear layer embeds patches of 2 x 2 latents, and positions are rotary.

Shapes: B batch, C latent channels, H W latent height and width, N image tokens, D width.
"""

from typing import Any

import torch
from torch import Tensor, nn

from omniedit.models.bases.adapter import Adapter, BaseState, TokenGrid

PATCH = 2
MAX_SIDE = 4096
"""Maximum number of tokens along a side. Rotary positions have no limit; this one only bounds the size of an image."""


class PackedAdapter(Adapter):
    """Base class of adapters of transformers that take packed latents, (B, N, 4 * C)."""

    @property
    def patch(self) -> int:
        return PATCH

    @property
    def longest_side(self) -> int:
        return MAX_SIDE

    def new_patch_layer(self, channels: int) -> nn.Module:
        return nn.Linear(channels * PATCH**2, self.width)

    @staticmethod
    def embed_clean(embedder: Any, latents: Tensor) -> Tensor:
        return embedder(pack(latents))

    def decode(self, state: BaseState) -> Tensor:
        return unpack(self.net.proj_out(self.net.norm_out(state.image, state.modulation)), state.grid)


def pack(latents: Tensor) -> Tensor:
    """Rearrange latents (B, C, H, W) to tokens (B, N, C * 4), row by row, as FLUX and Qwen-Image do."""
    cells = latents.unflatten(-2, (-1, PATCH)).unflatten(-1, (-1, PATCH))
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpack(tokens: Tensor, grid: TokenGrid) -> Tensor:
    """Rearrange tokens (B, N, C * 4) to latents (B, C, H, W)."""
    cells = tokens.unflatten(1, (grid.rows, grid.columns)).unflatten(-1, (-1, PATCH, PATCH))
    return cells.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def append_channels(latents: Tensor, extra_channels: Tensor | None) -> Tensor:
    """Append `extra_channels` to latents so that they come last in packed tokens too; return (B, C', H, W)."""
    return latents if extra_channels is None else torch.cat([latents, extra_channels], dim=1)
