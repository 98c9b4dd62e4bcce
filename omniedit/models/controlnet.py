"""ControlNet and ControlNet-TextControl, the paper's baselines for EditNet (its Table 7 and Figure 10).

Unlike EditNet's, their control branch never sees the tokens of the base. It runs in parallel on its own tokens, which
are the sum of the embedded noisy image and condition, and adds its output to the base through projections that start at
zero.
Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

import copy
from collections.abc import Mapping
from typing import Any

from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor, nn

from omniedit.models.bases.adapter import Adapter, BaseState, Context, Inputs
from omniedit.models.bases.registry import adapt
from omniedit.models.editor import Editor, frozen_base, set_to_zero, zero_linear


class ControlNetBlock(nn.Module):
    """Copy of one block of the base that runs on its own tokens.

    Args:
        adapter: the base's adapter.
        adds_text: also add the copy's text tokens to those of the base.
    """

    def __init__(self, adapter: Adapter, block: nn.Module, adds_text: bool) -> None:
        super().__init__()
        self.block = copy.deepcopy(block)
        self.to_image = zero_linear(adapter.width)
        self.to_text = zero_linear(adapter.width) if adds_text else None
        self.run = adapter.run

    def forward(
        self, image_BND: Tensor, text_BMD: Tensor, temb_BD: Tensor, context: Context
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Return image and text tokens for the next copy, then the image and text residuals for the base."""
        image_BND, text_BMD = self.run(self.block, image_BND, text_BMD, temb_BD, context)
        text_added = None if self.to_text is None else self.to_text(text_BMD)
        return image_BND, text_BMD, self.to_image(image_BND), text_added


class ControlNet(Editor):
    """Frozen base with a copy of each block except the last, whose image tokens are added after that block.

    Like diffusers' `SD3ControlNetModel`, but as deep as the base and with the base's own embeddings of time and text.
    """

    adds_text = False

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config, prediction_type)
        self.base = frozen_base(base_config)
        self.condition_embed = set_to_zero(copy.deepcopy(self.adapter.patch_layer).requires_grad_(True))
        # The last block has no copy: diffusers adds no residual after SD3's last block either.
        self.control_blocks = nn.ModuleList(
            ControlNetBlock(self.adapter, block, self.adds_text).requires_grad_(True) for block in self.base_blocks[:-1]
        )

    def copy_from(self, transformer: Any) -> None:
        super().copy_from(transformer)
        for control, block in zip(self.control_blocks, adapt(transformer).blocks[:-1], strict=True):
            control.get_submodule("block").load_state_dict(block.state_dict())

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        adapter, blocks = self.adapter, self.base_blocks
        image_BND = state.image + adapter.embed_patches(self.condition_embed, inputs.condition)
        text_BMD = state.text
        for control, block in zip(self.control_blocks, blocks[:-1], strict=True):
            image_BND, text_BMD, image_added, text_added = control(image_BND, text_BMD, state.modulation, state.context)
            state = adapter.step(block, state).add(image_added, text_added)
        return adapter.step(blocks[-1], state)


class ControlNetText(ControlNet):
    """ControlNet-TextControl: the text tokens of the copies are added to the base as well, at each layer."""

    adds_text = True

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config=base_config, prediction_type=prediction_type)
