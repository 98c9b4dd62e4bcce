"""Training and held-out batches of edit pairs.

Every random choice about a sample depends only on (seed, step, position in the whole batch), so it does not depend on
the number of ranks. Shapes: B samples, C latent channels, h w latent height and width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from omniedit.buckets.store import PairBatch
from omniedit.config.training import TrainConfig
from omniedit.config.training_options import SampleOptions
from omniedit.imaging.images import Image
from omniedit.instructions.left_right import mirrors_randomly
from omniedit.models.codec import Vae
from omniedit.models.conditions import NO_CONDITIONS, SupportedConditions, place_captions, place_references
from omniedit.training.editor.encoded_pairs import EncodedBatch
from omniedit.training.editor.npy_writer import encode_images
from omniedit.training.editor.references import ConditionChoice, choose_conditions, first_conditions, pick_references
from omniedit.training.flow_batches import EditBatch, Embeddings, FlowBatchBuilder, Rows, flow_inputs, text_inputs
from omniedit.training.objective import condition_dropout_masks, soft_importance

MAX_SCORE = 10.0
CONDITIONS = 1
"""Last number of the seed for a sample's references and task. With a seed of their own, they leave its other random
numbers unchanged."""


@dataclass(frozen=True)
class Augmentation:
    """Choices for each pair of a batch: instruction, mirroring, source image.

    Args:
        numbers: index of the instruction; None for no text.
        flips: whether the images are mirrored.
        sources: whether the source image is a condition.
    """

    numbers: Sequence[int | None]
    flips: Sequence[bool]
    sources: Sequence[bool]


def select_instructions(pairs: Rows, numbers: Sequence[int | None]) -> list[str]:
    """Return each pair's instruction at its index, or the empty text for None."""
    return [
        "" if number is None else pair["instructions"][number]
        for number, pair in zip(numbers, pairs.pairs, strict=True)
    ]


def importance(scores: Sequence[float], options: SampleOptions) -> Tensor:
    """Return the weights in the loss, (B,), of pairs with these overall scores, as `train.importance` defines them."""
    if options.importance == "soft":
        return soft_importance(torch.tensor(scores), options.soft_score, options.soft_width)
    return torch.ones(len(scores)) if options.importance == "equal" else torch.tensor([s / 10 for s in scores])


@dataclass(frozen=True)
class EditBatchBuilder(FlowBatchBuilder):
    """Builder of training and held-out batches from pairs, encoded in advance or not.

    Args:
        takes: conditions besides source and instruction that the editor takes.
    """

    vae: Vae
    instructions: Embeddings
    options: TrainConfig
    seed: int
    takes: SupportedConditions = NO_CONDITIONS

    @property
    def weighting(self) -> str:
        return f"train.importance: {self.options.importance}"

    def weights(self, pairs: Rows) -> Tensor:
        """Return the importance of each pair, (B,). A pair without a score was accepted by hand and has the largest."""
        scores = [MAX_SCORE if pair["o_score"] is None else pair["o_score"] for pair in pairs.pairs]
        return importance(scores, self.options)

    def build(self, pairs: PairBatch | EncodedBatch, step: int, first: int) -> EditBatch:
        """Return one rank's batch of a step; its first sample is at position `first` of the whole batch."""
        rngs = self.step_rngs(pairs, step, first)
        chosen = [int(rng.choice(len(pair["instructions"]))) for rng, pair in zip(rngs, pairs.pairs, strict=True)]
        flips = [mirrors_randomly(pair["instructions"], rng) for rng, pair in zip(rngs, pairs.pairs, strict=True)]
        options = self.options
        uniform_B = torch.tensor([rng.random() for rng in rngs])
        keeps_text, keeps_image = condition_dropout_masks(
            uniform_B, options.text_dropout, options.image_dropout, options.both_dropout
        )
        sigma_B = self.draw_sigmas(rngs)
        numbers = [number if keep else None for number, keep in zip(chosen, keeps_text.tolist(), strict=True)]
        source, edited = self._latents(pairs, flips)
        source = source * keeps_image[:, None, None, None].to(source)
        own_rngs = [np.random.default_rng([self.seed, step, first + index, CONDITIONS]) for index in range(len(pairs))]
        chosen_conditions = choose_conditions(pairs.pairs, self.takes, options, keeps_text.tolist(), own_rngs)
        augmentation = Augmentation(numbers, flips, keeps_image.tolist())
        batch = self._batch(pairs, source, edited, augmentation, sigma_B, rngs)
        return self._add_conditions(batch, pairs, chosen_conditions, flips)

    def held_out_at(self, pairs: PairBatch | EncodedBatch, quantile: float) -> EditBatch:
        """Return a held-out batch: pairs unflipped, with their first instruction and fixed noise.

        Args:
            quantile: quantile of the training noise levels, for all samples.
        """
        sigma_B, rngs = self.quantile_sigmas(len(pairs), quantile), self.fixed_rngs(pairs)
        flips = [False] * len(pairs)
        source, edited = self._latents(pairs, flips)
        augmentation = Augmentation([0] * len(pairs), flips, [True] * len(pairs))
        batch = self._batch(pairs, source, edited, augmentation, sigma_B, rngs)
        return self._add_conditions(batch, pairs, first_conditions(pairs.pairs, self.takes, self.options), flips)

    def _batch(
        self,
        pairs: PairBatch | EncodedBatch,
        source: Tensor,
        edited: Tensor,
        augmentation: Augmentation,
        sigma_B: Tensor,
        rngs: Sequence[np.random.Generator],
    ) -> EditBatch:
        inputs, target = flow_inputs(edited, sigma_B, rngs, self._text_inputs(pairs, augmentation, edited), source)
        weight = self.weights(pairs).to(edited)
        return EditBatch(inputs, target, weight, tuple(pair["task"] for pair in pairs.pairs))

    def _add_conditions(
        self, batch: EditBatch, pairs: PairBatch | EncodedBatch, chosen: ConditionChoice, flips: Sequence[bool]
    ) -> EditBatch:
        """Add to a batch the conditions that the editor takes besides source and instruction."""
        inputs = dict(batch.inputs)
        if self.takes.references:
            latents = self._reference_latents(pairs, chosen, flips)
            counts = [len(numbers) for numbers in chosen.references]
            references, mask = place_references(latents, counts, batch.target.shape[1:])
            inputs |= {"references": references.to(batch.target), "reference_mask": mask.to(batch.target.device)}
        if self.takes.captions:
            inputs |= self._caption_inputs(pairs, chosen, batch.target)
        if self.takes.tasks:
            inputs["task"] = torch.tensor(chosen.tasks, device=batch.target.device)
        return replace(batch, inputs=inputs)

    def _caption_inputs(
        self, pairs: PairBatch | EncodedBatch, chosen: ConditionChoice, like: Tensor
    ) -> dict[str, Tensor]:
        """Return the network's inputs for the captions of references. If there is no reference, its caption is the
        empty text.
        """
        counts = [len(texts) for texts in chosen.captions]
        texts = [text for caption in chosen.captions for text in caption]
        if not texts:
            counts, texts = [1] * len(counts), [""] * len(counts)
            embeddings = (
                self.instructions(texts) if isinstance(pairs, PairBatch) else pairs.embeddings([None] * len(pairs))
            )
        elif isinstance(pairs, EncodedBatch):
            embeddings = pairs.caption_embeddings(chosen.references, chosen.captions)
        else:
            embeddings = self.instructions(texts)
        prompts, pooled = place_captions(embeddings, counts)
        return {"reference_prompts": prompts.to(like), "reference_pooled": pooled.to(like)}

    def _reference_latents(
        self, pairs: PairBatch | EncodedBatch, chosen: ConditionChoice, flips: Sequence[bool]
    ) -> Sequence[Tensor]:
        """Return the latents of the chosen references, (C, h, w) each, pair after pair, mirrored with their pair."""
        if isinstance(pairs, EncodedBatch):
            return pairs.reference_latents(chosen.references, flips)
        images, mirrored = pick_references(pairs, chosen, flips)
        return list(self._encode(images, mirrored)) if len(images) else []

    def _text_inputs(
        self, pairs: PairBatch | EncodedBatch, augmentation: Augmentation, like: Tensor
    ) -> dict[str, Tensor]:
        """Return the network's inputs that represent the instructions."""
        if isinstance(pairs, EncodedBatch):
            return text_inputs(pairs.embeddings(augmentation.numbers), like)
        return text_inputs(self.instructions(select_instructions(pairs, augmentation.numbers)), like)

    def _latents(self, pairs: PairBatch | EncodedBatch, flips: Sequence[bool]) -> tuple[Tensor, Tensor]:
        """Return latents of source and edited, (B, C, h, w) float32, mirrored where `flips` is True.

        They are rounded to `train.dtype`, the type in which latents encoded in advance are stored.
        """
        if isinstance(pairs, EncodedBatch):
            source, edited = pairs.latents(flips)
        else:
            source, edited = (self._encode(images, flips) for images in (pairs.source, pairs.edited))
        return source.to(self.vae.device).float(), edited.to(self.vae.device).float()

    def _encode(self, images: Sequence[Image] | np.ndarray, flips: Sequence[bool]) -> Tensor:
        mirrored = [image[:, ::-1] if flip else image for image, flip in zip(images, flips, strict=True)]
        return encode_images(self.vae, np.stack(mirrored), self.options.dtype)
