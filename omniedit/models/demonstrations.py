"""Demonstrations of a subject, each an image with its caption, as tokens that an editor reads (Chen et al. 2023, SuTI).

Each demonstration is encoded separately and once per edit: the tokens of its image read those of its caption. Missing
demonstrations are masked. A learned vector for each position distinguishes the demonstrations; nothing else depends on
their order.

Shapes: B batch, R demonstrations, C latent channels, H W latent height and width, N image tokens of one demonstration,
M text tokens of one caption, D width of the tokens, T width of the text embeddings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from omniedit.models.routing import QueryBlock, Route, embed_patches

MAX_DEMONSTRATIONS = 16
"""Number of demonstrations for which an editor has learned vectors, as many as a store holds for a pair."""
LAYERS = 2

Embed = Callable[[Any, Tensor], Tensor]
"""Function of a module and latents (B, C, H, W) that returns tokens (B, N, D)."""


@dataclass(frozen=True)
class Demonstrations:
    """Encoded demonstrations of a batch.

    Args:
        images, texts: tokens of images and captions, (B, R, N, D) and (B, R, M, D).
        image_mask, text_mask: which of them are attended to, (B, R, N) and (B, R, M) bool.
    """

    images: Tensor
    texts: Tensor
    image_mask: Tensor
    text_mask: Tensor


class DemonstrationEncoder(nn.Module):
    """Encoder of demonstrations. Its layers start as the identity, so that an image starts as its embedded patches.

    Args:
        embedder: module that embeds patches of latents.
        embed: applies it, with positions.
        text_width: width of the captions' embeddings.
        masks_text: whether `pooled` is the mask of a caption's tokens; if not, all tokens are attended to.
    """

    def __init__(self, embedder: nn.Module, embed: Embed, width: int, text_width: int, masks_text: bool) -> None:
        super().__init__()
        self.embedder, self.embed, self.masks_text = embedder, embed, masks_text
        self.text_width = text_width
        self.to_text = nn.Linear(text_width, width)
        self.places = nn.Parameter(0.02 * torch.randn(MAX_DEMONSTRATIONS, width))
        layers = [QueryBlock(width) for _ in range(LAYERS)]
        for layer in layers:
            for parameter in (*layer.to_out.parameters(), *layer.mlp[-1].parameters()):
                nn.init.zeros_(parameter)
        self.layers = nn.ModuleList(layers)

    def forward(
        self, references: Tensor, mask: Tensor, prompts: Tensor | None, pooled: Tensor | None
    ) -> Demonstrations:
        """Encode demonstrations.

        Args:
            references: latents, (B, R, C, H, W).
            mask: which references exist, (B, R) bool.
            prompts: embeddings of the captions, (B, R, M, T); None for no captions.
            pooled: pooled captions, or (B, R, M), the masks of their tokens.

        Raises:
            ValueError: there are more than `MAX_DEMONSTRATIONS`.
        """
        batch, count = mask.shape
        if count > MAX_DEMONSTRATIONS:
            raise ValueError(f"references: {count} images, but this editor takes at most {MAX_DEMONSTRATIONS}")
        images = self.embed(self.embedder, references.flatten(0, 1))
        if prompts is None:
            prompts = references.new_zeros(batch, count, 1, self.text_width)
            text_mask = mask.new_zeros(batch, count, 1)
        else:
            counted = pooled > 0 if self.masks_text and pooled is not None else mask.new_ones(prompts.shape[:3])
            text_mask = counted & mask[..., None]
        texts = self.to_text(prompts)
        for layer in self.layers:
            images = layer(images, texts.flatten(0, 1), text_mask.flatten(0, 1))
        places = self.places[:count, None]
        images = images.unflatten(0, (batch, count)) + places
        image_mask = mask[..., None].expand(images.shape[:3])
        return Demonstrations(images, texts + places, image_mask, text_mask)


class DemonstrationMemory(nn.Module):
    """Encoder of all demonstrations to tokens for cross-attention, after a learned token that is always present.

    Args:
        channels, patch: latent channels, and side of a patch in latents.
        width: width of the tokens.
    """

    def __init__(self, channels: int, patch: int, width: int, text_width: int, masks_text: bool) -> None:
        super().__init__()
        patches = nn.Conv2d(channels, width, patch, patch)
        self.encoder = DemonstrationEncoder(patches, embed_patches, width, text_width, masks_text)
        self.nothing = nn.Parameter(0.02 * torch.randn(width))
        self.norm = nn.LayerNorm(width)

    def forward(self, references: Tensor, mask: Tensor, prompts: Tensor | None, pooled: Tensor | None) -> Route:
        """Return the tokens, (B, 1 + R * (N + M), D), as the input of a single expert. The arguments are those of
        `DemonstrationEncoder`.
        """
        demonstrations = self.encoder(references, mask, prompts, pooled)
        nothing = self.nothing.expand(len(mask), 1, -1)
        tokens = torch.cat([nothing, demonstrations.images.flatten(1, 2), demonstrations.texts.flatten(1, 2)], dim=1)
        masks = [mask.new_ones(len(mask), 1), demonstrations.image_mask.flatten(1), demonstrations.text_mask.flatten(1)]
        expert = torch.zeros(len(mask), dtype=torch.long, device=mask.device)
        return Route(self.norm(tokens), torch.cat(masks, dim=1), tokens.new_ones(len(mask), 1), expert)
