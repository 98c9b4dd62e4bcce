"""Sequence concatenation: the source image's tokens follow those of the image that is denoised, as context.

As in FLUX.1-Kontext and Qwen-Image-Edit, each image has its own index on the first axis of rotary positions. SD3 adds
positions to tokens instead, so a learned vector per image, which starts at zero, distinguishes the images.
Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width, R references.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor, nn

from omniedit.models.bases.adapter import BaseState, Inputs, TokenGrid
from omniedit.models.bases.registry import create_transformer
from omniedit.models.editor import Editor

MAX_REFERENCES = 4
"""Number of references for which an editor over SD3 has learned vectors."""


class SequenceConcat(Editor):
    """Editor that trains the whole base on a sequence of all images. References that are missing are not attended to.

    Tokens in context change the attention of all other tokens, so the untrained editor equals its base only with
    `gated`. Published editors have no gate and start from the base's attention over the longer sequence.

    Args:
        gated: run each block with and without the images in context, and blend by a gate that starts at zero. The
            editor then starts equal to the base, and takes about 1.5 times the compute.
    """

    takes = frozenset({"references"})

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity", gated: bool = False) -> None:
        super().__init__(base_config, prediction_type)
        self.base = create_transformer(base_config)
        adapter = self.adapter
        adapter.allow_masks()
        indices = 0 if adapter.indexes_images else 1 + MAX_REFERENCES
        self.image_vectors = nn.Parameter(torch.zeros(indices, adapter.width)) if indices else None
        gates = [nn.Parameter(torch.zeros(adapter.width)) for _ in adapter.blocks] if gated else []
        self.gates = nn.ParameterList(gates)
        self.add_parts()

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        adapter, count = self.adapter, state.image.shape[1]
        joined = self._append_images(state, inputs)
        for number, block in enumerate(self.base_blocks):
            joined = self.before_block(number, joined)
            after = adapter.step(block, joined)
            if self.gates:
                alone = adapter.step(block, replace(joined, image=joined.image[:, :count], context=state.context))
                after = blend(alone, after, self.gates[number])
            joined = after
        return replace(joined, image=joined.image[:, :count])

    def _append_images(self, state: BaseState, inputs: Inputs) -> BaseState:
        """Return the state with the tokens of the source image and the references appended to its image tokens."""
        own = (state.image, state.grid, mark_present(state.image, None))
        parts, grids, present = zip(own, *self.embed_context(state, inputs), strict=True)
        mask = None if inputs.references is None or inputs.reference_mask is None else torch.cat(present, dim=1)
        return replace(state, image=torch.cat(parts, dim=1), context=self.adapter.context(state, grids, mask))

    def embed_context(self, state: BaseState, inputs: Inputs) -> Iterator[tuple[Tensor, TokenGrid, Tensor]]:
        """Yield for each image in context its tokens, (B, N, D), their positions, and which of them are attended to,
        (B, N) bool.
        """
        count = 0 if inputs.references is None else inputs.references.shape[1]
        if self.image_vectors is not None and count > MAX_REFERENCES:
            raise ValueError(f"references: {count} images, but this editor takes at most {MAX_REFERENCES}")
        for index, (latents, present_B) in enumerate(images_in_context(inputs), 1):
            grid = self.adapter.grid(latents, index)
            tokens = self._embed(latents, grid, state, inputs)
            yield tokens, grid, mark_present(tokens, present_B)

    def _embed(self, latents: Tensor, grid: TokenGrid, state: BaseState, inputs: Inputs) -> Tensor:
        adapter = self.adapter
        tokens = adapter.embed_image(adapter.image_embedder, latents, state.modulation, inputs.pooled, grid.index)
        return tokens if self.image_vectors is None else tokens + self.image_vectors[grid.index - 1]


def images_in_context(inputs: Inputs) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield the latents of source image and references, (B, C, H, W), and which samples have them, (B,) or None."""
    yield inputs.condition, None
    if inputs.references is not None:
        for number in range(inputs.references.shape[1]):
            mask = inputs.reference_mask
            yield inputs.references[:, number], None if mask is None else mask[:, number]


def blend(alone: BaseState, joined: BaseState, gate_D: Tensor) -> BaseState:
    """Return a blend of the states of a block without (gate 0) and with (gate 1) images in context."""
    count = alone.image.shape[1]
    image = alone.image + gate_D * (joined.image[:, :count] - alone.image)
    text = None if alone.text is None else alone.text + gate_D * (joined.text - alone.text)
    return replace(joined, image=torch.cat([image, joined.image[:, count:]], dim=1), text=text)


def mark_present(tokens: Tensor, present_B: Tensor | None) -> Tensor:
    """Return which of an image's tokens are attended to, (B, N) bool."""
    everywhere = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
    return everywhere if present_B is None else everywhere & present_B[:, None]
