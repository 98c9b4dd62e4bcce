"""Batches for both stages of training with a multimodal language model as instruction encoder (SmartEdit).

Shapes: B samples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from omniedit.buckets.store import PairBatch
from omniedit.config.training import TrainConfig
from omniedit.errors import UserError
from omniedit.imaging.images import Image
from omniedit.instructions.left_right import mirrors_randomly
from omniedit.models.base import Base
from omniedit.models.bases.registry import adapt
from omniedit.models.encoders.conditioning import GREY
from omniedit.models.encoders.mllm import QUESTION, MllmEncoder
from omniedit.models.encoders.reader import Reader
from omniedit.training.editor.batches import Augmentation, EditBatchBuilder, select_instructions
from omniedit.training.editor.encoded_pairs import EncodedBatch
from omniedit.training.editor.questions import Questions
from omniedit.training.flow_batches import EditBatch, Embeddings, Rows, cast_inputs, group_by_task
from omniedit.training.objective import flow_loss

QUESTIONS = 7
"""Last number of the seed that draws questions."""


def build_encoder(base: Base, options: TrainConfig) -> MllmEncoder:
    """Build an untrained encoder in place of the text encoders of a base.

    Raises:
        UserError: the language model was not fetched, is incomplete, or takes no images; or the interaction's heads do
            not divide the width of the base's text embeddings.
    """
    encoder_options = options.instruction_encoder
    assert encoder_options.model is not None
    dtype = getattr(torch, options.dtype)
    embeddings, pooled = base.text.encode([""])
    width, heads = embeddings.shape[2], encoder_options.heads
    if encoder_options.interaction != "none" and width % heads:
        raise UserError(
            f"train.instruction_encoder.heads: {heads} does not divide {width}, the width of the base's text embeddings"
            "; give a number that does"
        )
    reader = Reader.load(encoder_options.model, encoder_options.image_side, encoder_options.image_tokens, dtype)
    encoder = MllmEncoder(
        reader,
        embeddings.shape[1],
        width,
        pooled.shape[1],
        adapt(base.transformer).channels,
        encoder_options.interaction,
        inner_width=encoder_options.width,
        layers=encoder_options.layers,
        heads=heads,
    )
    return nn.Module.to(encoder, dtype)


class AlignmentNetwork(nn.Module):
    """Network of the first stage, which trains only reader and QFormer; the interaction gets no gradient."""

    def __init__(self, encoder: MllmEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        encoder.interaction.requires_grad_(False)

    def forward(self, **inputs: Tensor) -> Tensor:
        """Return the loss of each sample, (B,)."""
        return self.encoder.alignment_loss(**inputs)


@dataclass(frozen=True)
class AlignmentBatch:
    """Inputs of `AlignmentNetwork`."""

    tasks: tuple[str, ...]
    inputs: dict[str, Tensor]
    weight: Tensor

    def groups(self) -> dict[str, Tensor]:
        return group_by_task(self.tasks, self.weight.device)


@dataclass(frozen=True)
class AlignmentBatches:
    """Batches of the first stage: source image, one instruction, and the text encoder's embeddings of it.

    Args:
        texts: the text encoder that the language model is aligned with.
    """

    encoder: MllmEncoder
    texts: Embeddings
    seed: int
    weighting = "equal weights"

    def weights(self, pairs: Rows) -> Tensor:
        return torch.ones(len(pairs))

    def build(self, pairs: PairBatch, step: int, first: int) -> AlignmentBatch:
        """Return one rank's batch of a step; its first sample is at position `first` of the whole batch."""
        rngs = [np.random.default_rng([self.seed, step, first + index]) for index in range(len(pairs))]
        numbers = [int(rng.choice(len(pair["instructions"]))) for rng, pair in zip(rngs, pairs.pairs, strict=True)]
        flips = [mirrors_randomly(pair["instructions"], rng) for rng, pair in zip(rngs, pairs.pairs, strict=True)]
        return self._batch(pairs, numbers, flips)

    def held_out(self, pairs: PairBatch) -> Iterator[AlignmentBatch]:
        """Yield a batch of the pairs, not mirrored, with their first instruction."""
        yield self._batch(pairs, [0] * len(pairs), [False] * len(pairs))

    def losses(self, network: nn.Module, batch: AlignmentBatch) -> Tensor:
        return network(**batch.inputs)

    def _batch(self, pairs: PairBatch, numbers: Sequence[int], flips: Sequence[bool]) -> AlignmentBatch:
        texts = select_instructions(pairs, numbers)
        embeddings, pooled = self.texts(texts)
        device = embeddings.device
        read = self.encoder.inputs(augment_images(pairs.source, flips, [True] * len(pairs)), texts)
        inputs = {name: value.to(device) for name, value in read.items()}
        tasks = tuple(str(pair["task"]) for pair in pairs.pairs)
        inputs |= {"prompt_embeds": embeddings, "pooled": pooled}
        return AlignmentBatch(tasks, inputs, self.weights(pairs).to(device))


@dataclass(frozen=True)
class MllmBatchBuilder(EditBatchBuilder):
    """Batches of the second stage: the language model reads source image and instruction in each step.

    Args:
        questions: questions that the language model answers in training, in addition to the pairs.
    """

    encoder: MllmEncoder = field(kw_only=True)
    questions: Questions | None = field(default=None, kw_only=True)

    def build(self, pairs: PairBatch | EncodedBatch, step: int, first: int) -> EditBatch:
        """Return one rank's batch of a step, in which `questions_share` of the rows are questions."""
        batch = super().build(pairs, step, first)
        if self.questions is None:
            return batch
        rng = np.random.default_rng([self.seed, step, first, QUESTIONS])
        share = self.options.instruction_encoder.questions_share
        count = int(len(pairs) * share / (1 - share) + rng.random())  # a small batch has a question only in some steps
        if not count:
            return batch
        questions = self.encoder.reader.question_inputs(*self.questions.draw(count, rng))
        device = batch.target.device
        return replace(
            batch, inputs=batch.inputs | {f"{QUESTION}{name}": x.to(device) for name, x in questions.items()}
        )

    def losses(self, network: nn.Module, batch: EditBatch) -> Tensor:
        """Return each sample's velocity loss plus its language-model loss, 1:1 as published, (B,)."""
        velocity, token_loss_B = network(**cast_inputs(network, batch.inputs))
        return flow_loss(velocity, batch.target) + token_loss_B

    def _text_inputs(
        self, pairs: PairBatch | EncodedBatch, augmentation: Augmentation, like: Tensor
    ) -> dict[str, Tensor]:
        if isinstance(pairs, EncodedBatch):
            raise ValueError(
                "encode_once: a language model reads images, which encoded pairs do not have; set it to false"
            )
        images = augment_images(pairs.source, augmentation.flips, augmentation.sources)
        inputs = self.encoder.inputs(images, select_instructions(pairs, augmentation.numbers))
        return {name: value.to(like.device) for name, value in inputs.items()}


def augment_images(images: np.ndarray, flips: Sequence[bool], sources: Sequence[bool]) -> list[Image]:
    """Return the source images as the language model sees them: mirrored, or grey where the source is dropped."""
    mirrored = [image[:, ::-1] if flip else image for image, flip in zip(images, flips, strict=True)]
    return [
        np.ascontiguousarray(image) if visible else np.full_like(image, GREY)
        for image, visible in zip(mirrored, sources, strict=True)
    ]
