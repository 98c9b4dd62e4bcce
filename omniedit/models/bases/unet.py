"""SD1.5 and InstructPix2Pix: a UNet, not an MMDiT. Only the architecture `unet_routed` is built on it.

The text has no pooled embedding: `pooled` is the mask of the text tokens.
"""

from typing import Any, NoReturn

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

from omniedit.models.bases.adapter import Adapter


class UNetAdapter(Adapter):
    """Adapter of `UNet2DConditionModel`: only sizes and blocks, because it has no tokens that other architectures could
    use.
    """

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
        """Return the number of latents that 2048 pixels take; a UNet itself has no limit."""
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

    def _refuse(self, *given: Any, **named: Any) -> NoReturn:
        raise ValueError("UNet2DConditionModel: not an MMDiT; the only architecture on it is unet_routed")

    image_embedder = property(_refuse)
    new_patch_layer = embed_clean = modulation = embed = context = decode = _refuse
