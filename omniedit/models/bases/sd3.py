"""SD3 and SD3.5: two streams with joint attention; positions are added to the image tokens.

`pooled` is the pooled text of both CLIPs. Latents are embedded by a convolution.
Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor, nn

from omniedit.models.attention_kernels import set_masked_attention
from omniedit.models.bases.adapter import Adapter, BaseState, Context, Inputs, TokenGrid


class Sd3Adapter(Adapter):
    """Adapter of `SD3Transformer2DModel`."""

    net: SD3Transformer2DModel
    transformer_class = SD3Transformer2DModel
    pipelines = ("StableDiffusion3Pipeline",)
    patch_layer_name = "pos_embed.proj"
    indexes_images = False

    @property
    def patch(self) -> int:
        return self.net.config["patch_size"]

    @property
    def channels(self) -> int:
        return self.net.config["out_channels"] or self.net.config["in_channels"]

    @property
    def longest_side(self) -> int:
        return self.net.config["pos_embed_max_size"]

    def pooled_shape(self, text_tokens: int) -> tuple[int, ...]:
        return (self.net.config["pooled_projection_dim"],)

    @property
    def image_embedder(self) -> nn.Module:
        return self.net.pos_embed

    def new_patch_layer(self, channels: int) -> nn.Module:
        return nn.Conv2d(channels, self.width, self.patch, self.patch)

    def embed_patches(self, layer: nn.Module, latents: Tensor) -> Tensor:
        return layer(latents).flatten(2).transpose(1, 2)

    @staticmethod
    def embed_clean(embedder: Any, latents: Tensor) -> Tensor:
        return embedder(latents).contiguous()

    def modulation(self, timestep: Tensor, pooled: Tensor, guidance: Tensor | None = None) -> Tensor:
        return self.net.time_text_embed(timestep, pooled)

    def embed(self, inputs: Inputs, extra_channels: Tensor | None = None) -> BaseState:
        latents = inputs.noisy if extra_channels is None else torch.cat([inputs.noisy, extra_channels], dim=1)
        modulation = self.modulation(inputs.timestep, inputs.pooled)
        image = self.embed_clean(self.net.pos_embed, latents)
        text = self.net.context_embedder(inputs.prompt_embeds)
        return BaseState(image, text, modulation, {}, self.grid(inputs.noisy))

    def context(self, state: BaseState, grids: Sequence[TokenGrid], present: Tensor | None = None) -> Context:
        return {} if present is None else {"joint_attention_kwargs": {"attention_mask": present}}

    def allow_masks(self, blocks: nn.Module | None = None) -> None:
        set_masked_attention(self.net if blocks is None else blocks, text_first=False)

    def decode(self, state: BaseState) -> Tensor:
        patches = self.net.proj_out(self.net.norm_out(state.image, state.modulation))
        return unpatchify(patches, state.grid, self.patch)


def unpatchify(patches: Tensor, grid: TokenGrid, patch: int) -> Tensor:
    """Rearrange tokens (B, N, patch * patch * C), row by row, to latents (B, C, H, W)."""
    cells = patches.unflatten(1, (grid.rows, grid.columns)).unflatten(-1, (patch, patch, -1))
    latents = torch.einsum("nhwpqc->nchpwq", cells)
    return latents.flatten(4, 5).flatten(2, 3)
