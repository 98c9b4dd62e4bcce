"""Conditioning of a sampled edit by a multimodal language model, which reads image and instruction once per edit.

Shapes: B images, C latent channels, h w latent height and width.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from omniedit.imaging.images import Image
from omniedit.models.encoders.mllm import EncodedInstructions, MllmEncoder
from omniedit.models.prepared_edit import PreparedEdit
from omniedit.models.sampling import BRANCHES, Conditioning

GREY = 128
"""Grey level, 0-255, that the language model sees in place of a withheld source image, as in training."""


@dataclass(frozen=True, kw_only=True)
class MllmConditioning(Conditioning):
    """Conditioning in which the language model reads image and text separately for each branch of the guidance.

    Args:
        neither: embeddings and pooled embeddings without source image and instruction.
        residuals: residual of the condition, (B, C, h, w), by the branch that was read; None if there is no
            interaction.
    """

    neither: tuple[Tensor, Tensor]
    residuals: dict[str, Tensor | None]

    def inputs(self, term: str) -> dict[str, Tensor]:
        inputs = super().inputs(term)
        if term == "neither":
            inputs |= {"prompt_embeds": self.neither[0], "pooled": self.neither[1]}
        residual = self.residuals[term]
        return inputs if residual is None else inputs | {"condition": inputs["condition"] + residual}


def read_edits(
    encoder: MllmEncoder, edits: Sequence[PreparedEdit], source: Tensor, branches: Collection[str] = BRANCHES
) -> MllmConditioning:
    """Encode images and instructions of edits of one size, for the branches of the guidance that are used.

    Args:
        source: latents of the source images, (B, C, h, w).
        branches: entries of `BRANCHES` to read, at least one. The other branches get the embeddings of one that is
            read.
    """
    images = [_pixels(edit) for edit in edits]
    negatives = [edit.negative for edit in edits]

    def read(branch: str) -> EncodedInstructions:
        visible = [np.full_like(image, GREY) for image in images] if branch == "neither" else images
        texts = [edit.instruction for edit in edits] if branch == "both" else negatives
        inputs = {name: value.to(source.device) for name, value in encoder.inputs(visible, texts).items()}
        return encoder((source.shape[-2], source.shape[-1]), **inputs)

    readings = {branch: read(branch) for branch in BRANCHES if branch in branches}
    some = next(iter(readings.values()))
    both, alone, neither = (readings.get(branch, some) for branch in BRANCHES)
    return MllmConditioning(
        source,
        both.prompt_embeds,
        alone.prompt_embeds,
        both.pooled,
        alone.pooled,
        neither=(neither.prompt_embeds, neither.pooled),
        residuals={branch: reading.residual for branch, reading in readings.items()},
    )


def _pixels(edit: PreparedEdit) -> Image:
    """Return the source image at full size, (H, W, 3) uint8."""
    return (edit.full[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
