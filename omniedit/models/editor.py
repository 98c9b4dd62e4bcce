"""Base class of all editors: embeds latents as tokens of the base, and converts tokens to a velocity.

Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self, cast

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.attention import JointTransformerBlock
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor, nn

SMALLEST_SIGMA = 0.05
"""Smallest noise level used as the divisor when a clean sample is converted to a velocity."""


class Editor(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Network over a pretrained SD3 whose output equals that of SD3 until it is trained.

    Subclasses create `base` and register their arguments as their config.

    Args:
        base_config: config of the `SD3Transformer2DModel` (SD3, SD3.5 with dual attention and qk_norm, or smaller).
        prediction_type: output of the base, "velocity" (SD3) or the clean "sample".
    """

    base: SD3Transformer2DModel

    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity", **options: Any) -> None:
        super().__init__()

    @classmethod
    def from_transformer(
        cls, transformer: SD3Transformer2DModel, prediction_type: str = "velocity", **options: Any
    ) -> Self:
        """Build an editor whose output equals that of `transformer`, bit for bit, until its first training step."""
        base_config = {key: value for key, value in transformer.config.items() if not key.startswith("_")}
        net = cls(base_config=base_config, prediction_type=prediction_type, **options)
        # nn.Module.to, because diffusers' own `to` logs a warning about float32 modules at every cast.
        nn.Module.to(net, device=transformer.device, dtype=transformer.dtype)
        net.copy_from(transformer)
        return net

    @property
    def base_blocks(self) -> list[JointTransformerBlock]:
        return [cast(JointTransformerBlock, block) for block in self.base.transformer_blocks]

    @property
    def condition_channels(self) -> int:
        """Number of channels of `condition`; by default that of latents."""
        return self.base.config["out_channels"] or self.base.config["in_channels"]

    @abstractmethod
    def copy_from(self, transformer: SD3Transformer2DModel) -> None:
        """Copy the weights of `transformer` to the base and to every copy of its parts in the architecture."""

    @abstractmethod
    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor, condition: Tensor
    ) -> Tensor:
        """Predict the velocity (noise minus clean) of the edited image's latents, (B, C, H, W).

        Args:
            noisy: (B, C, H, W), the edited image's latents mixed with noise; H and W are multiples of the patch size.
            timestep: (B,), 1000 times the noise level, in [0, 1000].
            prompt_embeds: (B, M, joint_attention_dim), the instruction, one vector per token.
            pooled: (B, pooled_projection_dim), the instruction as one vector.
            condition: (B, C, H, W), latents of the source image; zeros drop the condition.
        """

    def embed(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the base's image tokens (B, N, D), text tokens (B, M, D) and modulation (B, D)."""
        temb_BD = self.base.time_text_embed(timestep, pooled)
        return self.base.pos_embed(noisy).contiguous(), self.base.context_embedder(prompt_embeds), temb_BD

    def velocity(self, image_BND: Tensor, temb_BD: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Convert the image tokens after the last block to the velocity, (B, C, H, W)."""
        patches = self.base.proj_out(self.base.norm_out(image_BND, temb_BD))
        output = unpatchify(patches, noisy.shape[-2], noisy.shape[-1], self.base.config["patch_size"])
        return to_velocity(output, noisy, timestep, self.config["prediction_type"])


def frozen_base(base_config: Mapping[str, Any]) -> SD3Transformer2DModel:
    return SD3Transformer2DModel.from_config(dict(base_config)).requires_grad_(False)


def zero_linear(width: int) -> nn.Linear:
    linear = nn.Linear(width, width)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def to_velocity(output: Tensor, noisy: Tensor, timestep: Tensor, prediction_type: str) -> Tensor:
    """Convert the output of a base at `noisy` to the velocity, all (B, C, H, W).

    A base with few channels predicts the clean sample and is trained on the velocity loss (Li & He 2025, "Back to
    Basics", section 3). To predict the velocity itself, it would have to carry the noise of each pixel to its output.
    """
    if prediction_type == "velocity":
        return output
    sigma = (timestep / 1000).clamp(min=SMALLEST_SIGMA)[:, None, None, None]
    return (noisy - output) / sigma


def unpatchify(patches: Tensor, height: int, width: int, patch: int) -> Tensor:
    """Rearrange tokens (B, N, patch * patch * C), row by row, to latents (B, C, height, width)."""
    batch, _, features = patches.shape
    channels = features // patch**2
    grid = patches.reshape(batch, height // patch, width // patch, patch, patch, channels)
    return torch.einsum("nhwpqc->nchpwq", grid).reshape(batch, channels, height, width)
