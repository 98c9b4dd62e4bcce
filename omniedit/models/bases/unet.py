"""SD1.5 and InstructPix2Pix: a UNet, not an MMDiT. Only the architecture `unet_routed` is built on it.

The text has no pooled embedding: `pooled` is the mask of the text tokens.
"""

from collections.abc import Sequence
from typing import NoReturn

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from omniedit.models.bases.adapter import Adapter, BaseState, Context, Grid, Inputs


class UNetAdapter(Adapter):
    """Sizes and blocks of a `UNet2DConditionModel`; it has no tokens that an editor of MMDiTs could use."""

    net: UNet2DConditionModel
    transformer_class = UNet2DConditionModel
    pipelines = ("StableDiffusionPipeline", "StableDiffusionInstructPix2PixPipeline")
    patch_layer_name = "conv_in"

    @property
    def patch(self) -> int:
        """Return 1: a UNet takes latents of any size."""
        return 1

    @property
    def channels(self) -> int:
        return self.net.config["out_channels"]

    @property
    def longest_side(self) -> int:
        """Return 2048 pixels in latents; a UNet itself has no limit."""
        return 2048 // 8

    @property
    def text_width(self) -> int:
        return self.net.config["cross_attention_dim"]

    @property
    def width(self) -> int:
        return self.text_width

    @property
    def blocks(self) -> list[nn.Module]:
        return [*self.net.down_blocks, self.net.mid_block, *self.net.up_blocks]

    @property
    def image_embedder(self) -> nn.Module:
        self._refuse()

    def new_patch_layer(self, channels: int) -> nn.Module:
        self._refuse()

    def embed_patches(self, layer: nn.Module, latents: Tensor) -> Tensor:
        self._refuse()

    def embed_image(
        self, embedder: nn.Module, latents: Tensor, modulation: Tensor, pooled: Tensor, index: int = 0
    ) -> Tensor:
        self._refuse()

    def modulation(self, timestep: Tensor, pooled: Tensor, guidance: Tensor | None = None) -> Tensor:
        self._refuse()

    def embed(self, inputs: Inputs, extra_channels: Tensor | None = None) -> BaseState:
        self._refuse()

    def context(self, state: BaseState, grids: Sequence[Grid], present: Tensor | None = None) -> Context:
        self._refuse()

    def decode(self, state: BaseState) -> Tensor:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ValueError("UNet2DConditionModel: not an MMDiT; the only architecture on it is unet_routed")
