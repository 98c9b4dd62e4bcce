"""What every architecture of an editor shares: a base that makes tokens of latents, and the way back to a velocity.

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
"""Below this noise level the way from the clean sample to the velocity is not divided further."""


class Editor(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A network over a pre-trained SD3 that equals it until it is trained.

    Subclasses make `base` and register their arguments as their config.

    Args:
        base_config: of the `SD3Transformer2DModel` (SD3, SD3.5 with dual attention and qk_norm, or smaller).
        prediction_type: what the base's network gives, "velocity" (SD3) or the clean "sample".
    """

    base: SD3Transformer2DModel

    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__()

    @classmethod
    def from_transformer(cls, transformer: SD3Transformer2DModel, prediction_type: str = "velocity") -> Self:
        """An editor that computes what `transformer` computes, to the last bit, until its first training step."""
        base_config = {key: value for key, value in transformer.config.items() if not key.startswith("_")}
        net = cls(base_config=base_config, prediction_type=prediction_type)
        # nn.Module's: diffusers' own `to` logs a warning about float32 modules at every cast.
        nn.Module.to(net, device=transformer.device, dtype=transformer.dtype)
        net.copy_from(transformer)
        return net

    @property
    def base_blocks(self) -> list[JointTransformerBlock]:
        return [cast(JointTransformerBlock, block) for block in self.base.transformer_blocks]

    @property
    def condition_channels(self) -> int:
        """Of `condition`: those of latents."""
        return self.base.config["out_channels"] or self.base.config["in_channels"]

    @abstractmethod
    def copy_from(self, transformer: SD3Transformer2DModel) -> None:
        """Take over the base's weights, wherever the architecture has copies of them."""

    @abstractmethod
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

    def embed(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The base's image tokens (B, N, D), text tokens (B, M, D) and modulation (B, D)."""
        temb_BD = self.base.time_text_embed(timestep, pooled)
        return self.base.pos_embed(noisy).contiguous(), self.base.context_embedder(prompt_embeds), temb_BD

    def velocity(self, image_BND: Tensor, temb_BD: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        """What the tokens behind the last block say, (B, C, H, W)."""
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
