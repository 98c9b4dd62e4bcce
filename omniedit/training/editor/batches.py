"""From pairs of pictures to what a training step computes on.

Every random choice about a sample follows from (seed, step, its place in the whole batch) alone, so that the number
of ranks changes nothing. Shapes: B samples, C latent channels, h w latent height and width.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor, nn

from omniedit.aspect import RATIOS
from omniedit.buckets.layout import HELD_OUT
from omniedit.buckets.loader import Batch_co, Reader
from omniedit.buckets.store import PairBatch
from omniedit.config.schema import TrainConfig
from omniedit.instructions.sides import names_a_side
from omniedit.models.codec import Vae, encode
from omniedit.models.text import Text
from omniedit.tasks import Task
from omniedit.training.editor.encoded import EncodedBatch
from omniedit.training.objective import (
    condition_dropout_masks,
    flow_loss,
    logit_normal,
    rectified_flow_pair,
    shift_sigmas,
    soft_importance,
)

HELD_OUT_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Of the noise levels of training: at these the held-out loss is measured, and it is their mean."""
SIGMA_BANDS = 5
"""Bands of noise levels, of equal width, by which the loss is told."""
Embeddings = Callable[[Sequence[str]], tuple[Tensor, Tensor]]
"""Of B texts, (B, tokens, width) and (B, width)."""


class Rows(Protocol):
    """What a store reads: so many of its pairs, each with its `pair_id`, `o_score` and more in `pairs`."""

    @property
    def pairs(self) -> tuple[dict[str, Any], ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, some: slice) -> Self: ...


class Store(Reader[Batch_co], Protocol[Batch_co]):
    """What is trained on, by ratio: `BucketStore`, or photos."""

    def sizes(self) -> dict[str, int]: ...

    def rows(self, ratio: str, split: str) -> np.ndarray: ...


class Batch(Protocol):
    """What training needs of a batch, whatever the network makes of it: the importance of each sample, (B,)."""

    @property
    def inputs(self) -> dict[str, Tensor]: ...

    @property
    def weight(self) -> Tensor: ...

    def groups(self) -> dict[str, Tensor]:
        """Names of the means that are told of the loss -> which samples each is over, (B,); the same in all batches."""
        ...


@dataclass(frozen=True)
class EditBatch:
    """What the network sees of a batch and what it should answer.

    Args:
        inputs: arguments of the network's `forward`.
        target: velocity, (B, C, h, w).
        weight: importance of each sample, (B,).
    """

    pair_ids: tuple[str, ...]
    tasks: tuple[str, ...]
    inputs: dict[str, Tensor]
    target: Tensor
    weight: Tensor

    def groups(self) -> dict[str, Tensor]:
        """By bands of noise levels and by tasks."""
        band_B = (self.inputs["timestep"] / 1000 * SIGMA_BANDS).long().clamp(max=SIGMA_BANDS - 1)
        edges = [band / SIGMA_BANDS for band in range(SIGMA_BANDS + 1)]
        bands = {f"loss_sigma/{edges[band]:.1f}-{edges[band + 1]:.1f}": band_B == band for band in range(SIGMA_BANDS)}
        return bands | of_tasks(self.tasks, self.weight.device)


def of_tasks(tasks: Sequence[str], device: torch.device) -> dict[str, Tensor]:
    """Groups of a batch: the samples of each task."""
    return {f"loss_task/{task}": torch.tensor([of == task for of in tasks], device=device) for task in Task}


@dataclass
class InstructionEncoder:
    """Embeddings of instructions, each encoded once while it is among those used last that fit in `capacity` bytes.

    MiniLM's take 50 kB each, SD3's 2.7 MB in bfloat16.
    """

    text: Text
    capacity: int = 2**29

    def __post_init__(self) -> None:
        self._known: OrderedDict[str, tuple[Tensor, Tensor]] = OrderedDict()

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(B, tokens, width) and (B, width), as `Text.encode` gives them."""
        new = sorted({text for text in texts if text not in self._known})
        if new:
            rows = zip(*self.text.encode(new), strict=True)
            self._known.update(
                {text: (tokens.clone(), whole.clone()) for text, (tokens, whole) in zip(new, rows, strict=True)}
            )
        for text in texts:
            self._known.move_to_end(text)
        embeds, pooled = zip(*(self._known[text] for text in texts), strict=True)
        size = embeds[0].nbytes + pooled[0].nbytes
        while len(self._known) * size > self.capacity:
            self._known.popitem(last=False)
        return torch.stack(embeds), torch.stack(pooled)


def noise_levels(normal_B: Tensor, options: TrainConfig) -> Tensor:
    """Of a training, from standard normal draws."""
    return shift_sigmas(logit_normal(normal_B, options.sigma_mean, options.sigma_std), options.sigma_shift)


def importance(pairs: Rows, options: TrainConfig) -> Tensor:
    """How much each sample weighs in the loss, (B,), by its overall score, as `train.importance` says."""
    scores = [pair["o_score"] for pair in pairs.pairs]
    if options.importance == "soft":
        return soft_importance(torch.tensor(scores), options.soft_score, options.soft_width)
    return torch.ones(len(scores)) if options.importance == "equal" else torch.tensor([s / 10 for s in scores])


def choose_held_out_pairs(store: Store[Any], most: int) -> list[tuple[str, int]]:
    """(ratio, row) of held-out pairs, all or `most` of them, spread evenly."""
    held = [(ratio, row) for ratio in RATIOS for row in store.rows(ratio, HELD_OUT).tolist()]
    return held[:: math.ceil(len(held) / most) or 1]


class Velocities:
    """What all trainings of rectified flow have in common: held-out pairs at several noise levels, and the loss."""

    def held_out(self, pairs: Any) -> Iterator[EditBatch]:
        """At each of `HELD_OUT_QUANTILES` of the noise levels."""
        return (self.held_out_at(pairs, quantile) for quantile in HELD_OUT_QUANTILES)

    def held_out_at(self, pairs: Any, quantile: float) -> EditBatch:
        raise NotImplementedError

    def losses(self, network: nn.Module, batch: EditBatch) -> Tensor:
        """(B,): of the velocity."""
        dtype = next(network.parameters()).dtype
        # A noise level in bfloat16 would be off by up to 4 of 1000.
        inputs = {name: value if name == "timestep" else value.to(dtype) for name, value in batch.inputs.items()}
        return flow_loss(network(**inputs), batch.target)


@dataclass(frozen=True)
class EditBatchBuilder(Velocities):
    """Makes training and held-out batches of pairs, encoded already or not."""

    vae: Vae
    instructions: Embeddings
    options: TrainConfig
    seed: int

    def training(self, pairs: PairBatch | EncodedBatch, step: int, first: int) -> EditBatch:
        """The batch of a step on one rank, whose samples' places in the whole batch start at `first`."""
        rngs = [np.random.default_rng([self.seed, step, first + place]) for place in range(len(pairs))]
        wordings = [rng.choice(pair["instructions"]) for rng, pair in zip(rngs, pairs.pairs, strict=True)]
        flips = [
            rng.random() < 0.5 and not names_a_side(pair["instructions"])
            for rng, pair in zip(rngs, pairs.pairs, strict=True)
        ]
        options = self.options
        uniform_B = torch.tensor([rng.random() for rng in rngs])
        keeps_text, keeps_image = condition_dropout_masks(
            uniform_B, options.text_dropout, options.image_dropout, options.both_dropout
        )
        normal_B = torch.tensor([rng.standard_normal() for rng in rngs], dtype=torch.float32)
        sigma_B = noise_levels(normal_B, options)
        wordings = [text if kept else "" for text, kept in zip(wordings, keeps_text.tolist(), strict=True)]
        source, edited = (self._latents(pictures, flips) for pictures in (pairs.source, pairs.edited))
        source = source * keeps_image[:, None, None, None].to(source)
        return self._batch(pairs, source, edited, wordings, sigma_B, rngs)

    def held_out_at(self, pairs: PairBatch | EncodedBatch, quantile: float) -> EditBatch:
        """Pairs unflipped, under their first wording, with noise that is always the same.

        Args:
            quantile: of the noise levels of training, at which all of them are.
        """
        normal_B = torch.full((len(pairs),), NormalDist().inv_cdf(quantile))
        sigma_B = noise_levels(normal_B, self.options)
        rngs = [np.random.default_rng([self.seed, *pair["pair_id"].encode()]) for pair in pairs.pairs]
        source, edited = (self._latents(pictures, [False] * len(pairs)) for pictures in (pairs.source, pairs.edited))
        wordings = [pair["instructions"][0] for pair in pairs.pairs]
        return self._batch(pairs, source, edited, wordings, sigma_B, rngs)

    def _batch(
        self,
        pairs: PairBatch | EncodedBatch,
        source: Tensor,
        edited: Tensor,
        wordings: Sequence[str],
        sigma_B: Tensor,
        rngs: Sequence[np.random.Generator],
    ) -> EditBatch:
        noise = torch.from_numpy(np.stack([rng.standard_normal(edited.shape[1:], np.float32) for rng in rngs]))
        sigma_B = sigma_B.to(edited)
        noisy, target = rectified_flow_pair(edited, noise.to(edited), sigma_B)
        prompt, pooled = self.instructions(wordings)
        inputs = {
            "noisy": noisy,
            "timestep": 1000 * sigma_B,
            "prompt_embeds": prompt.to(edited),
            "pooled": pooled.to(edited),
            "condition": source,
        }
        weight = importance(pairs, self.options).to(edited)
        pair_ids, tasks = (tuple(pair[name] for pair in pairs.pairs) for name in ("pair_id", "task"))
        return EditBatch(pair_ids, tasks, inputs, target, weight)

    @torch.no_grad()
    def _latents(self, pictures: np.ndarray, flips: Sequence[bool]) -> Tensor:
        """(B, C, h, w) of pictures as the batches have them, those named by `flips` mirrored."""
        if pictures.dtype != np.uint8:
            return torch.from_numpy(pictures[np.arange(len(flips)), np.asarray(flips, int)]).to(self.vae.device)
        mirrored = [p[:, ::-1] if flip else p for p, flip in zip(pictures, flips, strict=True)]
        images = torch.from_numpy(np.stack(mirrored)).to(self.vae.device).permute(0, 3, 1, 2)
        return encode(self.vae, images / 127.5 - 1)
