"""EditNet: a frozen MMDiT with a control branch that reads the picture to edit (Wei et al. 2024, section 4).

Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention import JointTransformerBlock
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor, nn

from omniedit.models.editor import Editor, frozen_base, zero_linear


class ControlBlock(nn.Module):
    """A copy of one block of the base, which attends over base image, condition and text tokens together.

    What it found at the condition tokens goes to the base's image tokens at the same positions, what it found at the
    text tokens to the base's text tokens, both through projections that start at zero. A block without a text output
    (`context_pre_only`: the last) adds nothing to the text.
    """

    def __init__(self, block: JointTransformerBlock, width: int) -> None:
        super().__init__()
        self.block = copy.deepcopy(block)
        self.to_image = zero_linear(width)
        self.to_text = None if block.context_pre_only else zero_linear(width)

    def forward(
        self, image_BND: Tensor, condition_BND: Tensor, text_BMD: Tensor, temb_BD: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Image and text tokens for the base's block, condition tokens for the next control block."""
        joined = torch.cat([image_BND, condition_BND], dim=1)
        text_out, joined = self.block(hidden_states=joined, encoder_hidden_states=text_BMD, temb=temb_BD)
        condition_BND = joined[:, image_BND.shape[1] :]
        image_BND = image_BND + self.to_image(condition_BND)
        if self.to_text is not None:
            text_BMD = text_BMD + self.to_text(text_out)
        return image_BND, condition_BND, text_BMD


class EditNet(Editor):
    """The base, frozen, and a control block before each of its blocks.

    Figure 4 of the paper leaves open which output is added and where: that at the condition tokens learns, before the
    base's block. Time and instruction modulate the control blocks as they do the base's.
    """

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config, prediction_type)
        self.base = frozen_base(base_config)
        self.condition_embed = copy.deepcopy(self.base.pos_embed).requires_grad_(True)
        self.control_blocks = nn.ModuleList(
            ControlBlock(block, self.base.inner_dim).requires_grad_(True) for block in self.base_blocks
        )

    def copy_from(self, transformer: SD3Transformer2DModel) -> None:
        self.base.load_state_dict(transformer.state_dict())
        self.condition_embed.load_state_dict(transformer.pos_embed.state_dict())
        for control, block in zip(self.control_blocks, transformer.transformer_blocks, strict=True):
            control.get_submodule("block").load_state_dict(block.state_dict())

    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor, condition: Tensor
    ) -> Tensor:
        image_BND, text_BMD, temb_BD = self.embedded(noisy, timestep, prompt_embeds, pooled)
        condition_BND = self.condition_embed(condition).contiguous()
        for control, block in zip(self.control_blocks, self.base_blocks, strict=True):
            image_BND, condition_BND, text_BMD = control(image_BND, condition_BND, text_BMD, temb_BD)
            text_BMD, image_BND = block(hidden_states=image_BND, encoder_hidden_states=text_BMD, temb=temb_BD)
        return self.velocity(image_BND, temb_BD, noisy, timestep)
