"""Training and held-out batches of edit pairs.

Every random choice about a sample depends only on (seed, step, position in the whole batch), so the number of ranks
changes nothing. Shapes: B samples, C latent channels, h w latent height and width.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor, nn

from omniedit.aspect import RATIOS
from omniedit.buckets.loader import Batch_co, Reader
from omniedit.buckets.store import PairBatch
from omniedit.buckets.store_layout import HELD_OUT
from omniedit.config.options import FlowOptions, SampleOptions
from omniedit.config.training import TrainConfig
from omniedit.imaging.images import Image
from omniedit.instructions.left_right import names_a_side
from omniedit.models.codec import Vae, encode
from omniedit.models.conditions import NO_CONDITIONS, TakenConditions, place_references
from omniedit.tasks import OMNIEDIT_TASKS, OTHER
from omniedit.training.editor.encoded import EncodedBatch
from omniedit.training.editor.instruction_encoder import InstructionEncoder as InstructionEncoder  # for its callers
from omniedit.training.editor.references import (
    ConditionChoice,
    choose_conditions,
    first_conditions,
    pick_references,
)
from omniedit.training.objective import (
    condition_dropout_masks,
    flow_loss,
    logit_normal,
    rectified_flow_pair,
    shift_sigmas,
    soft_importance,
)

MAX_SCORE = 10.0
HELD_OUT_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Quantiles of the training noise levels; the held-out loss is the mean over them."""
CONDITIONS = 1
"""Last number of the seed of a sample's references and task. They do not change its noise and other choices."""
SIGMA_BANDS = 5
"""Number of equally wide bands of noise levels for which the loss is logged."""
Embeddings = Callable[[Sequence[str]], tuple[Tensor, Tensor]]
"""Function from B texts to embeddings (B, tokens, width) and pooled embeddings (B, width)."""


class Rows(Protocol):
    """Samples read from a store; `pairs` holds at least the `pair_id` of each."""

    @property
    def pairs(self) -> tuple[dict[str, Any], ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, some: slice) -> Self: ...


class Store(Reader[Batch_co], Protocol[Batch_co]):
    """Training data by ratio: `BucketStore`, or photos."""

    def sizes(self) -> dict[str, int]: ...

    def rows(self, ratio: str, split: str) -> np.ndarray: ...


class Batch(Protocol):
    """Interface that training needs of a batch: the network's inputs, and the importance of each sample, (B,)."""

    @property
    def inputs(self) -> dict[str, Tensor]: ...

    @property
    def weight(self) -> Tensor: ...

    def groups(self) -> dict[str, Tensor]:
        """Return the samples of each mean loss to log, by its name, (B,) bool; names are the same in all batches."""
        ...


@dataclass(frozen=True)
class EditBatch:
    """Network inputs and targets of a batch of edits.

    Args:
        inputs: arguments of the network's `forward`.
        target: velocity, (B, C, h, w).
        weight: importance of each sample, (B,).
    """

    inputs: dict[str, Tensor]
    target: Tensor
    weight: Tensor
    tasks: tuple[str, ...] = ()

    def groups(self) -> dict[str, Tensor]:
        """Group the samples by band of noise levels and by task."""
        band_B = (self.inputs["timestep"] / 1000 * SIGMA_BANDS).long().clamp(max=SIGMA_BANDS - 1)
        edges = [band / SIGMA_BANDS for band in range(SIGMA_BANDS + 1)]
        bands = {f"loss_sigma/{edges[band]:.1f}-{edges[band + 1]:.1f}": band_B == band for band in range(SIGMA_BANDS)}
        return bands | (of_tasks(self.tasks, self.weight.device) if self.tasks else {})


def of_tasks(tasks: Sequence[str], device: torch.device) -> dict[str, Tensor]:
    """Return the samples of each of OmniEdit's tasks and of all others, (B,) bool; the names are always the same."""
    names = [task if task in OMNIEDIT_TASKS else OTHER for task in tasks]
    columns = (*OMNIEDIT_TASKS, OTHER)
    return {f"loss_task/{name}": torch.tensor([of == name for of in names], device=device) for name in columns}


def noise_levels(normal_B: Tensor, options: FlowOptions) -> Tensor:
    """Return the training noise levels, (B,), for standard normal draws."""
    return shift_sigmas(logit_normal(normal_B, options.sigma_mean, options.sigma_std), options.sigma_shift)


def flow_inputs(
    clean: Tensor,
    sigma_B: Tensor,
    rngs: Sequence[np.random.Generator],
    embeddings: tuple[Tensor, Tensor],
    condition: Tensor,
) -> tuple[dict[str, Tensor], Tensor]:
    """Return a network's inputs and its velocity target, (B, C, h, w).

    Args:
        clean: latents, (B, C, h, w).
        rngs: random generators of the noise, one for each sample.
        embeddings: those of the texts, as `Embeddings` returns them.
    """
    noise = torch.from_numpy(np.stack([rng.standard_normal(clean.shape[1:], np.float32) for rng in rngs]))
    sigma_B = sigma_B.to(clean)
    noisy, target = rectified_flow_pair(clean, noise.to(clean), sigma_B)
    prompt, pooled = embeddings
    inputs = {"noisy": noisy, "timestep": 1000 * sigma_B, "prompt_embeds": prompt.to(clean), "pooled": pooled.to(clean)}
    return inputs | {"condition": condition}, target


def importance(scores: Sequence[float], options: SampleOptions) -> Tensor:
    """Return the weight in the loss of pairs with these overall scores, as `train.importance` defines, (B,)."""
    if options.importance == "soft":
        return soft_importance(torch.tensor(scores), options.soft_score, options.soft_width)
    return torch.ones(len(scores)) if options.importance == "equal" else torch.tensor([s / 10 for s in scores])


def choose_held_out_pairs(store: Store[Any], most: int) -> list[tuple[str, int]]:
    """Return (ratio, row) of at most `most` held-out pairs, evenly spread."""
    held = [(ratio, row) for ratio in RATIOS for row in store.rows(ratio, HELD_OUT).tolist()]
    return held[:: math.ceil(len(held) / most) or 1]


class Velocities:
    """Common part of all rectified-flow trainings: random numbers, noise, held-out samples and the loss."""

    options: FlowOptions
    seed: int

    def step_rngs(self, pairs: Rows, step: int, first: int) -> list[np.random.Generator]:
        """Return a random generator for each sample of a step; the first is at position `first` of the whole batch."""
        return [np.random.default_rng([self.seed, step, first + place]) for place in range(len(pairs))]

    def fixed_rngs(self, pairs: Rows) -> list[np.random.Generator]:
        """Return a random generator for each sample, seeded by its id."""
        return [np.random.default_rng([self.seed, *pair["pair_id"].encode()]) for pair in pairs.pairs]

    def draw_sigmas(self, rngs: Sequence[np.random.Generator]) -> Tensor:
        """Return random noise levels, (B,)."""
        return noise_levels(torch.tensor([rng.standard_normal() for rng in rngs], dtype=torch.float32), self.options)

    def quantile_sigmas(self, count: int, quantile: float) -> Tensor:
        """Return `count` noise levels, all at one quantile of the random ones."""
        return noise_levels(torch.full((count,), NormalDist().inv_cdf(quantile)), self.options)

    def held_out(self, pairs: Any) -> Iterator[EditBatch]:
        """Yield a batch at each of `HELD_OUT_QUANTILES`."""
        return (self.held_out_at(pairs, quantile) for quantile in HELD_OUT_QUANTILES)

    def held_out_at(self, pairs: Any, quantile: float) -> EditBatch:
        raise NotImplementedError

    def losses(self, network: nn.Module, batch: EditBatch) -> Tensor:
        """Return each sample's velocity loss, (B,), with the network's own weight of noise levels, if it has one."""
        dtype = next(network.parameters()).dtype
        # In bfloat16, a timestep would be off by up to 4 of 1000. Masks and indices are no numbers to compute with.
        as_is = {name: v for name, v in batch.inputs.items() if name == "timestep" or not v.is_floating_point()}
        inputs = {name: value.to(dtype) for name, value in batch.inputs.items() if name not in as_is}
        loss_B = flow_loss(network(**inputs, **as_is), batch.target)
        weight = getattr(network, "loss_weight", None)
        return loss_B if weight is None else loss_B * weight(batch.inputs["timestep"])


@dataclass(frozen=True)
class EditBatchBuilder(Velocities):
    """Builder of training and held-out batches from pairs, encoded in advance or not.

    Args:
        takes: conditions besides source and instruction that the editor takes.
    """

    vae: Vae
    instructions: Embeddings
    options: TrainConfig
    seed: int
    takes: TakenConditions = NO_CONDITIONS

    @property
    def weighting(self) -> str:
        return f"train.importance: {self.options.importance}"

    def weights(self, pairs: Rows) -> Tensor:
        """Return the importance of each pair, (B,). A pair without a score was accepted by hand and has the largest."""
        scores = [MAX_SCORE if pair["o_score"] is None else pair["o_score"] for pair in pairs.pairs]
        return importance(scores, self.options)

    def training(self, pairs: PairBatch | EncodedBatch, step: int, first: int) -> EditBatch:
        """Return one rank's batch of a step; its first sample is at position `first` of the whole batch."""
        rngs = self.step_rngs(pairs, step, first)
        chosen = [int(rng.choice(len(pair["instructions"]))) for rng, pair in zip(rngs, pairs.pairs, strict=True)]
        flips = [
            rng.random() < 0.5 and not names_a_side(pair["instructions"])
            for rng, pair in zip(rngs, pairs.pairs, strict=True)
        ]
        options = self.options
        uniform_B = torch.tensor([rng.random() for rng in rngs])
        keeps_text, keeps_image = condition_dropout_masks(
            uniform_B, options.text_dropout, options.image_dropout, options.both_dropout
        )
        sigma_B = self.draw_sigmas(rngs)
        numbers = [number if keep else None for number, keep in zip(chosen, keeps_text.tolist(), strict=True)]
        source, edited = self._latents(pairs, flips)
        source = source * keeps_image[:, None, None, None].to(source)
        own_rngs = [np.random.default_rng([self.seed, step, first + place, CONDITIONS]) for place in range(len(pairs))]
        chosen_conditions = choose_conditions(pairs.pairs, self.takes, options, keeps_text.tolist(), own_rngs)
        batch = self._batch(pairs, source, edited, numbers, sigma_B, rngs)
        return self._add_conditions(batch, pairs, chosen_conditions, flips)

    def held_out_at(self, pairs: PairBatch | EncodedBatch, quantile: float) -> EditBatch:
        """Return a held-out batch: pairs unflipped, with their first instruction and fixed noise.

        Args:
            quantile: quantile of the training noise levels, for all samples.
        """
        sigma_B, rngs = self.quantile_sigmas(len(pairs), quantile), self.fixed_rngs(pairs)
        flips = [False] * len(pairs)
        source, edited = self._latents(pairs, flips)
        batch = self._batch(pairs, source, edited, [0] * len(pairs), sigma_B, rngs)
        return self._add_conditions(batch, pairs, first_conditions(pairs.pairs, self.takes, self.options), flips)

    def _batch(
        self,
        pairs: PairBatch | EncodedBatch,
        source: Tensor,
        edited: Tensor,
        numbers: Sequence[int | None],
        sigma_B: Tensor,
        rngs: Sequence[np.random.Generator],
    ) -> EditBatch:
        inputs, target = flow_inputs(edited, sigma_B, rngs, self._embeddings(pairs, numbers), source)
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
        if self.takes.tasks:
            inputs["task"] = torch.tensor(chosen.tasks, device=batch.target.device)
        return replace(batch, inputs=inputs)

    def _reference_latents(
        self, pairs: PairBatch | EncodedBatch, chosen: ConditionChoice, flips: Sequence[bool]
    ) -> Sequence[Tensor]:
        """Return the latents of the chosen references, (C, h, w) each, pair after pair, mirrored with their pair."""
        if isinstance(pairs, EncodedBatch):
            return pairs.reference_latents(chosen.references, flips)
        images, mirrored = pick_references(pairs, chosen, flips)
        return list(self._encode(images, mirrored)) if len(images) else []

    def _embeddings(self, pairs: PairBatch | EncodedBatch, numbers: Sequence[int | None]) -> tuple[Tensor, Tensor]:
        """Return embeddings of each pair's instruction of this number; None is the empty text."""
        if isinstance(pairs, EncodedBatch):
            return pairs.embeddings(numbers)
        return self.instructions(
            [
                "" if number is None else pair["instructions"][number]
                for number, pair in zip(numbers, pairs.pairs, strict=True)
            ]
        )

    def _latents(self, pairs: PairBatch | EncodedBatch, flips: Sequence[bool]) -> tuple[Tensor, Tensor]:
        """Return latents of source and edited, (B, C, h, w) float32, mirrored where `flips` is True.

        They have the precision of `train.dtype`, in which they are stored if they are encoded in advance.
        """
        if isinstance(pairs, EncodedBatch):
            source, edited = pairs.latents(flips)
        else:
            source, edited = (self._encode(images, flips) for images in (pairs.source, pairs.edited))
        return source.to(self.vae.device).float(), edited.to(self.vae.device).float()

    @torch.no_grad()
    def _encode(self, images: Sequence[Image] | np.ndarray, flips: Sequence[bool]) -> Tensor:
        mirrored = [image[:, ::-1] if flip else image for image, flip in zip(images, flips, strict=True)]
        pixels = torch.from_numpy(np.stack(mirrored)).to(self.vae.device).permute(0, 3, 1, 2)
        return encode(self.vae, pixels / 127.5 - 1).to(getattr(torch, self.options.dtype))
