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

    What it found at the condition tokens is for the base's image tokens at the same positions, what it found at the
    text tokens for the base's text tokens, both through projections that start at zero. A block without a text output
    (`context_pre_only`: the last) adds nothing to the text.

    Args:
        sees_image: whether it attends over the base's image tokens.
        from_image: whether what it found at these, not at the condition tokens, is added to them.
    """

    def __init__(
        self, block: JointTransformerBlock, width: int, sees_image: bool = True, from_image: bool = False
    ) -> None:
        super().__init__()
        self.block = copy.deepcopy(block)
        self.to_image = zero_linear(width)
        self.to_text = None if block.context_pre_only else zero_linear(width)
        self.sees_image, self.from_image = sees_image, from_image

    def forward(
        self, image_BND: Tensor, condition_BND: Tensor, text_BMD: Tensor, temb_BD: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """What is added to the base's image tokens, condition tokens for the next control block, what is added to the
        base's text tokens."""
        joined = torch.cat([image_BND, condition_BND], dim=1) if self.sees_image else condition_BND
        text_out, joined = self.block(hidden_states=joined, encoder_hidden_states=text_BMD, temb=temb_BD)
        condition_out = joined[:, -condition_BND.shape[1] :]
        found = joined[:, : image_BND.shape[1]] if self.from_image else condition_out
        return self.to_image(found), condition_out, None if self.to_text is None else self.to_text(text_out)


class EditNet(Editor):
    """The base, frozen, and a control block before each of its blocks.

    Figure 4 of the paper leaves open which output is added, where, what the control blocks see and how they are
    modulated; subclasses choose otherwise, each in one of these. docs/editing.md has what was measured.
    """

    sees_image = True
    """Whether control blocks attend over the base's image tokens."""
    from_image = False
    """Whether their output at the base's image tokens is added, not that at the condition tokens."""
    behind = False
    """Whether it is added behind the base's block, not before it."""
    clean_time = False
    """Whether they are modulated as at noise level 0, that of the condition, not as the base's blocks."""

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config, prediction_type)
        self.base = frozen_base(base_config)
        self.condition_embed = copy.deepcopy(self.base.pos_embed).requires_grad_(True)
        self.control_blocks = nn.ModuleList(
            ControlBlock(block, self.base.inner_dim, self.sees_image, self.from_image).requires_grad_(True)
            for block in self.base_blocks
        )

    def copy_from(self, transformer: SD3Transformer2DModel) -> None:
        self.base.load_state_dict(transformer.state_dict())
        self.condition_embed.load_state_dict(transformer.pos_embed.state_dict())
        for control, block in zip(self.control_blocks, transformer.transformer_blocks, strict=True):
            control.get_submodule("block").load_state_dict(block.state_dict())

    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor, condition: Tensor
    ) -> Tensor:
        image_BND, text_BMD, temb_BD = self.embed(noisy, timestep, prompt_embeds, pooled)
        control_BD = self.base.time_text_embed(torch.zeros_like(timestep), pooled) if self.clean_time else temb_BD
        condition_BND = self.condition_embed(condition).contiguous()
        for control, block in zip(self.control_blocks, self.base_blocks, strict=True):
            image_added, condition_BND, text_added = control(image_BND, condition_BND, text_BMD, control_BD)
            if not self.behind:
                image_BND, text_BMD = add_residuals(image_BND, image_added, text_BMD, text_added)
            text_BMD, image_BND = block(hidden_states=image_BND, encoder_hidden_states=text_BMD, temb=temb_BD)
            if self.behind:
                image_BND, text_BMD = add_residuals(image_BND, image_added, text_BMD, text_added)
        return self.velocity(image_BND, temb_BD, noisy, timestep)


def add_residuals(
    image_BND: Tensor, image_added: Tensor, text_BMD: Tensor, text_added: Tensor | None
) -> tuple[Tensor, Tensor]:
    return image_BND + image_added, text_BMD if text_added is None else text_BMD + text_added


class EditNetFromImage(EditNet):
    """EditNet whose control blocks add what they found at the base's image tokens."""

    from_image = True

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config=base_config, prediction_type=prediction_type)


class EditNetBehind(EditNet):
    """EditNet that adds behind the base's blocks."""

    behind = True

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config=base_config, prediction_type=prediction_type)


class EditNetBlind(EditNet):
    """EditNet whose control blocks see condition and text tokens alone."""

    sees_image = False

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config=base_config, prediction_type=prediction_type)


class EditNetCleanTime(EditNet):
    """EditNet whose control blocks are modulated as at noise level 0."""

    clean_time = True

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config=base_config, prediction_type=prediction_type)
