"""EditNet: a frozen MMDiT with a control branch that reads the source image (Wei et al. 2024, section 4).

Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor, nn

from omniedit.models.bases.adapter import Adapter, BaseState, Context, Inputs
from omniedit.models.bases.registry import adapt
from omniedit.models.editor import Editor, frozen_base, zero_linear


class ControlBlock(nn.Module):
    """Copy of one block of the base that attends over base image, condition and text tokens together.

    The output at the condition tokens becomes the residual for the base's image tokens at the same positions, and the
    output at the text tokens becomes the residual for its text tokens. Both pass projections that start at zero. A
    block without a text output (in SD3 the last) adds nothing to the text.

    Args:
        adapter: the base's adapter.
        sees_image: attend over the base's image tokens.
        from_image: take the image residual from the output at the base's image tokens, not at the condition tokens.
    """

    def __init__(self, adapter: Adapter, block: nn.Module, sees_image: bool = True, from_image: bool = False) -> None:
        super().__init__()
        self.block = copy.deepcopy(block)
        self.to_image = zero_linear(adapter.width)
        self.to_text = zero_linear(adapter.width) if adapter.has_text_output(block) else None
        self.run = adapter.run
        self.sees_image, self.from_image = sees_image, from_image

    def forward(
        self, image_BND: Tensor, condition_BND: Tensor, text_BMD: Tensor, temb_BD: Tensor, context: Context
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the image residual, the condition tokens for the next control block, and the text residual or None.

        Args:
            context: context of all tokens that this block attends to.
        """
        joined = torch.cat([image_BND, condition_BND], dim=1) if self.sees_image else condition_BND
        joined, text_out = self.run(self.block, joined, text_BMD, temb_BD, context)
        condition_out = joined[:, -condition_BND.shape[1] :]
        image_out_BND = joined[:, : image_BND.shape[1]] if self.from_image else condition_out
        return self.to_image(image_out_BND), condition_out, None if self.to_text is None else self.to_text(text_out)


class EditNet(Editor):
    """Frozen base with a control block before each of its blocks, or before every k-th of them.

    Figure 4 of the paper leaves open which output is added, where it is added, what the control blocks see and how they
    are modulated. Each option changes one of these choices; docs/training.md has the measurements.

    Args:
        sees_image: the control blocks attend over the base's image tokens.
        from_image: image residuals come from the output at the base's image tokens, not at the condition tokens.
        after_block: residuals are added after the base's block, not before it.
        clean_time: the control blocks are modulated by noise level 0, because the condition is clean, instead of the
            noise level of the base's blocks.
        every: blocks 0, every, 2 * every and so on of the base have a control block; the others run without one.
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
        every: int = 1,
    ) -> None:
        super().__init__(base_config, prediction_type)
        self.every = every
        self.sees_image, self.after_block, self.clean_time = sees_image, after_block, clean_time
        self.base = frozen_base(base_config)
        self.condition_embed = copy.deepcopy(self.adapter.image_embedder).requires_grad_(True)
        self.control_blocks = nn.ModuleList(
            ControlBlock(self.adapter, block, sees_image, from_image).requires_grad_(True)
            for block in self.base_blocks[::every]
        )

    def copy_from(self, transformer: Any) -> None:
        super().copy_from(transformer)
        source = adapt(transformer)
        self.condition_embed.load_state_dict(source.image_embedder.state_dict())
        for control, block in zip(self.control_blocks, source.blocks[:: self.every], strict=True):
            control.get_submodule("block").load_state_dict(block.state_dict())

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        adapter = self.adapter
        control_BD = state.modulation
        if self.clean_time:
            control_BD = adapter.modulation(torch.zeros_like(inputs.timestep), inputs.pooled, inputs.guidance)
        condition_BND = adapter.embed_image(self.condition_embed, inputs.condition, control_BD, inputs.pooled)
        # The condition has the same positions as the denoised image, because both show the same scene.
        context = adapter.context(state, [state.grid] * (2 if self.sees_image else 1))
        for index, block in enumerate(self.base_blocks):
            state = self.before_block(index, state)
            if index % self.every:
                state = adapter.step(block, state)
                continue
            control = self.control_blocks[index // self.every]
            image_residual, condition_BND, text_residual = control(
                state.image, condition_BND, state.text, control_BD, context
            )
            if not self.after_block:
                state = state.add(image_residual, text_residual)
            state = adapter.step(block, state)
            if self.after_block:
                state = state.add(image_residual, text_residual)
        return state


EARLIER_CLASSES = {
    "EditNetFromImage": {"from_image": True},
    "EditNetBehind": {"after_block": True},
    "EditNetBlind": {"sees_image": False},
    "EditNetCleanTime": {"clean_time": True},
}
"""Class names of EditNet with one option, in folders written up to version 0.1."""


def __getattr__(name: str) -> Any:
    """Return a class that loads an editor of one of the `EARLIER_CLASSES` as an `EditNet` with the option of that
    class.
    """
    if name not in EARLIER_CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    class RenamedEditNet(EditNet):
        @classmethod
        def from_config(cls, config: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            return EditNet.from_config(config, **EARLIER_CLASSES[name], **kwargs)

    return RenamedEditNet
