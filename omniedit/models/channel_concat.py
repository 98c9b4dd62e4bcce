"""Channel-wise concatenation: the source image as additional input channels (Brooks et al. 2023, section 3.2)."""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor

from omniedit.models.editor import Editor


class ChannelConcat(Editor):
    """Editor that trains the whole base, with a patch embedding of twice the channels whose new half starts at zero."""

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config, prediction_type)
        channels = base_config["in_channels"]
        out_channels = base_config.get("out_channels") or channels
        self.base = SD3Transformer2DModel.from_config(
            {**base_config, "in_channels": 2 * channels, "out_channels": out_channels}
        )

    def copy_from(self, transformer: SD3Transformer2DModel) -> None:
        weights = transformer.state_dict()
        patch_embedding = weights["pos_embed.proj.weight"]
        weights["pos_embed.proj.weight"] = torch.cat([patch_embedding, torch.zeros_like(patch_embedding)], dim=1)
        self.base.load_state_dict(weights)

    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor, condition: Tensor
    ) -> Tensor:
        both = torch.cat([noisy, condition], dim=1)
        image_BND, text_BMD, temb_BD = self.embed(both, timestep, prompt_embeds, pooled)
        for block in self.base_blocks:
            text_BMD, image_BND = block(hidden_states=image_BND, encoder_hidden_states=text_BMD, temb=temb_BD)
        return self.velocity(image_BND, temb_BD, noisy, timestep)
