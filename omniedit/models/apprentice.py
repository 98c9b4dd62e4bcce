"""Editors that learn a subject from demonstrations at inference, without fine-tuning (Chen et al. 2023, SuTI).

EditNet and sequence concatenation read them in one of two ways: as tokens in context or, as published, by
cross-attention layers before each block of the base. The outputs of these layers start at zero.

Shapes: B batch, R demonstrations, N image tokens, D width.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor, nn

from omniedit.models.bases.adapter import Adapter, BaseState, Inputs, TokenGrid
from omniedit.models.bases.registry import adapt
from omniedit.models.demonstrations import DemonstrationEncoder, DemonstrationMemory, Demonstrations
from omniedit.models.editnet import EditNet
from omniedit.models.editor import Editor
from omniedit.models.routed_editnet import (
    Prefix,
    RoutedEditNet,
    get_references,
    has_pooled_text,
    init_editnet,
    run_control,
)
from omniedit.models.routing import Experts, prompt_width
from omniedit.models.sequence_concat import SequenceConcat, mark_present

CONDITION_INPUTS = frozenset({"references", "captions"})
FIRST_INDEX = 2
"""Index of the first demonstration among the images of a sequence: after the denoised image (0) and the source (1)."""


class CrossAttention(Editor):
    """Mixin for editors with cross-attention to demonstrations before each block of the base."""

    demonstrations: DemonstrationMemory
    readers: nn.ModuleList

    def add_parts(self) -> None:
        """Add the encoder of demonstrations and the layers that read them."""
        adapter = self.adapter
        inner = prompt_width(adapter.width)
        sizes = adapter.channels, adapter.patch, inner, adapter.text_width
        self.demonstrations = DemonstrationMemory(*sizes, masks_text=not has_pooled_text(adapter))
        self.readers = nn.ModuleList(Experts(adapter.width, inner, 1) for _ in adapter.blocks)

    def embed(self, inputs: Inputs) -> BaseState:
        memory = self.demonstrations(*get_references(inputs), inputs.reference_prompts, inputs.reference_pooled)
        return replace(super().embed(inputs), memory=memory)

    def before_block(self, index: int, state: BaseState) -> BaseState:
        return replace(state, image=state.image + self.readers[index](state.image, state.memory))


class CrossEditNet(CrossAttention, EditNet):  # type: ignore[misc]
    """EditNet whose frozen base reads demonstrations by cross-attention."""

    takes = CONDITION_INPUTS

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        init_editnet(self, base_config, prediction_type)
        self.add_parts()


class CrossRoutedEditNet(CrossAttention, RoutedEditNet):  # type: ignore[misc]
    """EditNet with task-aware routing whose base reads demonstrations by cross-attention.

    The experts' visual prompt represents the same images, without their captions.
    """

    takes = CONDITION_INPUTS | {"task"}


class CrossSequenceConcat(CrossAttention, SequenceConcat):  # type: ignore[misc]
    """Sequence concatenation of the source image; demonstrations are read by cross-attention and not in context."""

    takes = CONDITION_INPUTS

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        return super().run_blocks(state, replace(inputs, references=None, reference_mask=None))


class InContext(Editor):
    """Mixin for editors that read demonstrations in context. Their embedding starts as a copy of the base's image
    embedding.
    """

    demonstrations: DemonstrationEncoder

    def add_parts(self) -> None:
        self.demonstrations = in_context_encoder(self.adapter)

    def copy_from(self, transformer: Any) -> None:
        super().copy_from(transformer)
        self.demonstrations.embedder.load_state_dict(adapt(transformer).image_embedder.state_dict())


class InContextEditNet(InContext, EditNet):  # type: ignore[misc]
    """EditNet whose control branch reads the tokens of the demonstrations, followed by those of the source image."""

    takes = CONDITION_INPUTS

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        init_editnet(self, base_config, prediction_type)
        self.adapter.allow_masks(self.control_blocks)
        self.add_parts()

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        demonstrations = encode_demonstrations(self.demonstrations, inputs)
        grids = list_grids(self.adapter, inputs, demonstrations)
        prefix = Prefix(demonstrations.images.flatten(1, 2), grids, mask_padding(demonstrations, grids).flatten(1))
        return run_control(self, state, inputs, prefix)


class InContextSequenceConcat(InContext, SequenceConcat):  # type: ignore[misc]
    """Sequence concatenation of the source image and of demonstrations, each image with its caption."""

    takes = CONDITION_INPUTS

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        references, mask = get_references(inputs)
        return super().run_blocks(state, replace(inputs, references=references, reference_mask=mask))

    def embed_context(self, state: BaseState, inputs: Inputs) -> Iterator[tuple[Tensor, TokenGrid, Tensor]]:
        source = self.adapter.grid(inputs.condition, 1)
        tokens = self._embed(inputs.condition, source, state, inputs)
        yield tokens, source, mark_present(tokens, None)
        demonstrations = encode_demonstrations(self.demonstrations, inputs)
        grids = list_grids(self.adapter, inputs, demonstrations)
        present = mask_padding(demonstrations, grids)
        for number, grid in enumerate(grids):
            yield demonstrations.images[:, number].to(tokens), grid, present[:, number]


def in_context_encoder(adapter: Adapter) -> DemonstrationEncoder:
    """Return an encoder whose embedding starts as a copy of the base's image embedding."""
    embedder = copy.deepcopy(adapter.image_embedder).requires_grad_(True)
    masks_text = not has_pooled_text(adapter)
    return DemonstrationEncoder(embedder, adapter.embed_clean, adapter.width, adapter.text_width, masks_text)


def encode_demonstrations(encoder: DemonstrationEncoder, inputs: Inputs) -> Demonstrations:
    """Encode the demonstrations of a batch. If none are given, encode a single one that is masked."""
    demonstrations: Demonstrations = encoder(*get_references(inputs), inputs.reference_prompts, inputs.reference_pooled)
    return demonstrations


def list_grids(adapter: Adapter, inputs: Inputs, demonstrations: Demonstrations) -> list[TokenGrid]:
    """Return the positions of the image tokens of each demonstration; each demonstration has its own index."""
    latents = inputs.noisy if inputs.references is None else inputs.references
    return [adapter.grid(latents, FIRST_INDEX + number) for number in range(demonstrations.images.shape[1])]


def mask_padding(demonstrations: Demonstrations, grids: Sequence[TokenGrid]) -> Tensor:
    """Return which image tokens are attended to, (B, R, N) bool: neither padding nor tokens of missing
    demonstrations.
    """
    mask = demonstrations.image_mask.clone()
    mask[..., len(grids[0]) :] = False
    return mask
