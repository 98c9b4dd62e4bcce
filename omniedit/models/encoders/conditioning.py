"""Conditioning of a sampled edit by a multimodal language model, which reads image and instruction once per edit.

Shapes: B images, C latent channels, h w latent height and width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from omniedit.imaging.images import Image
from omniedit.models.encoders.mllm import Encoded, MllmEncoder
from omniedit.models.prepared_edit import PreparedEdit
from omniedit.models.sampling import Conditioning

GREY = 128
"""Grey level, of 255, that the language model sees in place of a source image that is withheld, as in training."""


@dataclass(frozen=True, kw_only=True)
class MllmConditioning(Conditioning):
    """Conditioning whose branches of the guidance each have their own reading of image and text.

    Args:
        neither: embeddings and pooled embeddings without source image and instruction.
        residuals: residual of the condition, (B, C, h, w), by branch: "both", "source", "neither"; None without one.
    """

    neither: tuple[Tensor, Tensor]
    residuals: dict[str, Tensor | None]

    def inputs(self, given: str) -> dict[str, Tensor]:
        inputs = super().inputs(given)
        if given == "neither":
            inputs |= {"prompt_embeds": self.neither[0], "pooled": self.neither[1]}
        residual = self.residuals[given]
        return inputs if residual is None else inputs | {"condition": inputs["condition"] + residual}


def read_edits(encoder: MllmEncoder, edits: Sequence[PreparedEdit], source: Tensor) -> MllmConditioning:
    """Encode images and instructions of edits of one size, for each branch of the guidance.

    Args:
        source: latents of the source images, (B, C, h, w).
    """
    images = [_pixels(edit) for edit in edits]
    negatives = [edit.negative for edit in edits]

    def read(shown: Sequence[Image], texts: Sequence[str]) -> Encoded:
        inputs = {name: value.to(source.device) for name, value in encoder.inputs(shown, texts).items()}
        return encoder((source.shape[-2], source.shape[-1]), **inputs)

    both = read(images, [edit.instruction for edit in edits])
    alone, neither = read(images, negatives), read([np.full_like(image, GREY) for image in images], negatives)
    return MllmConditioning(
        source,
        both.prompt_embeds,
        alone.prompt_embeds,
        both.pooled,
        alone.pooled,
        neither=(neither.prompt_embeds, neither.pooled),
        residuals={"both": both.residual, "source": alone.residual, "neither": neither.residual},
    )


def _pixels(edit: PreparedEdit) -> Image:
    """Return the source image at full size, (H, W, 3) uint8."""
    return (edit.full[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
