"""EditNet: a frozen MMDiT with a control branch that reads the picture to edit (Wei et al. 2024, section 4).

Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.attention import JointTransformerBlock
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor, nn

SMALLEST_SIGMA = 0.05
"""Below this noise level the way from the clean sample to the velocity is not divided further."""


class ControlBlock(nn.Module):
    """A copy of one block of the base, which attends over base image, condition and text tokens together.

    What it found at the condition tokens goes to the base's image tokens at the same positions, what it found at the
    text tokens to the base's text tokens, both through projections that start at zero. A block without a text output
    (`context_pre_only`: the last) adds nothing to the text.
    """

    def __init__(self, block: JointTransformerBlock, width: int) -> None:
        super().__init__()
        self.block = copy.deepcopy(block)
        self.to_image = _zero_linear(width)
        self.to_text = None if block.context_pre_only else _zero_linear(width)

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


class EditNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """The base, frozen, and a control block before each of its blocks.

    Args:
        base_config: of the `SD3Transformer2DModel` (SD3, SD3.5 with dual attention and qk_norm, or smaller).
        prediction_type: what the base's network gives, "velocity" (SD3) or the clean "sample".
    """

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__()
        self.base = SD3Transformer2DModel.from_config(dict(base_config))
        self.base.requires_grad_(False)
        self.condition_embed = copy.deepcopy(self.base.pos_embed).requires_grad_(True)
        self.control_blocks = nn.ModuleList(
            ControlBlock(block, self.base.inner_dim).requires_grad_(True) for block in self.base.transformer_blocks
        )

    @classmethod
    def from_transformer(cls, transformer: SD3Transformer2DModel, prediction_type: str = "velocity") -> "EditNet":
        """An EditNet that computes what `transformer` computes, to the last bit, until its first training step."""
        base_config = {key: value for key, value in transformer.config.items() if not key.startswith("_")}
        net = cls(base_config=base_config, prediction_type=prediction_type)
        # nn.Module's: diffusers' own `to` logs a warning about float32 modules at every cast.
        nn.Module.to(net, device=transformer.device, dtype=transformer.dtype)
        net.base.load_state_dict(transformer.state_dict())
        net.condition_embed.load_state_dict(transformer.pos_embed.state_dict())
        for control, block in zip(net.control_blocks, transformer.transformer_blocks, strict=True):
            control.block.load_state_dict(block.state_dict())
        return net

    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor, condition: Tensor
    ) -> Tensor:
        """Velocity (noise minus clean) of the edited picture's latents, (B, C, H, W).

        Args:
            noisy: (B, C, H, W), the edited picture's latents mixed with noise; H and W multiples of the patch size.
            timestep: (B,), 1000 times the noise level, in [0, 1000].
            prompt_embeds: (B, M, joint_attention_dim), the instruction, a vector a token.
            pooled: (B, pooled_projection_dim), the instruction in one vector.
            condition: (B, C, H, W), latents of the picture to edit; zeros where it is withheld.
        """
        base = self.base
        temb_BD = base.time_text_embed(timestep, pooled)
        text_BMD = base.context_embedder(prompt_embeds)
        image_BND = base.pos_embed(noisy).contiguous()
        condition_BND = self.condition_embed(condition).contiguous()
        for control, block in zip(self.control_blocks, base.transformer_blocks, strict=True):
            image_BND, condition_BND, text_BMD = control(image_BND, condition_BND, text_BMD, temb_BD)
            text_BMD, image_BND = block(hidden_states=image_BND, encoder_hidden_states=text_BMD, temb=temb_BD)
        patches = base.proj_out(base.norm_out(image_BND, temb_BD))
        output = unpatchify(patches, noisy.shape[-2], noisy.shape[-1], base.config.patch_size)
        return to_velocity(output, noisy, timestep, self.config["prediction_type"])


def to_velocity(output: Tensor, noisy: Tensor, timestep: Tensor, prediction_type: str) -> Tensor:
    """The velocity at `noisy` by what a base gave there, all (B, C, H, W).

    A base of few channels predicts the clean sample and is trained on the velocity's loss (Li & He 2025, "Back to
    Basics", section 3): to give the velocity itself it would have to carry the noise of each pixel to its output.
    """
    if prediction_type == "velocity":
        return output
    sigma = (timestep / 1000).clamp(min=SMALLEST_SIGMA)[:, None, None, None]
    return (noisy - output) / sigma


def unpatchify(patches: Tensor, height: int, width: int, patch: int) -> Tensor:
    """(B, N, patch * patch * C) tokens, row by row, to (B, C, height, width) latents."""
    batch, _, features = patches.shape
    channels = features // patch**2
    grid = patches.reshape(batch, height // patch, width // patch, patch, patch, channels)
    return torch.einsum("nhwpqc->nchpwq", grid).reshape(batch, channels, height, width)


def _zero_linear(width: int) -> nn.Linear:
    linear = nn.Linear(width, width)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
