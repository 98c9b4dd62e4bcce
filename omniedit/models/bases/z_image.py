"""Z-Image: one stream of image and text tokens; refining blocks before it; rotary positions of three axes.

The text has no pooled embedding: `pooled` is the mask of the text tokens, (B, M), 1 for tokens of the text, at the
front. Image and text are padded to multiples of 32 tokens with learned vectors, which are attended to. Z-Image predicts
clean - noise, and its time runs from noise to data; `decode` and `modulation` reverse both. Shapes: B batch, C latent
channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from diffusers.models.transformers.transformer_z_image import SEQ_MULTI_OF, ZImageTransformer2DModel
from torch import Tensor, nn
from torch.nn import functional

from omniedit.models.bases.adapter import Adapter, BaseState, Context, Inputs, TokenGrid
from omniedit.models.bases.sd3 import unpatchify

PATCH = 2
KEY = "2-1"
"""Name of the embedding and of the last layer for patches of 2 x 2 latents of one frame."""


class ZImageAdapter(Adapter):
    """Adapter of `ZImageTransformer2DModel`."""

    net: ZImageTransformer2DModel
    transformer_class = ZImageTransformer2DModel
    pipelines = ("ZImagePipeline",)
    patch_layer_name = f"all_x_embedder.{KEY}"
    tokens_multiple = SEQ_MULTI_OF

    @property
    def patch(self) -> int:
        return PATCH

    @property
    def channels(self) -> int:
        return self.net.config["in_channels"]

    @property
    def longest_side(self) -> int:
        return min(self.net.config["axes_lens"][1:])

    @property
    def text_width(self) -> int:
        return self.net.config["cap_feat_dim"]

    @property
    def width(self) -> int:
        return self.net.dim

    @property
    def blocks(self) -> list[nn.Module]:
        return list(self.net.layers)

    @staticmethod
    def run(block: Any, image: Tensor, text: Tensor, modulation: Tensor, context: Context) -> tuple[Tensor, Any]:
        joined = block(torch.cat([image, text], dim=1), adaln_input=modulation, **context)
        return joined[:, : image.shape[1]], joined[:, image.shape[1] :]

    def new_patch_layer(self, channels: int) -> nn.Module:
        return nn.Linear(channels * PATCH**2, self.width)

    def embed_image(self, embedder: Any, latents: Tensor, modulation: Tensor, pooled: Tensor, index: int = 0) -> Tensor:
        return self._refine(embedder(patchify(latents)), self.grid(latents, index), modulation, pooled)

    @staticmethod
    def embed_clean(embedder: Any, latents: Tensor) -> Tensor:
        return pad_tokens(embedder(patchify(latents)))

    def _refine(self, image: Tensor, grid: TokenGrid, modulation: Tensor, pooled: Tensor) -> Tensor:
        """Return embedded patches, padded and after the refining blocks, (B, N, D)."""
        pads = self.net.x_pad_token.expand(len(image), -len(grid) % SEQ_MULTI_OF, -1)
        image = torch.cat([image, pads], dim=1)
        rotations = self._rotations(image_ids(grid, text_lengths(pooled)))
        for block in self.net.noise_refiner:
            image = block(image, None, rotations, modulation)
        return image

    def modulation(self, timestep: Tensor, pooled: Tensor, guidance: Tensor | None = None) -> Tensor:
        return self.net.t_embedder((1000 - timestep) / 1000 * self.net.t_scale).type_as(pooled)

    def embed(self, inputs: Inputs, extra_channels: Tensor | None = None) -> BaseState:
        modulation, grid = self.modulation(inputs.timestep, inputs.pooled), self.grid(inputs.noisy)
        patches = patchify(inputs.noisy)
        if extra_channels is not None:
            patches = torch.cat([patches, patchify(extra_channels)], dim=-1)
        image = self._refine(self.net.get_submodule(self.patch_layer_name)(patches), grid, modulation, inputs.pooled)
        text, text_mask = self._embed_text(inputs.prompt_embeds, inputs.pooled)
        state = BaseState(image, text, modulation, {}, grid, text_mask)
        return replace(state, context=self.context(state, [grid]))

    def _embed_text(self, prompt_embeds: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Return the padded and refined text tokens, and the mask of those that are attended to, (B, M) bool."""
        text = pad_tokens(self.net.cap_embedder(prompt_embeds))
        counted = functional.pad(pooled, (0, text.shape[1] - pooled.shape[1])) > 0
        text = torch.where(counted[..., None], text, self.net.cap_pad_token.to(text.dtype))
        places = torch.arange(text.shape[1], device=text.device)
        text_mask = places < text_lengths(pooled)[:, None]
        rotations = self._rotations(text_ids(len(text), text.shape[1], text.device))
        for block in self.net.context_refiner:
            text = block(text, text_mask, rotations)
        return text, text_mask

    def context(self, state: BaseState, grids: Sequence[TokenGrid], present: Tensor | None = None) -> Context:
        assert state.text_mask is not None
        lengths = state.text_mask.sum(dim=1)
        ids = [image_ids(grid, lengths) for grid in grids]
        ids.append(text_ids(len(state.text), state.text.shape[1], state.text.device))
        places = sum(part.shape[1] for part in ids[:-1])
        visible = state.text_mask.new_ones(len(state.text), places) if present is None else present
        mask = torch.cat([visible, state.text_mask], dim=1)
        return {"attn_mask": mask, "freqs_cis": self._rotations(torch.cat(ids, dim=1))}

    def _rotations(self, ids: Tensor) -> Tensor:
        """Return the rotations of tokens at these positions, (B, N, 3), complex."""
        return self.net.rope_embedder(ids.flatten(0, 1)).unflatten(0, ids.shape[:2])

    def restore_constants(self) -> None:
        self.net.rope_embedder.freqs_cis = None  # computed in the next forward pass

    def decode(self, state: BaseState) -> Tensor:
        output = self.net.all_final_layer[KEY](state.image, c=state.modulation)
        return -unpatchify(output[:, : len(state.grid)], state.grid, PATCH)


def patchify(latents: Tensor) -> Tensor:
    """Rearrange latents (B, C, H, W) to tokens (B, N, 4 * C), row by row, channels last."""
    cells = latents.unflatten(-2, (-1, PATCH)).unflatten(-1, (-1, PATCH))
    return cells.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def pad_tokens(tokens: Tensor) -> Tensor:
    """Pad tokens (B, N, D) with zeros to a multiple of 32."""
    return functional.pad(tokens, (0, 0, 0, -tokens.shape[1] % SEQ_MULTI_OF))


def text_lengths(pooled: Tensor) -> Tensor:
    """Return the length of each text with its padding, (B,), for the mask of its tokens."""
    return ((pooled > 0).sum(dim=1) + SEQ_MULTI_OF - 1) // SEQ_MULTI_OF * SEQ_MULTI_OF


def text_ids(batch: int, tokens: int, device: torch.device) -> Tensor:
    """Return the positions of text tokens, (B, M, 3): 1, 2, .. on the first axis."""
    places = torch.arange(1, tokens + 1, device=device)[:, None]
    return functional.pad(places, (0, 2)).expand(batch, -1, -1)


def image_ids(grid: TokenGrid, lengths: Tensor) -> Tensor:
    """Return the positions of image tokens and their padding, (B, N, 3). The first axis continues after the text."""
    rows, columns = torch.arange(grid.rows, device=lengths.device), torch.arange(grid.columns, device=lengths.device)
    places = torch.cartesian_prod(rows, columns).expand(len(lengths), -1, -1)
    first = (lengths + 1 + grid.index)[:, None, None].expand(-1, len(grid), 1)
    ids = torch.cat([first, places], dim=-1)
    return functional.pad(ids, (0, 0, 0, -len(grid) % SEQ_MULTI_OF))
