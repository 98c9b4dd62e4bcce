"""FLUX.1: blocks with two streams, then blocks with one; guidance embedding; rotary positions of three axes.

A block with one stream concatenates text and image tokens and returns both parts, so all blocks have one interface.
`pooled` is CLIP's pooled text. `prompt_embeds` are T5's tokens, all of which are attended to, padding included. Shapes:
B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

from collections.abc import Sequence

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import Tensor, nn

from omniedit.models.bases.adapter import BaseState, Context, Inputs, TokenGrid
from omniedit.models.bases.packed import PATCH, PackedAdapter, append_channels

GUIDANCE = 3.5
"""Guidance scale that FLUX.1-dev embeds by default, in training and sampling."""


class FluxAdapter(PackedAdapter):
    """Adapter of `FluxTransformer2DModel`: FLUX.1-dev, FLUX.1-schnell and FLUX.1-Kontext."""

    net: FluxTransformer2DModel
    transformer_class = FluxTransformer2DModel
    pipelines = ("FluxPipeline", "FluxKontextPipeline")
    patch_layer_name = "x_embedder"

    @property
    def channels(self) -> int:
        return (self.net.config["out_channels"] or self.net.config["in_channels"]) // PATCH**2

    def pooled_shape(self, text_tokens: int) -> tuple[int, ...]:
        return (self.net.config["pooled_projection_dim"],)

    @property
    def blocks(self) -> list[nn.Module]:
        return [*self.net.transformer_blocks, *self.net.single_transformer_blocks]

    @property
    def embeds_guidance(self) -> bool:
        return self.net.config["guidance_embeds"]

    def modulation(self, timestep: Tensor, pooled: Tensor, guidance: Tensor | None = None) -> Tensor:
        # The transformer takes noise levels in its own precision and scales them back.
        time = (timestep / 1000).to(pooled.dtype) * 1000
        if not self.embeds_guidance:
            return self.net.time_text_embed(time, pooled)
        scale = torch.full_like(timestep, GUIDANCE) if guidance is None else guidance
        return self.net.time_text_embed(time, scale.to(pooled.dtype) * 1000, pooled)

    def embed(self, inputs: Inputs, extra_channels: Tensor | None = None) -> BaseState:
        modulation = self.modulation(inputs.timestep, inputs.pooled, inputs.guidance)
        image = self.embed_patches(self.net.x_embedder, append_channels(inputs.noisy, extra_channels))
        text = self.net.context_embedder(inputs.prompt_embeds)
        state = BaseState(image, text, modulation, {}, self.grid(inputs.noisy))
        return BaseState(image, text, modulation, self.context(state, [state.grid]), state.grid)

    def context(self, state: BaseState, grids: Sequence[TokenGrid], present: Tensor | None = None) -> Context:
        ids = [state.text.new_zeros(state.text.shape[1], 3, dtype=torch.float32)]
        ids += [position_ids(grid, state.text.device) for grid in grids]
        context: Context = {"image_rotary_emb": self.net.pos_embed(torch.cat(ids))}
        if present is not None:
            text_present = present.new_ones(state.text.shape[:2])
            mask = torch.cat([text_present, present], dim=1)[:, None, None]
            context["joint_attention_kwargs"] = {"attention_mask": mask}
        return context


def position_ids(grid: TokenGrid, device: torch.device) -> Tensor:
    """Return index of the image, row and column of each token, (N, 3) float32."""
    axes = [torch.arange(start, end, device=device, dtype=torch.float32) for start, end in _spans(grid)]
    return torch.cartesian_prod(*axes)


def _spans(grid: TokenGrid) -> list[tuple[int, int]]:
    return [(grid.index, grid.index + 1), (0, grid.rows), (0, grid.columns)]
