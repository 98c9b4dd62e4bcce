"""Qwen-Image: two streams with joint attention; rotary positions whose first axis is the index of the image.

The text has no pooled embedding: `pooled` is the mask of the text tokens, (B, M), 1 for tokens of the text.
Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from diffusers.models.transformers.transformer_qwenimage import QwenEmbedRope, QwenImageTransformer2DModel
from torch import Tensor, nn

from omniedit.models.attention_kernels import set_masked_attention
from omniedit.models.bases.adapter import BaseState, Context, Inputs, TokenGrid
from omniedit.models.bases.packed import PATCH, PackedAdapter, append_channels


class QwenImageAdapter(PackedAdapter):
    """Adapter of `QwenImageTransformer2DModel`."""

    net: QwenImageTransformer2DModel
    transformer_class = QwenImageTransformer2DModel
    pipelines = ("QwenImagePipeline",)
    patch_layer_name = "img_in"

    @property
    def channels(self) -> int:
        return self.net.config["in_channels"] // PATCH**2

    def modulation(self, timestep: Tensor, pooled: Tensor, guidance: Tensor | None = None) -> Tensor:
        return self.net.time_text_embed((timestep / 1000).to(pooled.dtype), pooled)

    def embed(self, inputs: Inputs, extra_channels: Tensor | None = None) -> BaseState:
        modulation = self.modulation(inputs.timestep, inputs.pooled)
        image = self.embed_patches(self.net.img_in, append_channels(inputs.noisy, extra_channels))
        text = self.net.txt_in(self.net.txt_norm(inputs.prompt_embeds))
        state = BaseState(image, text, modulation, {}, self.grid(inputs.noisy), inputs.pooled > 0)
        return replace(state, context=self.context(state, [state.grid]))

    def context(self, state: BaseState, grids: Sequence[TokenGrid], present: Tensor | None = None) -> Context:
        rotations = [self._rotations(grid, state.text) for grid in grids]
        largest = max(rotations, key=lambda pair: len(pair[0]))
        turns = torch.cat([image for image, _ in rotations]), largest[1]
        context: Context = {"encoder_hidden_states_mask": state.text_mask, "image_rotary_emb": turns}
        return context if present is None else context | {"joint_attention_kwargs": {"attention_mask": present}}

    def _rotations(self, grid: TokenGrid, text: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rotations of the tokens of an image and of its text."""
        shapes = [[(1, grid.rows, grid.columns)] * (grid.index + 1)]
        image, words = self.net.pos_embed(shapes, max_txt_seq_len=text.shape[1], device=text.device)
        return image[-len(grid) :], words

    def allow_masks(self, blocks: nn.Module | None = None) -> None:
        set_masked_attention(self.net if blocks is None else blocks, text_first=True)

    def restore_constants(self) -> None:
        axes = list(self.net.config["axes_dims_rope"])
        self.net.pos_embed = QwenEmbedRope(theta=10000, axes_dim=axes, scale_rope=True)
