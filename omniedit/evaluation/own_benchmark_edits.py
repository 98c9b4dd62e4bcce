"""Edits for the benchmark: each model gets the same images and instructions, at the same size."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from omniedit.architectures import ARCHITECTURES, BASELINES
from omniedit.aspect import bucket_size, closest_ratio
from omniedit.imaging.images import Image, resize_cover, resize_cover_mask
from omniedit.pairs import EditPair

MODELS = (*ARCHITECTURES, *BASELINES)
"""Models that can be compared, in the order of tables: trained editors by architecture, then the baselines."""

BATCH_SIZE = 8
"""Pairs that are read and edited together; an editor halves it if the device runs out of memory."""

EditFunction = Callable[[Sequence[EditPair]], Sequence[Image]]
"""Function that edits the source images of pairs at their own sizes; `EditPair.edited` is the specialist's edit."""


def no_edit(pairs: Sequence[EditPair]) -> Sequence[Image]:
    """Return the source images unchanged."""
    return [pair.source for pair in pairs]


def specialist(pairs: Sequence[EditPair]) -> Sequence[Image]:
    """Return the specialist's edits, which were made with knowledge of the truth."""
    return [pair.edited for pair in pairs]


@dataclass(frozen=True)
class SamplingOptions:
    """Sampling options of trained editors, from the keys of `bench` in the config."""

    steps: int
    guidance_text: float
    guidance_image: float
    seed: int


def load_trained_editor(folder: Path, sampling: SamplingOptions) -> EditFunction:
    """Load the editor in `folder`, on a GPU if there is one. It gets the pairs' references and tasks if it takes them.

    The noise of a pair depends only on (seed, pair_id), not on the other pairs of its batch.
    """
    import torch
    from PIL.Image import fromarray

    from omniedit.models.adaptive_batches import OomAdaptiveBatcher
    from omniedit.models.loading import load_editor
    from omniedit.models.pipeline_conditions import call_arguments

    pipeline = load_editor(folder)
    pipeline.set_progress_bar_config(disable=True)
    batches = OomAdaptiveBatcher(BATCH_SIZE)

    def noise_generator(pair: EditPair) -> torch.Generator:
        digest = hashlib.sha256(f"{sampling.seed}|{pair.pair_id}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7]))

    def edit(pairs: Sequence[EditPair]) -> Sequence[Image]:
        output = pipeline(
            image=[fromarray(pair.source) for pair in pairs],
            instruction=[pair.instruction for pair in pairs],
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance_text,
            image_guidance_scale=sampling.guidance_image,
            generator=[noise_generator(pair) for pair in pairs],
            **call_arguments(
                pipeline.takes,
                [[reference.image for reference in pair.references] for pair in pairs],
                [pair.task for pair in pairs],
                [[reference.caption for reference in pair.references] for pair in pairs],
            ),
        )
        return [np.asarray(image.convert("RGB")) for image in output.images]

    return lambda pairs: batches.map(edit, pairs)


def scale_to_bucket(pair: EditPair, resolution: int) -> EditPair:
    """Scale a pair to its ratio's bucket of about resolution^2 pixels, as in training.

    A pixel of the scaled mask is set if it covers any pixel of the mask.

    The ratio is the one in the provenance, or else the nearest to that of the image.
    """
    ratio = pair.provenance.get("ratio") or closest_ratio(pair.source.shape[1], pair.source.shape[0])
    width, height = bucket_size(ratio, resolution)
    return replace(
        pair,
        source=resize_cover(pair.source, width, height),
        edited=resize_cover(pair.edited, width, height),
        mask=None if pair.mask is None else resize_cover_mask(pair.mask, width, height),
    )
