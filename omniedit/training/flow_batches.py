"""Batches of all rectified-flow trainings: interfaces, noise, held-out samples and the loss.

Shapes: B samples, C latent channels, h w latent height and width.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor, nn

from omniedit.aspect import RATIOS
from omniedit.buckets.loader import Batch_co, PairReader
from omniedit.buckets.store_layout import HELD_OUT
from omniedit.config.training_options import FlowOptions
from omniedit.tasks import OMNIEDIT_TASKS, UNREGISTERED
from omniedit.training.objective import flow_loss, logit_normal, rectified_flow_pair, shift_sigmas

HELD_OUT_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Quantiles of the training noise levels; the held-out loss is the mean over them."""
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


class TrainingStore(PairReader[Batch_co], Protocol[Batch_co]):
    """Training data by ratio: `BucketStore`, or photos."""

    def sizes(self) -> dict[str, int]: ...

    def rows(self, ratio: str, split: str) -> np.ndarray: ...


class Batch(Protocol):
    """Interface of a training batch: the network's inputs, and the importance of each sample, (B,)."""

    @property
    def inputs(self) -> dict[str, Tensor]: ...

    @property
    def weight(self) -> Tensor: ...

    def groups(self) -> dict[str, Tensor]:
        """Return the masks of the samples, (B,) bool, over which mean losses are logged, by name. All batches have the
        same names.
        """
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
        return bands | (group_by_task(self.tasks, self.weight.device) if self.tasks else {})


def group_by_task(tasks: Sequence[str], device: torch.device) -> dict[str, Tensor]:
    """Return, by name, the samples of each of OmniEdit's tasks and of all other tasks, (B,) bool."""
    names = [task if task in OMNIEDIT_TASKS else UNREGISTERED for task in tasks]
    columns = (*OMNIEDIT_TASKS, UNREGISTERED)
    return {f"loss_task/{name}": torch.tensor([of == name for of in names], device=device) for name in columns}


def noise_levels(normal_B: Tensor, options: FlowOptions) -> Tensor:
    """Return the training noise levels, (B,), for standard normal draws."""
    return shift_sigmas(logit_normal(normal_B, options.sigma_mean, options.sigma_std), options.sigma_shift)


def flow_inputs(
    clean: Tensor, sigma_B: Tensor, rngs: Sequence[np.random.Generator], texts: Mapping[str, Tensor], condition: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Return a network's inputs and its velocity target, (B, C, h, w).

    Args:
        clean: latents, (B, C, h, w).
        rngs: random generators of the noise, one for each sample.
        texts: inputs that represent the texts, such as those of `text_inputs`.
    """
    noise = torch.from_numpy(np.stack([rng.standard_normal(clean.shape[1:], np.float32) for rng in rngs]))
    sigma_B = sigma_B.to(clean)
    noisy, target = rectified_flow_pair(clean, noise.to(clean), sigma_B)
    return {"noisy": noisy, "timestep": 1000 * sigma_B, "condition": condition, **texts}, target


def text_inputs(embeddings: tuple[Tensor, Tensor], like: Tensor) -> dict[str, Tensor]:
    """Return the inputs of a network that takes text embeddings, with device and precision of `like`."""
    prompt, pooled = embeddings
    return {"prompt_embeds": prompt.to(like), "pooled": pooled.to(like)}


def choose_held_out_pairs(store: TrainingStore[Any], limit: int) -> list[tuple[str, int]]:
    """Return (ratio, row) of at most `limit` evenly spaced held-out pairs."""
    pairs = [(ratio, row) for ratio in RATIOS for row in store.rows(ratio, HELD_OUT).tolist()]
    return pairs[:: math.ceil(len(pairs) / limit) or 1]


class FlowBatchBuilder:
    """Base of the batch builders of rectified-flow trainings: random numbers, noise, held-out samples and the loss."""

    options: FlowOptions
    seed: int

    def step_rngs(self, pairs: Rows, step: int, first: int) -> list[np.random.Generator]:
        """Return a random generator for each sample of a step; the first is at position `first` of the whole batch."""
        return [np.random.default_rng([self.seed, step, first + index]) for index in range(len(pairs))]

    def fixed_rngs(self, pairs: Rows) -> list[np.random.Generator]:
        """Return a random generator for each sample, seeded by its id."""
        return [np.random.default_rng([self.seed, *pair["pair_id"].encode()]) for pair in pairs.pairs]

    def draw_sigmas(self, rngs: Sequence[np.random.Generator]) -> Tensor:
        """Return random noise levels, (B,)."""
        return noise_levels(torch.tensor([rng.standard_normal() for rng in rngs], dtype=torch.float32), self.options)

    def quantile_sigmas(self, count: int, quantile: float) -> Tensor:
        """Return `count` noise levels, all at one quantile of the training noise levels."""
        return noise_levels(torch.full((count,), NormalDist().inv_cdf(quantile)), self.options)

    def held_out(self, pairs: Any) -> Iterator[EditBatch]:
        """Yield a batch at each of `HELD_OUT_QUANTILES`."""
        return (self.held_out_at(pairs, quantile) for quantile in HELD_OUT_QUANTILES)

    def held_out_at(self, pairs: Any, quantile: float) -> EditBatch:
        raise NotImplementedError

    def losses(self, network: nn.Module, batch: EditBatch) -> Tensor:
        """Return each sample's velocity loss, (B,), multiplied by the network's weight of the noise level, if it
        defines one.
        """
        loss_B = flow_loss(network(**cast_inputs(network, batch.inputs)), batch.target)
        weight = getattr(network, "loss_weight", None)
        return loss_B if weight is None else loss_B * weight(batch.inputs["timestep"])


def cast_inputs(network: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the inputs in the network's precision, except timesteps, masks and indices."""
    dtype = next(network.parameters()).dtype
    # In bfloat16, the error of a timestep (0 to 1000) would be up to 4. Masks and indices are not floating-point
    # values.
    as_is = {name for name, value in inputs.items() if name == "timestep" or not value.is_floating_point()}
    return {name: value if name in as_is else value.to(dtype) for name, value in inputs.items()}
