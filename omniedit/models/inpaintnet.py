"""Network of the inpainting specialist: BrushNet (Ju et al. 2024) on an MMDiT.

A control branch in parallel to a frozen SD3 sees the image outside the hole, and the mask of the hole.
Shapes: B batch, C latent channels, H W image height and width in pixels, h w those of its latents.
"""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor
from torch.nn import functional

from omniedit.models.codec import Vae, encode
from omniedit.models.controlnet import ControlNet
from omniedit.models.editor import set_to_zero

MASK_CHANNELS = 1


class InpaintNet(ControlNet):
    """ControlNet whose `condition` comes from `inpainting_condition`, (B, C + 1, h, w).

    BrushNet's branch is a copy of a UNet without its cross-attention. SD3 has no block without text, so this branch
    reads the prompt as the base does.
    """

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config=base_config, prediction_type=prediction_type)
        self.condition_embed = set_to_zero(self.adapter.new_patch_layer(self.condition_channels))

    @property
    def condition_channels(self) -> int:
        return super().condition_channels + MASK_CHANNELS


@torch.no_grad()
def inpainting_condition(vae: Vae, images: Tensor, holes: Tensor) -> Tensor:
    """Return latents of images with grey holes, followed by the share of each latent's area that is hole: (B, C + 1, h,
    w).

    Args:
        images: (B, 3, H, W) in [-1, 1].
        holes: (B, 1, H, W), 1 within the hole, else 0.
    """
    visible = encode(vae, images * (1 - holes))
    share = functional.avg_pool2d(holes.to(visible), images.shape[-1] // visible.shape[-1])
    return torch.cat([visible, share], dim=1)
