"""SmartEdit's instruction encoder, and an editor that is trained with it end to end (Huang et al. 2024, section 4).

Shapes: B samples, M instruction embeddings of width D, C latent channels, h w latent height and width.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from omniedit.imaging.images import Image
from omniedit.models.editor import Editor
from omniedit.models.encoders.interaction import Interaction, Mode
from omniedit.models.encoders.qformer import QFormer
from omniedit.models.encoders.reader import Reader, load_reader
from omniedit.models.folder import load_part, read_config

QUESTION = "question_"
"""Prefix of the inputs for questions about images."""


@dataclass(frozen=True)
class EncodedInstructions:
    """Conditions of an editor from images and instructions; they do not depend on the noise level.

    Args:
        prompt_embeds: (B, M, D).
        pooled: (B, pooled width).
        residual: (B, C, h, w), added to the condition; None without interaction.
        token_loss: (B,), the language-model loss.
    """

    prompt_embeds: Tensor
    pooled: Tensor
    residual: Tensor | None
    token_loss: Tensor


class MllmEncoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Reader, QFormer and interaction: a drop-in replacement of an editor's text encoder that sees the source image.

    Args:
        queries: M, number of embeddings of the replaced text encoder.
        width: D, their width.
        pooled_width: width of that text encoder's pooled embedding.
        channels: C, channels of the editor's condition.
        mode: parts of the interaction that exist.
        options: further arguments of `QFormer`.
    """

    def __init__(
        self,
        reader: Reader,
        queries: int,
        width: int,
        pooled_width: int,
        channels: int,
        mode: Mode = "both",
        **options: Any,
    ) -> None:
        super().__init__()
        self.reader = reader
        self.qformer = QFormer(reader.width, queries, width, pooled_width, **options)
        heads = self.qformer.config["heads"]
        self.interaction = Interaction(width, reader.width, channels, heads, mode)

    def save_pretrained(self, save_directory: str | os.PathLike[Any], **options: Any) -> None:  # type: ignore[override]
        """Write all trained parts to a folder, with the name of the language model, which is not copied.

        Args:
            options: arguments of diffusers' method, for the QFormer and the interaction.
        """
        folder = Path(save_directory)
        self.qformer.save_pretrained(folder / "qformer", **options)
        self.interaction.save_pretrained(folder / "interaction", **options)
        self.reader.save(folder)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, pretrained_model_name_or_path: str | os.PathLike[Any], **options: Any
    ) -> Self:
        """Load an encoder that `save_pretrained` wrote, to use it or to train it further.

        Args:
            options: arguments of diffusers' method; only `torch_dtype` is used.

        Raises:
            UserError: the language model was not fetched, or a part is missing or damaged.
        """
        folder, dtype = Path(pretrained_model_name_or_path), options.get("torch_dtype") or torch.float32
        encoder = cls.__new__(cls)
        ModelMixin.__init__(encoder)
        encoder.reader = load_reader(folder, dtype)
        encoder.qformer = load_part(folder / "qformer", (QFormer,), dtype).requires_grad_(True)
        encoder.interaction = _load_interaction(folder / "interaction", dtype).requires_grad_(True)
        return encoder

    def inputs(self, images: Sequence[Image], instructions: Sequence[str]) -> dict[str, Tensor]:
        """Return the arguments of `forward` for B images, (height, width, 3) RGB, and B instructions."""
        return self.reader.inputs(images, instructions)

    def forward(self, latent_size: tuple[int, int], **inputs: Tensor) -> EncodedInstructions:
        """Encode images and instructions.

        Args:
            latent_size: h and w of the condition.
            inputs: the tensors that `inputs` returns.
        """
        reading = self.reader(**inputs)
        text, pooled = self.qformer(reading.hidden)
        text, residual = self.interaction(text, reading.features, reading.grid, latent_size)
        return EncodedInstructions(text, pooled, residual, reading.token_loss)

    def alignment_loss(self, prompt_embeds: Tensor, pooled: Tensor, **inputs: Tensor) -> Tensor:
        """Return the loss of the first stage, (B,): distance from a text encoder's output plus the token loss, weighted
        1:1.

        Args:
            prompt_embeds: (B, M, D), the text encoder's embeddings of the instructions.
            pooled: (B, pooled width), its pooled embeddings.
        """
        reading = self.reader(**inputs)
        text, vector = self.qformer(reading.hidden)
        distance = mse_loss(text, prompt_embeds, reduction="none").mean((1, 2))
        return distance + mse_loss(vector, pooled, reduction="none").mean(1) + reading.token_loss


class MllmEditor(nn.Module):
    """Editor of any architecture with an `MllmEncoder` for its instructions. The second stage trains both."""

    def __init__(self, editor: Editor, encoder: MllmEncoder) -> None:
        super().__init__()
        self.editor, self.encoder = editor, encoder

    def forward(self, noisy: Tensor, timestep: Tensor, condition: Tensor, **inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the velocity, (B, C, h, w), and the token loss, (B,); the paper adds both losses 1:1.

        Args:
            noisy, timestep, condition: as for `Editor.forward`.
            inputs: the tensors that `MllmEncoder.inputs` returns; if there are questions, also the tensors of
                `Reader.question_inputs` with the prefix `QUESTION`. Each question has the weight of a sample.
        """
        questions = {
            name.removeprefix(QUESTION): inputs.pop(name) for name in list(inputs) if name.startswith(QUESTION)
        }
        encoded = self.encoder((condition.shape[-2], condition.shape[-1]), **inputs)
        if encoded.residual is not None:
            condition = condition + encoded.residual
        token_loss_B = encoded.token_loss
        if questions:
            token_loss_B = token_loss_B + self.encoder.reader.answer_loss(**questions).sum() / len(token_loss_B)
        return self.editor(noisy, timestep, encoded.prompt_embeds, encoded.pooled, condition), token_loss_B


def _load_interaction(folder: Path, dtype: torch.dtype) -> Interaction:
    """Load an interaction. In mode "none", it has no weights to read."""
    config = read_config(folder / "config.json")
    if config.get("mode") == "none":
        return Interaction.from_config(config)
    return load_part(folder, (Interaction,), dtype)
