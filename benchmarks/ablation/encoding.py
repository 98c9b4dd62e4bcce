"""Encoders of the experiments: texts to embeddings, images to latents.

Shapes: B texts or images, M tokens, D width, C latent channels, h w latent height and width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from omniedit.imaging.images import Image
from omniedit.models.codec import Vae, encode_arrays
from omniedit.models.conditions import place_references
from omniedit.training.editor.instruction_encoder import InstructionEncoder


@dataclass(frozen=True)
class Texts:
    """Embeddings of texts, cut to their first tokens: (B, tokens, width) and (B, width)."""

    encoder: InstructionEncoder
    tokens: int

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        embeds_BMD, pooled_BD = self.encoder(texts)
        return embeds_BMD[:, : self.tokens], pooled_BD


@torch.no_grad()
def encode_latents(vae: Vae, images: Sequence[Image]) -> Tensor:
    """Encode images of one size to latents (B, C, h, w)."""
    return encode_arrays(vae, np.stack(images))


def encode_references(vae: Vae, references: Sequence[Sequence[Image]], like: Tensor) -> dict[str, Tensor]:
    """Return an editor's inputs `references`, (B, R, C, h, w), and `reference_mask`, (B, R).

    Args:
        references: those of each pair, at the size of its images.
        like: latents of the source images, (B, C, h, w).
    """
    images = [image for some in references for image in some]
    latents = encode_latents(vae, images) if images else like[:0]
    placed, mask = place_references(list(latents), [len(some) for some in references], like.shape[1:])
    return {"references": placed.to(like), "reference_mask": mask.to(like.device)}


def to_pixels(images: Sequence[Image]) -> Tensor:
    """Return images as a tensor (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 127.5 - 1
