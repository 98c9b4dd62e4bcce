"""ControlNet over SD3 and ControlNet-TextControl, the paper's baselines for EditNet (its Table 7 and Figure 10).

Unlike EditNet's, their control branch never sees the tokens of the base. It runs in parallel on its own tokens, the sum
of noise and condition, and adds its output to the base through projections that start at zero.
Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

import copy
from collections.abc import Mapping
from typing import Any

from diffusers.configuration_utils import register_to_config
from diffusers.models.attention import JointTransformerBlock
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor, nn

from omniedit.models.editor import Editor, frozen_base, zero_linear


class ControlNetBlock(nn.Module):
    """Copy of one block of the base that runs on its own tokens.

    Args:
        adds_text: also add the copy's text tokens to those of the base.
    """

    def __init__(self, block: JointTransformerBlock, width: int, adds_text: bool) -> None:
        super().__init__()
        self.block = copy.deepcopy(block)
        self.to_image = zero_linear(width)
        self.to_text = zero_linear(width) if adds_text else None

    def forward(
        self, image_BND: Tensor, text_BMD: Tensor, temb_BD: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Return image and text tokens for the next copy, then the image and text residuals for the base."""
        text_BMD, image_BND = self.block(hidden_states=image_BND, encoder_hidden_states=text_BMD, temb=temb_BD)
        text_added = None if self.to_text is None else self.to_text(text_BMD)
        return image_BND, text_BMD, self.to_image(image_BND), text_added


class ControlNet(Editor):
    """Frozen base with a copy of each block but the last, whose image tokens are added after that block.

    Like diffusers' `SD3ControlNetModel`, but as deep as the base and with the base's own embeddings of time and text.
    """

    adds_text = False

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config, prediction_type)
        self.base = frozen_base(base_config)
        self.condition_embed = copy.deepcopy(self.base.pos_embed.proj).requires_grad_(True)
        for parameter in self.condition_embed.parameters():
            nn.init.zeros_(parameter)
        # The last block has no copy: diffusers' SD3 adds no residual after it either.
        self.control_blocks = nn.ModuleList(
            ControlNetBlock(block, self.base.inner_dim, self.adds_text).requires_grad_(True)
            for block in self.base_blocks[:-1]
        )

    def copy_from(self, transformer: SD3Transformer2DModel) -> None:
        self.base.load_state_dict(transformer.state_dict())
        for control, block in zip(self.control_blocks, transformer.transformer_blocks[:-1], strict=True):
            control.get_submodule("block").load_state_dict(block.state_dict())

    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor, condition: Tensor
    ) -> Tensor:
        image_BND, text_BMD, temb_BD = self.embed(noisy, timestep, prompt_embeds, pooled)
        beside_BND = image_BND + self.condition_embed(condition).flatten(2).transpose(1, 2)
        beside_BMD = text_BMD
        for control, block in zip(self.control_blocks, self.base_blocks[:-1], strict=True):
            beside_BND, beside_BMD, image_added, text_added = control(beside_BND, beside_BMD, temb_BD)
            text_BMD, image_BND = block(hidden_states=image_BND, encoder_hidden_states=text_BMD, temb=temb_BD)
            image_BND = image_BND + image_added
            text_BMD = text_BMD if text_added is None else text_BMD + text_added
        _, image_BND = self.base_blocks[-1](hidden_states=image_BND, encoder_hidden_states=text_BMD, temb=temb_BD)
        return self.velocity(image_BND, temb_BD, noisy, timestep)


class ControlNetText(ControlNet):
    """ControlNet-TextControl: the text tokens of the copies are added to the base as well, at each layer."""

    adds_text = True

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config=base_config, prediction_type=prediction_type)
