"""EditNet: a frozen MMDiT with a control branch that reads the source image (Wei et al. 2024, section 4).

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
    """Copy of one block of the base that attends over base image, condition and text tokens together.

    The output at the condition tokens becomes the residual for the base's image tokens at the same positions, and the
    output at the text tokens becomes the residual for its text tokens. Both pass projections that start at zero. A
    block without a text output (`context_pre_only`: the last) adds nothing to the text.

    Args:
        sees_image: attend over the base's image tokens.
        from_image: take the image residual from the output at the base's image tokens, not at the condition tokens.
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
        """Return the image residual, the condition tokens for the next control block, and the text residual or None."""
        joined = torch.cat([image_BND, condition_BND], dim=1) if self.sees_image else condition_BND
        text_out, joined = self.block(hidden_states=joined, encoder_hidden_states=text_BMD, temb=temb_BD)
        condition_out = joined[:, -condition_BND.shape[1] :]
        found = joined[:, : image_BND.shape[1]] if self.from_image else condition_out
        return self.to_image(found), condition_out, None if self.to_text is None else self.to_text(text_out)


class EditNet(Editor):
    """Frozen base with a control block before each of its blocks.

    Figure 4 of the paper leaves open which output is added, where it is added, what the control blocks see and how they
    are modulated. Each option changes one of these choices; docs/training.md has the measurements.

    Args:
        sees_image: the control blocks attend over the base's image tokens.
        from_image: image residuals come from the output at the base's image tokens, not at the condition tokens.
        after_block: residuals are added after the base's block, not before it.
        clean_time: the control blocks are modulated for noise level 0, that of the condition, not like the base's
            blocks.
    """

    @register_to_config
    def __init__(
        self,
        base_config: Mapping[str, Any],
        prediction_type: str = "velocity",
        sees_image: bool = True,
        from_image: bool = False,
        after_block: bool = False,
        clean_time: bool = False,
    ) -> None:
        super().__init__(base_config, prediction_type)
        self.after_block, self.clean_time = after_block, clean_time
        self.base = frozen_base(base_config)
        self.condition_embed = copy.deepcopy(self.base.pos_embed).requires_grad_(True)
        self.control_blocks = nn.ModuleList(
            ControlBlock(block, self.base.inner_dim, sees_image, from_image).requires_grad_(True)
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
            if not self.after_block:
                image_BND, text_BMD = add_residuals(image_BND, image_added, text_BMD, text_added)
            text_BMD, image_BND = block(hidden_states=image_BND, encoder_hidden_states=text_BMD, temb=temb_BD)
            if self.after_block:
                image_BND, text_BMD = add_residuals(image_BND, image_added, text_BMD, text_added)
        return self.velocity(image_BND, temb_BD, noisy, timestep)


def add_residuals(
    image_BND: Tensor, image_added: Tensor, text_BMD: Tensor, text_added: Tensor | None
) -> tuple[Tensor, Tensor]:
    return image_BND + image_added, text_BMD if text_added is None else text_BMD + text_added


EARLIER_CLASSES = {
    "EditNetFromImage": {"from_image": True},
    "EditNetBehind": {"after_block": True},
    "EditNetBlind": {"sees_image": False},
    "EditNetCleanTime": {"clean_time": True},
}
"""Classes that folders written up to version 0.1 name for EditNet with one option."""


def __getattr__(name: str) -> Any:
    """Return a class that loads an editor written by one of `EARLIER_CLASSES` as an `EditNet` with its option."""
    if name not in EARLIER_CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    class Earlier(EditNet):
        @classmethod
        def from_config(cls, config: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            return EditNet.from_config(config, **EARLIER_CLASSES[name], **kwargs)

    return Earlier
