"""The inpainting specialist's network: a frozen SD3 and beside it a branch that sees the picture without its hole, and
where the hole is (BrushNet, Ju et al. 2024, on an MMDiT).

Shapes: B batch, C latent channels, H W picture height and width in pixels, h w those of its latents.
"""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor, nn
from torch.nn import functional

from omniedit.models.codec import Vae, encode
from omniedit.models.controlnet import ControlNet

MASK_CHANNELS = 1


class InpaintNet(ControlNet):
    """A ControlNet whose `condition` is `inpainting_condition` a picture and its hole, (B, C + 1, h, w).

    BrushNet's branch is a copy of a UNet without its cross-attention; SD3 has no block without text, so the branch
    reads the prompt as the base does.
    """

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config=base_config, prediction_type=prediction_type)
        patch = self.base.config["patch_size"]
        self.condition_embed = nn.Conv2d(self.condition_channels, self.base.inner_dim, patch, patch)
        for parameter in self.condition_embed.parameters():
            nn.init.zeros_(parameter)

    @property
    def condition_channels(self) -> int:
        return super().condition_channels + MASK_CHANNELS


@torch.no_grad()
def inpainting_condition(vae: Vae, pictures: Tensor, holes: Tensor) -> Tensor:
    """Latents of pictures whose holes are grey, then how much of each latent's place is hole: (B, C + 1, h, w).

    Args:
        pictures: (B, 3, H, W) in [-1, 1].
        holes: (B, 1, H, W), 1 within the hole, else 0.
    """
    seen = encode(vae, pictures * (1 - holes))
    share = functional.avg_pool2d(holes.to(seen), pictures.shape[-1] // seen.shape[-1])
    return torch.cat([seen, share], dim=1)
